"""Shards opened as one index, whose search gives what an index of everything gives: the same passages and scores.

Each shard is searched by itself and the best are merged by score. BM25 of a shard counts with the statistics of all
shards, and of equals the one that stands first in the files comes first (`places`): so nothing depends on the cut.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np

from core.errors import IndexFolderError
from index.builds import content_hash
from index.corpus import Record
from index.lexical import TermStatistics
from index.published import how_to_build, published_build
from index.reader import Index, Lexical, Manifest
from index.rows import Item, RowLayout, Rows
from index.single import open_single, ranking_of
from index.tables import Records, read_counts, read_statistics
from index.vectors import Vectors

Found = tuple[tuple[int, float], ...]
Places = Callable[[np.ndarray], np.ndarray]
"""Rows -> where their records stand in the files, the earlier the smaller."""


def open_shards(build: Path, manifest: Manifest) -> Index:
    """Open a build of shards whose own files are verified.

    Raises:
        IndexFolderError: a shard is missing, damaged, or not the one that was built.
    """
    folder = build.parent.parent
    parts = [open_shard(build, manifest, number) for number in range(len(manifest.shards))]
    layout = RowLayout.joined([part.layout for part in parts])
    places = np.load(build / "places.npy", mmap_mode="r")
    if len(places) != len(layout):
        raise IndexFolderError(f"{build} holds {len(layout)} records, expected {len(places)}; {how_to_build(folder)}")

    def of_questions(rows: np.ndarray) -> np.ndarray:
        return places[np.searchsorted(layout.questions, rows, side="right") - 1]

    def of_vectors(rows: np.ndarray) -> np.ndarray:
        return places[np.searchsorted(layout.vectors, rows, side="right") - 1]

    return Index(
        manifest,
        folder,
        JoinedRecords([part.records for part in parts]),
        join_rows([part.passages for part in parts]),
        layout,
        JoinedVectors([part.vectors for part in parts], of_vectors),
        JoinedVectors([part.question_vectors for part in parts], of_questions),
        JoinedLexical([part.lexical for part in parts], read_statistics(build / "terms.parquet"), of_questions),
        partial(read_counts, build / "words.parquet"),
        ranking_of(build),
        partial(read_background, build),
    )


def open_shard(build: Path, manifest: Manifest, number: int) -> Index:
    """Open one shard of a build and check that it is the one which the manifest names; raises as `open_shards` does."""
    named, folder = manifest.shards[number], build.parent.parent
    shard = build / "shards" / named["name"]
    which = f"shard {named['name']} of {len(manifest.shards)}"
    try:
        index = open_single(published_build(shard))
    except IndexFolderError as error:
        raise IndexFolderError(f"{which} cannot be opened: {error}") from error
    if index.manifest.embedder != manifest.embedder:
        raise IndexFolderError(
            f"{which} was made with the embedder {index.manifest.embedder}, the others with {manifest.embedder}; "
            f"{how_to_build(folder)}"
        )
    if content_hash(index.manifest) != named["sha256"]:
        raise IndexFolderError(f"{which} at {shard} is not the one that was built; {how_to_build(folder)}")
    return index


def read_background(build: Path) -> np.ndarray:
    """Vectors of questions that are spread over all shards (`Index.background`)."""
    return np.asarray(np.load(build / "background.npy"), dtype=np.float32)


def starts_of(counts: Sequence[int]) -> list[int]:
    """The row at which each part begins, and behind the last one their sum."""
    return [0, *accumulate(counts)]


def join_rows(parts: Sequence[Rows[Item]]) -> Rows[Item]:
    """The rows of all parts, one part behind the other; none is kept twice."""
    starts = starts_of([len(part) for part in parts])

    def item(row: int) -> Item:
        at = bisect_right(starts, row) - 1
        return parts[at][row - starts[at]]

    return Rows(starts[-1], item, 0)


class JoinedRecords(Records):
    """The records of several parts."""

    def __init__(self, parts: Sequence[Records]) -> None:
        self.rows = join_rows([part.rows for part in parts])
        self._parts, self._starts = parts, starts_of([len(part) for part in parts])

    def __iter__(self) -> Iterator[str]:
        return (key for part in self._parts for key in part)

    def __getitem__(self, key: str) -> Record:
        return self.rows[self.row(key)]

    def row(self, key: str) -> int:
        for part, start in zip(self._parts, self._starts, strict=False):
            if key in part:
                return start + part.row(key)
        raise KeyError(key)


class JoinedVectors:
    """The vectors of several parts, searched part by part."""

    def __init__(self, parts: Sequence[Vectors], places: Places) -> None:
        self._parts, self._places = parts, places
        self._starts = starts_of([part.ntotal for part in parts])
        self.ntotal, self.d = self._starts[-1], parts[0].d

    def nearest(self, query: np.ndarray, k: int, rows: np.ndarray | None = None) -> Found:
        found = [
            [(start + row, score) for row, score in part.nearest(query, k, local)]
            for part, start, local in zip(self._parts, self._starts, _split(rows, self._starts), strict=False)
        ]
        return merged(found, k, self._places)

    def reconstruct_batch(self, rows: np.ndarray) -> np.ndarray:
        rows = np.asarray(rows, dtype=np.int64)
        vectors = np.zeros((len(rows), self.d), dtype=np.float32)
        of = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(of):
            vectors[of == number] = self._parts[number].reconstruct_batch(rows[of == number] - self._starts[number])
        return vectors


class JoinedLexical:
    """BM25 over several parts, each of which was built with the statistics of all."""

    def __init__(self, parts: Sequence[Lexical], whole: TermStatistics, places: Places) -> None:
        self._parts, self._whole, self._places = parts, whole, places
        self._starts = starts_of([len(part) for part in parts])

    def __len__(self) -> int:
        return self._whole.documents

    def best(self, query_terms: Sequence[str], depth: int, allowed: np.ndarray | None = None) -> Found:
        found = [
            [(start + row, score) for row, score in part.best(query_terms, depth, local)]
            for part, start, local in zip(self._parts, self._starts, _split(allowed, self._starts), strict=False)
        ]
        return merged(found, depth, self._places)

    def weight(self, term: str) -> float:
        return self._whole.weight(term)

    def knows(self, term: str) -> bool:
        return term in self._whole.holding


def _split(rows: np.ndarray | None, starts: Sequence[int]) -> list[np.ndarray | None]:
    """The rows of each part, counted from its start; None asks for all."""
    if rows is None:
        return [None] * (len(starts) - 1)
    return [rows[(rows >= start) & (rows < end)] - start for start, end in pairwise(starts)]


def merged(found: Sequence[Sequence[tuple[int, float]]], k: int, places: Places) -> Found:
    """The k best of what several parts found, best first, of equals the one that stands first in the files."""
    together = [each for part in found for each in part]
    if not together:
        return ()
    rows = np.array([row for row, _ in together], dtype=np.int64)
    scores = np.array([score for _, score in together])
    order = np.lexsort((rows, places(rows), -scores))[:k]
    return tuple((int(rows[at]), float(scores[at])) for at in order)
