"""An index that is open for reading, and how the rows of its tables refer to each other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from core.text.language import ENGLISH, language
from index.corpus import Record
from index.lexical import LexicalIndex
from index.passages import Passage
from index.ranking import Answerability, Ranking
from index.topics import question_aspect, question_topic
from index.vectors import no_vectors, one_thread

_READ_FOR_LANGUAGE = 20
"""Passages by which the language of a file is told."""
READING = ("question_column", "answer_column", "encoding")
"""Settings of how a file is read."""


@dataclass(frozen=True)
class Manifest:
    """The facts of an index: what it was made from, and in `files` the size in bytes and SHA-256 of each other file."""

    schema: int
    csv: str
    csv_path: str
    csv_sha256: str
    rows: int
    kept: int
    merged: int
    refused: dict[str, int]
    passages: int
    embedder: str
    adapter: str
    """Identity of the low-rank adapter that questions are embedded with; empty for none."""
    dimension: int
    settings: dict[str, Any]
    files: dict[str, dict[str, Any]]
    built: str
    build: str

    @property
    def reading(self) -> dict[str, Any]:
        """The settings of `READING` that its file was read with."""
        return {name: self.settings.get(name, "") for name in READING}

    @property
    def complete(self) -> bool:
        """Whether the build has vectors; one without them can be searched by words alone."""
        return "vectors.faiss" in self.files


@dataclass(frozen=True)
class Index:
    """An index that is open for reading. It stays usable when a newer build is published beside it."""

    manifest: Manifest
    folder: Path
    records: dict[str, Record]
    passages: tuple[Passage, ...]
    vectors: faiss.Index
    question_vectors: faiss.Index
    lexical: LexicalIndex
    words: dict[str, int]
    ranking: Ranking

    @property
    def embedded(self) -> bool:
        """Whether there are vectors to search; without them there are the words alone."""
        return self.vectors.ntotal > 0

    @property
    def answerability(self) -> Answerability:
        """The model of whether the file holds an answer that goes with what can be searched."""
        return self.ranking.answerability if self.embedded else self.ranking.answerability_by_words

    def without_vectors(self) -> "Index":
        """The index as it is before its vectors are made: searched by words alone."""
        nothing = no_vectors(self.manifest.dimension)
        return replace(self, vectors=nothing, question_vectors=nothing)

    @cached_property
    def by_id(self) -> dict[str, Passage]:
        return {passage.id: passage for passage in self.passages}

    @cached_property
    def word_count(self) -> int:
        """How many words the file has, repeats included."""
        return sum(self.words.values())

    @cached_property
    def words_by_letter(self) -> dict[str, list[str]]:
        """The words by their first letter."""
        groups: dict[str, list[str]] = {}
        for word in self.words:
            groups.setdefault(word[0], []).append(word)
        return groups

    @cached_property
    def language(self) -> str:
        """The ISO 639-1 code of the language of the first answers; English where it cannot be told."""
        first = islice(self.passages, _READ_FOR_LANGUAGE)
        return language(" ".join(passage.text for passage in first)) or ENGLISH

    @cached_property
    def questions(self) -> tuple[tuple[Record, str], ...]:
        """Every question of the file with the record that answers it: the rows of `question_vectors` and `lexical`."""
        return question_rows(self.records.values())

    @cached_property
    def topics(self) -> tuple[tuple[str, str], ...]:
        """Topic and aspect of every question."""
        return tuple((question_topic(*row), question_aspect(*row)) for row in self.questions)

    @cached_property
    def headed(self) -> np.ndarray:
        """The row of the passage and the row of the question of each row of `vectors`; shape (vectors, 2)."""
        return headed_rows(self.passages, self.questions)

    @cached_property
    def first_vector(self) -> np.ndarray:
        """The first row of `order` for each question; shape (questions + 1,)."""
        return np.searchsorted(self.headed[self.order, 1], np.arange(len(self.questions) + 1))

    @cached_property
    def order(self) -> np.ndarray:
        """The rows of `vectors` sorted by their question; shape (vectors,)."""
        return np.argsort(self.headed[:, 1], kind="stable")

    def vectors_of(self, question_row: int) -> np.ndarray:
        """The rows of `vectors` that hold the passages under this question."""
        return self.order[self.first_vector[question_row] : self.first_vector[question_row + 1]]

    def all_vectors(self) -> np.ndarray:
        """The headed passages' vectors in their order, shape (vectors, dimension)."""
        return self.vectors.reconstruct_n(0, self.vectors.ntotal)

    def search(self, vectors: np.ndarray, k: int) -> list[list[tuple[Passage, float]]]:
        """The k nearest headed passages of each query vector, best first, with their cosine similarity.

        Args:
            vectors: shape (queries, dimension), L2-normalised float32.
        """
        if not self.embedded:
            return [[] for _ in vectors]
        queries = np.ascontiguousarray(vectors, dtype=np.float32)
        with one_thread():
            scores, rows = self.vectors.search(queries, min(k, self.vectors.ntotal))
        return [
            [
                (self.passages[self.headed[row, 0]], float(score))
                for row, score in zip(rows[q], scores[q], strict=True)
                if row >= 0
            ]
            for q in range(len(rows))
        ]


def question_rows(records: Iterable[Record]) -> tuple[tuple[Record, str], ...]:
    """Every question with its record, in the records' order."""
    return tuple((record, question) for record in records for question in record.questions)


def rows_by_record(questions: Sequence[tuple[Record, str]]) -> dict[str, list[int]]:
    """The rows of each record's questions, by the record's id."""
    rows: dict[str, list[int]] = {}
    for row, (record, _) in enumerate(questions):
        rows.setdefault(record.id, []).append(row)
    return rows


def headed_rows(passages: Sequence[Passage], questions: Sequence[tuple[Record, str]]) -> np.ndarray:
    """(passage row, question row) of each passage under each question of its record; shape (vectors, 2)."""
    rows_of = rows_by_record(questions)
    pairs = [(row, question) for row, passage in enumerate(passages) for question in rows_of[passage.record_id]]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)
