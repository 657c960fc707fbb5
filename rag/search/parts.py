"""A search over shards that stand elsewhere: what one of them finds, and what several found, joined to an index.

A shard runs all stages over its own rows and sends what the rest of a search looks at: the rows, their passages,
questions and topics. The joined index holds these alone, and fusion, reader and decision take it as any other; of the
same shards it gives what `index.sharded.joined` gives.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import overload

import numpy as np

from index.corpus import Record
from index.lexical import TermStatistics
from index.passages import Passage
from index.reader import Index, Manifest
from index.rows import Item, RowLayout, Rows
from index.sharded.joined import Found, merged, open_shard, read_background
from index.single import ranking_of
from index.tables import Records, read_counts, read_statistics
from rag.search.query import Query
from rag.search.stages import DEPTH, Stages, allowed_questions, run_stages

_SHARD = 1 << 40
"""Row of a joined index = number of the shard * this + row in it."""


@dataclass(frozen=True)
class Part:
    """What one shard found, by its own rows."""

    stages: Stages
    heads: dict[int, tuple[int, int]]
    """Vector row -> the row of its passage and of its question."""
    nearest: dict[int, tuple[int, float]]
    """Question row -> the vector row of its nearest passage, and the cosine."""
    passages: dict[int, Passage]
    questions: dict[int, tuple[Record, str]]
    """Question row -> its record, without the answer, and the question."""
    topics: dict[int, tuple[str, str]]
    places: dict[int, int]
    """Question row -> the place of its record among those of all shards."""


def search_part(
    index: Index, places: np.ndarray, query: Query, vector: np.ndarray, filters: Mapping[str, str]
) -> Part | None:
    """Search one shard; None where the filters leave nothing of it.

    Args:
        places: of the shard's records.
    """
    allowed = allowed_questions(index, filters)
    if allowed is not None and not len(allowed):
        return None
    stages = run_stages(index, query, vector, allowed, DEPTH)
    asked = list(dict.fromkeys(row for row, _ in (*stages.question, *stages.lexical)))
    nearest = dict(zip(asked, index.nearest_under(asked, vector), strict=True))
    rows = list(dict.fromkeys([*(row for row, _ in stages.headed), *(row for row, _ in nearest.values())]))
    heads = {row: (p, q) for row, (p, q) in zip(rows, index.layout.heads(np.array(rows, int)).tolist(), strict=True)}
    questions = {row: index.questions[row] for row in {*asked, *(question for _, question in heads.values())}}
    return Part(
        stages,
        heads,
        nearest,
        {row: index.passages[row] for row, _ in heads.values()},
        {row: (dataclasses.replace(record, answer=""), question) for row, (record, question) in questions.items()},
        {row: index.topics[row] for row in questions},
        {row: int(places[index.layout.record_of_question(row)]) for row in questions},
    )


class _FoundRows(Rows[Item]):
    """The rows that were found, of so many."""

    def __init__(self, items: Mapping[int, Item], count: int) -> None:
        super().__init__(count, items.__getitem__, 0)
        self._items = items

    @overload
    def __getitem__(self, row: int) -> Item: ...
    @overload
    def __getitem__(self, row: slice) -> list[Item]: ...
    def __getitem__(self, row: int | slice) -> Item | list[Item]:
        if isinstance(row, slice):
            raise IndexError("of what shards found there are single rows alone")
        return self._items[row]


class _FoundLayout(RowLayout):
    def __init__(self, heads: Mapping[int, tuple[int, int]]) -> None:
        super().__init__(np.zeros((3, 1), dtype=np.int64))
        self._heads = heads

    def heads(self, rows: np.ndarray) -> np.ndarray:
        return np.array([self._heads[int(row)] for row in rows], dtype=np.int64).reshape(-1, 2)


@dataclass(frozen=True)
class _NoVectors:
    """The number of vectors that stand elsewhere."""

    ntotal: int
    d: int

    def nearest(self, query: np.ndarray, k: int, rows: np.ndarray | None = None) -> Found:
        return ()

    def reconstruct_batch(self, rows: np.ndarray) -> np.ndarray:
        raise IndexError("the vectors stand in the shards")


@dataclass(frozen=True)
class _WholeTerms:
    """How telling terms are over all shards; to search for them is the shards' part."""

    whole: TermStatistics

    def __len__(self) -> int:
        return self.whole.documents

    def best(self, query_terms: Sequence[str], depth: int, allowed: np.ndarray | None = None) -> Found:
        return ()

    def weight(self, term: str) -> float:
        return self.whole.weight(term)

    def knows(self, term: str) -> bool:
        return term in self.whole.holding


@dataclass(frozen=True)
class FoundIndex(Index):
    """What is known of all shards, with the rows that they found for one question."""

    found: Mapping[int, tuple[int, float]] = dataclasses.field(default_factory=dict)
    found_topics: Mapping[int, tuple[str, str]] = dataclasses.field(default_factory=dict)
    found_questions: Mapping[int, tuple[Record, str]] = dataclasses.field(default_factory=dict)

    @property
    def questions(self) -> Rows[tuple[Record, str]]:
        return _FoundRows(self.found_questions, len(self.lexical))

    @property
    def topics(self) -> Rows[tuple[str, str]]:
        return _FoundRows(self.found_topics, len(self.lexical))

    def nearest_under(self, question_rows: Sequence[int], vector: np.ndarray) -> list[tuple[int, float]]:
        return [self.found[row] for row in question_rows]


def open_whole(build: Path, manifest: Manifest) -> FoundIndex:
    """What a build of shards knows of all of them; nothing is found yet. Its own files are verified.

    Raises:
        IndexFolderError: it is from before the language was kept, and its first shard cannot be opened to tell it.
    """
    language = manifest.language or open_shard(build, manifest, 0).language
    manifest = dataclasses.replace(manifest, language=language)
    nowhere = _NoVectors(manifest.passages, manifest.dimension)
    return FoundIndex(
        manifest,
        build.parent.parent,
        Records(Rows(0, _nothing), np.zeros((2, 0), dtype=np.uint64)),
        Rows(0, _nothing),
        _FoundLayout({}),
        nowhere,
        nowhere,
        _WholeTerms(read_statistics(build / "terms.parquet")),
        partial(read_counts, build / "words.parquet"),
        ranking_of(build),
        partial(read_background, build),
    )


def _nothing(row: int) -> Item:  # type: ignore[type-var]
    raise IndexError(f"row {row} stands in a shard")


def join_parts(whole: FoundIndex, parts: Mapping[int, Part]) -> tuple[FoundIndex, Stages]:
    """The index of what the shards of these numbers found, and the best of all of them in each stage."""
    starts = {number: number * _SHARD for number in parts}
    each = [(starts[number], part) for number, part in parts.items()]
    heads = {at + row: (at + p, at + q) for at, part in each for row, (p, q) in part.heads.items()}
    places = {at + row: place for at, part in each for row, place in part.places.items()}

    def of_questions(rows: np.ndarray) -> np.ndarray:
        return np.array([places[int(row)] for row in rows], dtype=np.int64)

    def of_vectors(rows: np.ndarray) -> np.ndarray:
        return np.array([places[heads[int(row)][1]] for row in rows], dtype=np.int64)

    def best(stage: str) -> Found:
        found = [[(at + row, score) for row, score in getattr(part.stages, stage)] for at, part in each]
        return merged(found, DEPTH, of_vectors if stage == "headed" else of_questions)

    index = dataclasses.replace(
        whole,
        layout=_FoundLayout(heads),
        passages=_FoundRows({at + row: item for at, part in each for row, item in part.passages.items()}, 0),
        found={at + q: (at + row, cosine) for at, part in each for q, (row, cosine) in part.nearest.items()},
        found_topics={at + row: item for at, part in each for row, item in part.topics.items()},
        found_questions={at + row: item for at, part in each for row, item in part.questions.items()},
    )
    return index, Stages(best("headed"), best("question"), best("lexical"))
