"""What an embedder is: texts in, vectors out."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from core.text.sentences import Span

Done = Callable[[Sequence[int], np.ndarray], object]


class Embedder(Protocol):
    """The interface of an embedding model. Several threads may use one at the same time."""

    @property
    def identity(self) -> str:
        """Name and weights' hash: the vectors of two embedders of one identity can be searched with each other.

        On one processor they are the same (cosine 0.9999 or more); of 8 bits and of 32, 0.998 on average.
        """

    @property
    def dimension(self) -> int: ...

    def token_spans(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the (start, end) character offsets of each text's tokens."""

    def embed(self, texts: Sequence[str], done: Done | None = None) -> np.ndarray:
        """L2-normalised float32 vectors, shape (len(texts), dimension), in the order of `texts`.

        Args:
            done: called with the rows of each batch of texts and their vectors as soon as these are there.
        """


def cosines(embedder: Embedder, text: str, others: Sequence[str]) -> list[float]:
    """Cosine similarity of a text to each of others."""
    vectors = embedder.embed([text, *others])
    return [float(value) for value in vectors[1:] @ vectors[0]]
