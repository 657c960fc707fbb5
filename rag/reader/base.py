"""What a reader is: questions and passages in, grades out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.text.sentences import sentence_spans
from rag.answer import Hit
from rag.reader.inputs import Pair


@dataclass(frozen=True)
class Reading:
    """What reading a passage for a question gave."""

    grade: float
    """How well it answers, from 0 to 3 as TREC's judges grade: the mean of what the reader holds for possible."""
    logit: float
    """Log-odds that it answers at all, in whole or in substance (grade 2 or 3)."""
    sentences: tuple[float, ...] = ()
    """Probability that each sentence (`core.text.sentences.sentence_spans`) answers; those there was no room to read
    are left out. Empty of a reader that does not look at sentences."""


class Reader(Protocol):
    """The interface of a reader. Several threads may use one at the same time."""

    @property
    def identity(self) -> str:
        """Name and weights' hash: readings of one identity are the same, but for rounding."""

    def read(self, question: str, hits: Sequence[Hit]) -> list[Reading]:
        """Read each passage under its heading for the question."""


def pair(question: str, hit: Hit) -> Pair:
    """A question and a hit as the reader reads them."""
    return Pair(question, hit.question, sentences(hit.text))


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text as the reader reads them, each on one line."""
    return tuple(" ".join(text[start:end].split()) for start, end in sentence_spans(text))
