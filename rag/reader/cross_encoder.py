"""A user's own cross-encoder in the reader's place: it orders passages, and the search decides."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import WeightsError
from core.libraries import cuda_available, quieten
from core.precision import torch_dtype
from rag.answer import Hit
from rag.reader.base import Reading

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

MAX_TOKENS = 224
"""Most tokens of question and passage together."""
BATCH = 4


def load_cross_encoder(name: str, max_tokens: int, setting: str, without: str) -> "CrossEncoder":
    """Load a sentence-transformers CrossEncoder by folder or hub id.

    Args:
        setting: the setting that names it.
        without: what happens if that is left empty.

    Raises:
        WeightsError: it is not to be had.
    """
    quieten()
    from sentence_transformers import CrossEncoder

    try:
        model = CrossEncoder(
            name,
            local_files_only=Path(name).is_dir(),
            max_length=max_tokens,
            model_kwargs={"dtype": torch_dtype("cuda" if cuda_available() else "cpu")},
        )
        model.tokenizer.split_special_tokens = True  # "[SEP]" in a text is letters, and no mark of the model's
        return model
    except Exception as error:  # the hub client raises a dozen unrelated types
        raise WeightsError(
            f"{setting} {name!r} is no folder with a cross-encoder and could not be fetched from the hub "
            f"({type(error).__name__}); leave {setting} empty to {without}"
        ) from error


class CrossEncoderReader:
    """Any sentence-transformers CrossEncoder with one score for a pair, as a `Reader` that reads no sentences."""

    def __init__(self, name: str, model: "CrossEncoder") -> None:
        self.identity = name
        self._model = model

    @classmethod
    def load(cls, name: str) -> "CrossEncoderReader":
        """Load a cross-encoder by folder or hub id.

        Raises:
            WeightsError: it is not to be had.
        """
        return cls(name, load_cross_encoder(name, MAX_TOKENS, "rag.reader", "search without"))

    def read(self, question: str, hits: Sequence[Hit]) -> list[Reading]:
        pairs = [(question, f"{hit.question}\n{hit.text}") for hit in hits]
        scores: Iterable[float] = self._model.predict(pairs, batch_size=BATCH, show_progress_bar=False) if pairs else ()
        return [Reading(float(score), float(score)) for score in scores]
