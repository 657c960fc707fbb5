"""The index folder: written whole, checked by hash before anything is parsed, published by one rename.

DIR/current                 the name of the published build
DIR/previous                the name of the build before it, for --rollback
DIR/embedded.sqlite         vectors of a build that is not complete yet (`index.checkpoint`)
DIR/embedding.json          how far that build is
DIR/builds/NAME/            manifest.json and the files that it names with size and hash:
    records.arrow           the records, and in ids.npy, rows.npy, spans.npy how their rows are found (`index.tables`)
    lexical/                BM25 over every question with its record's answer (bm25s)
    words.parquet           the file's words with their counts
    ranking.json            weights of the fusion, and when to abstain
    vectors.faiss           of each passage, once under every question of its record
    questions.faiss         of each question of every record
    vectors.npy, questions.npy    the same in full, where those are compressed
    checked.json            size and time of each file when its hash was last found right (`core.checked`)

A build without the vectors can be searched by words alone: it is published while they are made. A build of shards
(`index.sharded`) holds index folders of this form below `shards`.
"""

import dataclasses
import json
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from core import seals
from core.checked import mark
from core.files import new_folder, remove_leftovers, sha256_file, write_atomic
from index import lexical
from index.builds import IN_FULL, SCHEMA_VERSION, WORDS, check_build
from index.corpus import Corpus
from index.lexical import LexicalIndex, TermStatistics
from index.passages import Passage
from index.published import BUILD
from index.reader import Manifest, language_of, question_rows
from index.tables import write_counts, write_tables
from index.vectors import EXACT, save_vectors, storage_of

_TIME = "%Y%m%dT%H%M%S%f"
"""The time in a build's name, in microseconds."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a build holds, beside the CSV and its passages."""

    embedder: str
    """Identity of the embedder of the passages."""
    dimension: int
    adapter: str
    """Identity of the adapter that questions are embedded with; empty for none."""
    ranking: bytes
    """The content of a ranking file."""
    settings: dict[str, Any]


def write_words(
    folder: Path,
    corpus: Corpus,
    csv_path: Path,
    passages: list[Passage],
    recipe: Recipe,
    whole: TermStatistics | None = None,
) -> Path:
    """Write a build that can be searched by words alone below `folder` and return its path; nothing is published yet.

    The caller holds the lock of who publishes.

    Args:
        whole: the statistics of the terms of all shards, where this is one of several.

    Raises:
        OSError: the disk is full; what was published before is untouched.
    """
    remove_leftovers(folder / "builds")  # each of them is as large as a build, and no other call would find it
    name = build_name(folder / "builds")
    with new_folder(folder / "builds" / name) as partial:
        write_tables(partial, corpus.records, passages)
        (partial / "ranking.json").write_bytes(recipe.ranking)
        documents = [f"{question}\n{record.answer}" for record, question in question_rows(corpus.records)]
        LexicalIndex.make(documents, whole).save(partial / "lexical")
        words = lexical.vocabulary(documents)
        write_counts(partial / "words.parquet", words)
        manifest = Manifest(
            schema=SCHEMA_VERSION,
            csv=corpus.name,
            csv_path=str(csv_path.absolute()),  # for a build that is started elsewhere
            csv_sha256=corpus.sha256,
            rows=corpus.rows,
            kept=len(corpus.records),
            merged=corpus.merged,
            refused=corpus.refused_by_reason,
            passages=len(passages),
            embedder=recipe.embedder,
            adapter=recipe.adapter,
            dimension=recipe.dimension,
            settings=recipe.settings,
            files={},
            built="",
            build=name,
            language=language_of(passages),
        )
        seal(partial, manifest, WORDS)
    return folder / "builds" / name


def add_vectors(words: Path, vectors: np.ndarray, question_vectors: np.ndarray) -> Path:
    """Write a complete build beside one of words alone and return its path; nothing is published yet.

    Args:
        vectors: one for each passage under each question, in the order of `headed_rows`, shape (vectors, dimension).
        question_vectors: one for each question, in the order of `question_rows`, shape (questions, dimension).

    Raises:
        IndexFolderError: the build of words is damaged.
        OSError: the disk is full; what was published before is untouched.
    """
    manifest = check_build(words)
    names = WORDS if manifest.schema == SCHEMA_VERSION else tuple(manifest.files)
    storage = storage_of(manifest.settings.get("vectors", "auto"), len(vectors))
    build = words.with_name(build_name(words.parent))
    with new_folder(build) as partial:
        for file in names:
            (partial / file).parent.mkdir(exist_ok=True)
            shutil.copyfile(words / file, partial / file)
        save_vectors(partial, "vectors", vectors, storage)
        save_vectors(partial, "questions", question_vectors, storage)
        made = ("vectors.faiss", "questions.faiss", *(IN_FULL if storage != EXACT else ()))
        seal(partial, dataclasses.replace(manifest, build=build.name), (*names, *made))
    return build


def build_name(builds: Path) -> str:
    """A name for a new build among others: it comes after all of them in the order of names, which is that of their
    making, also where the clock was set back since."""
    now = datetime.now(UTC).strftime(_TIME)
    newest = max((path.name.partition("-")[0] for path in builds.glob("*") if BUILD.fullmatch(path.name)), default="")
    if newest >= now:
        last = datetime.strptime(newest.ljust(len(now), "0"), _TIME)
        now = (last + timedelta(microseconds=1)).strftime(_TIME)
    return f"{now}-{uuid.uuid4().hex[:6]}"


def seal(partial: Path, manifest: Manifest, files: Sequence[str]) -> None:
    """Write the manifest over a build's files, last of all."""
    hashed = {file: {"bytes": (partial / file).stat().st_size, "sha256": sha256_file(partial / file)} for file in files}
    sealed = dataclasses.replace(manifest, files=hashed, built=datetime.now(UTC).isoformat(timespec="seconds"))
    write_atomic(partial / "manifest.json", json.dumps(seals.sealed(dataclasses.asdict(sealed)), indent=2) + "\n")
    mark(partial, hashed)
