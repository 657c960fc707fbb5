"""How the rows of an index's tables refer to each other: by counting, so that no table of references is read.

A record's questions follow each other, so do its passages, and so does each passage under each of its questions:
vector row = first of the record + passage * questions + question.
"""

import operator
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import TypeVar, overload

import numpy as np

Item = TypeVar("Item", covariant=True)


class RowLayout:
    """The first passage, question and vector of each record, and behind the last one their number."""

    def __init__(self, first: np.ndarray) -> None:
        """`first` has shape (3, records + 1): of passages, questions, vectors; it may be mapped into memory."""
        self.first = first
        self.passages, self.questions, self.vectors = first

    @classmethod
    def of(cls, passages: Sequence[int], questions: Sequence[int]) -> "RowLayout":
        """The layout of records with so many passages and questions each."""
        counts = np.array([passages, questions], dtype=np.int64).reshape(2, -1)
        first = np.zeros((3, counts.shape[1] + 1), dtype=np.int64)
        first[:2, 1:] = counts.cumsum(axis=1)
        first[2, 1:] = (counts[0] * counts[1]).cumsum()
        return cls(first)

    @classmethod
    def joined(cls, layouts: Sequence["RowLayout"]) -> "RowLayout":
        """The layout of several indexes, one behind the other."""
        ends = np.cumsum([[0, 0, 0], *(layout.first[:, -1] for layout in layouts)], axis=0)
        parts = [layout.first[:, :-1] + end[:, None] for layout, end in zip(layouts, ends, strict=False)]
        return cls(np.concatenate([*parts, ends[-1][:, None]], axis=1))

    def __len__(self) -> int:
        return len(self.passages) - 1

    def heads(self, rows: np.ndarray) -> np.ndarray:
        """(passage row, question row) of these vector rows; shape (len(rows), 2)."""
        record = np.searchsorted(self.vectors, rows, side="right") - 1
        questions = self.questions[record + 1] - self.questions[record]
        passage, question = np.divmod(rows - self.vectors[record], np.maximum(questions, 1))
        return np.stack([self.passages[record] + passage, self.questions[record] + question], axis=1)

    def vectors_of(self, question_row: int) -> np.ndarray:
        """The vector rows of the passages under a question."""
        record = self.record_of_question(question_row)
        questions = self.questions[record + 1] - self.questions[record]
        begin = self.vectors[record] + question_row - self.questions[record]
        return np.arange(begin, self.vectors[record + 1], questions, dtype=np.int64)

    def record_of_question(self, row: int) -> int:
        return int(np.searchsorted(self.questions, row, side="right")) - 1

    def record_of_passage(self, row: int) -> int:
        return int(np.searchsorted(self.passages, row, side="right")) - 1

    @cached_property
    def headed(self) -> np.ndarray:
        """`heads` of every vector row, for those who look at all of them."""
        return self.heads(np.arange(self.vectors[-1], dtype=np.int64))


class Rows(Sequence[Item]):
    """A sequence whose items are made when they are asked for; the last thousands are kept."""

    def __init__(self, count: int, make: Callable[[int], Item], kept: int = 4096) -> None:
        self._count = count
        self._make = lru_cache(kept)(make)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, row: int) -> Item: ...
    @overload
    def __getitem__(self, row: slice) -> list[Item]: ...
    def __getitem__(self, row: int | slice) -> Item | list[Item]:
        if isinstance(row, slice):
            return [self._make(each) for each in range(*row.indices(self._count))]
        if not -self._count <= row < self._count:
            raise IndexError(f"row {row} of {self._count}")
        return self._make(int(row) % self._count)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and len(self) == len(other) and all(map(operator.eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[Item]:
        return (self[row] for row in range(self._count))
