"""Optional reranking by a cross-encoder: it reads question and passage together, slower and often better."""

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import WeightsError
from core.libraries import cuda_available, quieten
from core.precision import torch_dtype
from core.settings import RagSettings
from rag.answer import Hit

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

MAX_TOKENS = 128
"""Most tokens of question and passage together; twice as many take nearly twice the time."""
BATCH = 4
"""Pairs scored between two looks at the clock."""


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
        return CrossEncoder(
            name,
            local_files_only=Path(name).is_dir(),
            max_length=max_tokens,
            model_kwargs={"dtype": torch_dtype("cuda" if cuda_available() else "cpu")},
        )
    except Exception as error:  # the hub client raises a dozen unrelated types
        raise WeightsError(
            f"{setting} {name!r} is no folder with a cross-encoder and could not be fetched from the hub "
            f"({type(error).__name__}); leave {setting} empty to {without}"
        ) from error


class Reranker:
    """Any sentence-transformers CrossEncoder."""

    def __init__(self, model: "CrossEncoder") -> None:
        self._model = model

    @classmethod
    def load(cls, name: str) -> "Reranker":
        """Load a cross-encoder by folder or hub id.

        Raises:
            WeightsError: it is not to be had.
        """
        return cls(load_cross_encoder(name, MAX_TOKENS, "rag.reranker", "search without"))

    def rerank(self, question: str, hits: list[Hit], settings: RagSettings, started: float) -> list[Hit]:
        """The hits with those first that the model scores highest; each gets its score and rank as "reranked".

        Hits beyond `rerank_candidates`, and those that `rerank_ms` from `started` leaves no time for, follow in their
        old order.
        """
        scored: list[tuple[float, Hit]] = []
        wanted = hits[: settings.rerank_candidates]
        for begin in range(0, len(wanted), BATCH):
            if begin and (time.perf_counter() - started) * 1000 > settings.rerank_ms:
                break
            batch = wanted[begin : begin + BATCH]
            pairs = [(question, f"{hit.question}\n{hit.text}") for hit in batch]
            scores = self._model.predict(pairs, batch_size=BATCH, show_progress_bar=False)
            scored.extend((float(score), hit) for score, hit in zip(scores, batch, strict=True))
        ordered = sorted(scored, key=lambda pair: -pair[0])
        reranked = [
            dataclasses.replace(hit, scores={**hit.scores, "reranked": score}, ranks={**hit.ranks, "reranked": rank})
            for rank, (score, hit) in enumerate(ordered, start=1)
        ]
        return reranked + hits[len(scored) :]
