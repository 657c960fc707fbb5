"""A search that asks shards elsewhere and leaves out those that fail or are late; the answer names how many did."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from pydantic import PrivateAttr, SkipValidation

from core.errors import IndexFolderError
from core.progress import log
from rag.answer import Note
from rag.search.parts import FoundIndex, Part, join_parts
from rag.search.query import Query
from rag.search.results import Retrieval
from rag.search.retriever import IndexRetriever
from rag.search.stages import Stages

LATE_S = 2.0
"""Seconds that a shard may take; a search of 2 million vectors takes a tenth."""


class Pending(Protocol):
    """A shard's search that is under way."""

    def result(self, *, timeout_s: float) -> Part | None:
        """What it found; raises whatever went wrong, TimeoutError too."""


Ask = Callable[[Query, np.ndarray, Mapping[str, str]], Pending]
"""Starts the search of one shard."""


class ShardedRetriever(IndexRetriever):
    """A retriever for one question at a time (`for_one_question`) whose index is what the shards found."""

    shards: SkipValidation[Sequence[Ask]] = ()
    late_s: float = LATE_S
    _left_out: list[int] = PrivateAttr(default_factory=list)

    def for_one_question(self) -> "ShardedRetriever":
        """A copy whose index may change while it searches."""
        copied = self.model_copy()
        copied._left_out = []
        return copied

    def search(
        self,
        question: str,
        history: Sequence[str] = (),
        filters: Mapping[str, str] | None = None,
        *,
        urgent: bool = False,
    ) -> Retrieval:
        """Find evidence for a question; raises as `IndexRetriever.search` does.

        Raises:
            IndexFolderError: no shard answered.
        """
        found = super().search(question, history, filters, urgent=urgent)
        if not self._left_out:
            return found
        count = len(self.shards)
        note = Note(
            "shards",
            f"{count - len(self._left_out)} of {count} parts of the index were searched; "
            "the others did not answer, so something may be missing",
        )
        return dataclasses.replace(found, query=dataclasses.replace(found.query, notes=(*found.query.notes, note)))

    def _run_stages(self, query: Query, vector: np.ndarray, filters: Mapping[str, str]) -> Stages:
        parts = self._ask_all(query, vector, filters)
        found = {number: part for number, part in parts.items() if part is not None}
        if not parts:
            raise IndexFolderError(f"none of the {len(self.shards)} shards answered; look at the service's log")
        if not found:
            raise self._nothing_allowed(filters)
        assert isinstance(self.index, FoundIndex)
        self.index, stages = join_parts(self.index, found)
        return stages

    def _ask_all(self, query: Query, vector: np.ndarray, filters: Mapping[str, str]) -> dict[int, Part | None]:
        """What each shard found, None where the filters leave nothing of it; those left out are missing."""
        pending: dict[int, Pending] = {}
        parts: dict[int, Part | None] = {}
        until = time.monotonic() + self.late_s
        for number, ask in enumerate(self.shards):
            try:
                pending[number] = ask(query, vector, filters)
            except Exception as error:  # whatever it is, the others can answer
                self._leave_out(number, error)
        for number, search in pending.items():
            try:
                parts[number] = search.result(timeout_s=max(0.01, until - time.monotonic()))
            except Exception as error:
                self._leave_out(number, error)
        return parts

    def _leave_out(self, number: int, error: Exception) -> None:
        log.warning(f"notice: shard {number} was left out ({type(error).__name__}: {str(error).splitlines()[:1]})")
        self._left_out.append(number)
