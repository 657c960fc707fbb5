"""An index that is open for reading, and how the rows of its tables refer to each other."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from core.text.language import language_of_file
from index.corpus import Record
from index.passages import Passage
from index.ranking import Answerability, Ranking
from index.rows import RowLayout, Rows
from index.tables import Records
from index.topics import question_aspect, question_topic
from index.vectors import Vectors, no_vectors

_READ_FOR_LANGUAGE = 20
"""Passages by which the language of a file is told."""
READING = ("question_column", "answer_column", "encoding")
"""Settings of how a file is read."""
SAMPLE = 200
"""Questions of a file that a question is compared with at large."""
_TOPICS = 1 << 16
"""Topics that are kept: a search looks at some hundred, and finding one takes 60 microseconds."""


class Lexical(Protocol):
    """BM25 over the questions of an index, which are known by their row (`index.lexical.LexicalIndex`)."""

    def __len__(self) -> int: ...

    def best(
        self, query_terms: Sequence[str], depth: int, allowed: np.ndarray | None = None
    ) -> tuple[tuple[int, float], ...]: ...

    def weight(self, term: str) -> float: ...

    def knows(self, term: str) -> bool: ...


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
    shards: tuple[dict[str, Any], ...] = ()
    """Of an index of several: name and content hash of each shard, an index folder below `shards`."""
    language: str = ""
    """The ISO 639-1 code of the language of its answers; empty in a build from before it was kept."""

    @property
    def reading(self) -> dict[str, Any]:
        """The settings of `READING` that its file was read with."""
        return {name: self.settings.get(name, "") for name in READING}

    @property
    def complete(self) -> bool:
        """Whether the build has vectors; one without them can be searched by words alone."""
        return "vectors.faiss" in self.files or bool(self.shards)


@dataclass(frozen=True)
class Index:
    """An index that is open for reading. It stays usable when a newer build is published beside it.

    Its tables are read row by row as they are asked for (`index.tables`); an index of shards has the same parts, joined
    (`index.sharded.joined`).
    """

    manifest: Manifest
    folder: Path
    records: Records
    passages: Rows[Passage]
    layout: RowLayout
    vectors: Vectors
    question_vectors: Vectors
    lexical: Lexical
    read_words: Callable[[], dict[str, int]]
    ranking: Ranking
    read_background: Callable[[], np.ndarray] | None = None
    """Reads `background`, where it is kept; None to take it from the vectors."""

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
    def by_id(self) -> Mapping[str, Passage]:
        return PassagesById(self.records, self.passages, self.layout)

    @cached_property
    def words(self) -> dict[str, int]:
        """The file's words with their counts."""
        return self.read_words()

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
        """The ISO 639-1 code of the language of the answers; English where it cannot be told."""
        return self.manifest.language or language_of(self.passages)

    @cached_property
    def questions(self) -> Rows[tuple[Record, str]]:
        """Every question of the file with the record that answers it: the rows of `question_vectors` and `lexical`."""
        layout, records = self.layout, self.records.rows

        def question(row: int) -> tuple[Record, str]:
            at = layout.record_of_question(row)
            return records[at], records[at].questions[row - int(layout.questions[at])]

        return Rows(int(layout.questions[-1]), question)

    def first_question(self, record_id: str) -> int:
        """The row of the first question of a record that there is."""
        return int(self.layout.questions[self.records.row(record_id)])

    @cached_property
    def topics(self) -> Rows[tuple[str, str]]:
        """Topic and aspect of every question."""
        questions = self.questions
        return Rows(
            len(questions), lambda row: (question_topic(*questions[row]), question_aspect(*questions[row])), _TOPICS
        )

    @cached_property
    def rows_of_topics(self) -> dict[str, list[int]]:
        """Topic -> the rows of its questions, in their order; reads every question once."""
        rows: dict[str, list[int]] = {}
        for row, (topic, _) in enumerate(self.topics):
            rows.setdefault(topic, []).append(row)
        return rows

    @property
    def headed(self) -> np.ndarray:
        """The row of the passage and the row of the question of each row of `vectors`; shape (vectors, 2)."""
        return self.layout.headed

    def vectors_of(self, question_row: int) -> np.ndarray:
        """The rows of `vectors` that hold the passages under this question."""
        return self.layout.vectors_of(question_row)

    def nearest_under(self, question_rows: Sequence[int], vector: np.ndarray) -> list[tuple[int, float]]:
        """Of the passages under each of these questions the nearest one: its vector row and its cosine."""
        rows = [self.vectors_of(row) for row in question_rows]
        if not rows:
            return []
        cosines = self.vectors.reconstruct_batch(np.concatenate(rows)) @ vector
        best, begin = [], 0
        for of_question in rows:
            values = cosines[begin : begin + len(of_question)]
            begin += len(of_question)
            best.append((int(of_question[values.argmax()]), float(values.max())))
        return best

    def all_vectors(self) -> np.ndarray:
        """The headed passages' vectors in their order, shape (vectors, dimension)."""
        return self.vectors.reconstruct_batch(np.arange(self.vectors.ntotal))

    @cached_property
    def background(self) -> np.ndarray:
        """Vectors of some of the file's questions, spread over all of them; shape (up to 200, dimension)."""
        if self.read_background is not None:
            return self.read_background()
        count = self.question_vectors.ntotal
        return self.question_vectors.reconstruct_batch(np.linspace(0, count - 1, min(count, SAMPLE), dtype=int))

    def search(self, vectors: np.ndarray, k: int) -> list[list[tuple[Passage, float]]]:
        """The k nearest headed passages of each query vector, best first, with their cosine similarity.

        Args:
            vectors: shape (queries, dimension), L2-normalised float32.
        """
        found = [self.vectors.nearest(vector, k) if self.embedded else () for vector in vectors]
        return [
            [(self.passages[int(self.layout.heads(np.array([row]))[0, 0])], score) for row, score in nearest]
            for nearest in found
        ]


class PassagesById(Mapping[str, Passage]):
    """The passages of an index by their ids, which are the record's id and a number."""

    def __init__(self, records: Records, passages: Rows[Passage], layout: RowLayout) -> None:
        self._records, self._passages, self._layout = records, passages, layout

    def __len__(self) -> int:
        return len(self._passages)

    def __iter__(self) -> Iterator[str]:
        return (passage.id for passage in self._passages)

    def __getitem__(self, key: str) -> Passage:
        record, _, number = key.rpartition("-")
        if record not in self._records or not number.isdecimal():
            raise KeyError(key)
        at = self._records.row(record)
        row = int(self._layout.passages[at]) + int(number)
        if row >= self._layout.passages[at + 1]:
            raise KeyError(key)
        return self._passages[row]


def language_of(passages: Iterable[Passage]) -> str:
    """The ISO 639-1 code of the language of the first passages; English where it cannot be told."""
    return language_of_file(" ".join(passage.text for passage in islice(passages, _READ_FOR_LANGUAGE)))


def question_rows(records: Iterable[Record]) -> tuple[tuple[Record, str], ...]:
    """Every question with its record, in the records' order."""
    return tuple((record, question) for record in records for question in record.questions)


def rows_by_record(questions: Sequence[tuple[Record, str]]) -> dict[str, list[int]]:
    """The rows of each record's questions, by the record's id."""
    rows: dict[str, list[int]] = {}
    for row, (record, _) in enumerate(questions):
        rows.setdefault(record.id, []).append(row)
    return rows
