"""The vectors of a build: taken from an earlier one and from the checkpoint, the rest embedded and kept as it comes."""

import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from core.progress import bar, log
from core.text.condense import heading
from index.checkpoint import Checkpoint
from index.embedders.base import Embedder
from index.passages import headed_text
from index.published import published_build
from index.reader import Index
from index.status import write_status

TOGETHER = 512
"""Texts that the embedder may sort by length: enough for even batches, few enough for an even rate."""


class Superseded(Exception):  # noqa: N818 - no error: the folder holds what somebody wanted later
    """Another build was published while this one was embedded."""


@dataclass(frozen=True)
class EmbeddingPlan:
    """The texts that a build needs vectors of, and the vectors that are known."""

    folder: Path
    headed: list[str]
    """Each passage under each question of its record, in the order of `headed_rows`."""
    questions: list[str]
    """Each question, or what it asks if it is long, in the order of `question_rows`."""
    unchanged: dict[str, np.ndarray]
    """Text -> its vector in the build before, shape (dimension,)."""
    kept: dict[str, np.ndarray]
    """Text -> its vector in the checkpoint, shape (dimension,)."""

    @cached_property
    def texts(self) -> list[str]:
        """All texts, each once."""
        return list(dict.fromkeys([*self.headed, *self.questions]))

    @cached_property
    def new(self) -> list[str]:
        """The texts to embed, short and long ones mixed, so that the time left can be estimated early."""
        texts = [text for text in self.texts if text not in self.unchanged and text not in self.kept]
        random.Random(0).shuffle(texts)  # noqa: S311 - no secret
        return texts


@dataclass(frozen=True)
class BuildVectors:
    """The vectors of a build, and what they cost."""

    vectors: np.ndarray
    """The vector of each headed passage, shape (vectors, dimension), float32."""
    question_vectors: np.ndarray
    """The vector of each question, shape (questions, dimension), float32."""
    unchanged: int
    """The number of headed passages whose vectors the build before had."""
    kept: int
    """The number of texts whose vectors an unfinished build had made."""
    embedded: int
    """The number of texts that were embedded."""
    per_second: float


def wanted(folder: Path, words: Index, old: Index | None, embedder: Embedder) -> EmbeddingPlan:
    """Find the texts that a build of words alone needs vectors of, and the vectors that are known.

    Args:
        old: a complete build with the same embedder; None for none.

    Raises:
        OSError: the checkpoint cannot be opened.
    """
    headed, questions = headed_texts(words), question_texts(words)
    unchanged: dict[str, np.ndarray] = {}
    if old is not None:
        before = (
            (
                _unshortened(headed_texts(old), [old.questions[head][1] for head in old.headed[:, 1].tolist()]),
                old.vectors,
                headed,
            ),
            (_unshortened(question_texts(old), [asked for _, asked in old.questions]), old.question_vectors, questions),
        )
        for known, vectors, asked in before:
            row_of = {text: row for row, text in known.items()}
            rows = {text: row_of[text] for text in asked if text in row_of}
            if rows:
                unchanged.update(zip(rows, vectors.reconstruct_batch(np.array(list(rows.values()))), strict=True))
    kept: dict[str, np.ndarray] = {}
    if Checkpoint.exists(folder):
        with Checkpoint(folder, embedder.identity, embedder.dimension) as checkpoint:
            kept = checkpoint.known([text for text in dict.fromkeys([*headed, *questions]) if text not in unchanged])
    return EmbeddingPlan(folder, headed, questions, unchanged, kept)


def headed_texts(index: Index) -> list[str]:
    """The text that is embedded for each row of an index's vectors."""
    return [headed_text(index.questions[head][1], index.passages[row]) for row, head in index.headed.tolist()]


def _heads(index: Index) -> list[str]:
    return [index.questions[head][1] for head in index.headed[:, 1].tolist()]


def _unshortened(texts: Sequence[str], questions: Sequence[str]) -> dict[int, str]:
    """Row -> text, where its question was embedded whole: an earlier version did not shorten the long ones."""
    pairs = enumerate(zip(texts, questions, strict=True))
    return {row: text for row, (text, question) in pairs if heading(question) == question}


def question_texts(index: Index) -> list[str]:
    """The text that is embedded for each question: the whole question, or the part of a long one that asks."""
    return [heading(question) for _, question in index.questions]


def embed(todo: EmbeddingPlan, embedder: Embedder, published: Path | None = None) -> BuildVectors:
    """Embed what is new; each vector is kept within seconds, so that a build that ends early loses only those.

    Args:
        published: the build that must stay published meanwhile; None asks for none.

    Raises:
        Superseded: another build was published.
        IndexFolderError: the checkpoint cannot be written: the disk is full.
    """
    vectors = np.zeros((len(todo.texts), embedder.dimension), dtype=np.float32)
    row_of = {text: row for row, text in enumerate(todo.texts)}
    for known in (todo.unchanged, todo.kept):
        if known:
            vectors[[row_of[text] for text in known]] = list(known.values())
    started = time.perf_counter()
    if todo.new:
        _embed_new(todo, embedder, vectors, row_of, published)
    seconds = time.perf_counter() - started
    return BuildVectors(
        vectors[[row_of[text] for text in todo.headed]],
        vectors[[row_of[text] for text in todo.questions]],
        sum(text in todo.unchanged for text in todo.headed),
        len(todo.kept),
        len(todo.new),
        len(todo.new) / seconds if seconds else 0.0,
    )


def _embed_new(
    todo: EmbeddingPlan, embedder: Embedder, vectors: np.ndarray, row_of: dict[str, int], published: Path | None
) -> None:
    started, done = time.perf_counter(), 0
    with (
        Checkpoint(todo.folder, embedder.identity, embedder.dimension) as checkpoint,
        bar("embedding", len(todo.new), " texts") as progress,
    ):

        def keep(rows: Sequence[int], made: np.ndarray) -> None:
            nonlocal done
            done += len(rows)
            progress.update(len(rows))
            if checkpoint.add([together[row] for row in rows], made):
                if published is not None and published_build(todo.folder) != published:
                    raise Superseded
                with contextlib.suppress(OSError):  # it is news, and no more
                    reached = len(todo.texts) - len(todo.new) + done
                    write_status(todo.folder, reached, len(todo.texts), done / (time.perf_counter() - started))

        try:
            for begin in range(0, len(todo.new), TOGETHER):
                together = todo.new[begin : begin + TOGETHER]
                vectors[[row_of[text] for text in together]] = embedder.embed(together, keep)
        except KeyboardInterrupt:
            log.info(
                f"{done:,} of {len(todo.new):,} texts are embedded and kept; the same command continues from there"
            )
            raise
