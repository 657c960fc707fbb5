"""The index folder: written whole, checked by hash before anything is parsed, published by one rename.

DIR/current                 the name of the published build
DIR/previous                the name of the build before it, for --rollback
DIR/embedded.sqlite         vectors of a build that is not complete yet (`index.checkpoint`)
DIR/embedding.json          how far that build is
DIR/builds/NAME/            manifest.json and the files that it names with size and hash:
    records.parquet, passages.parquet
    lexical/                BM25 over every question with its record's answer (bm25s)
    words.parquet           the file's words with their counts
    ranking.json            weights of the fusion, and when to abstain
    vectors.faiss           of each passage, once under every question of its record
    questions.faiss         of each question of every record

A build without the last two can be searched by words alone: it is published while they are made.
"""

import dataclasses
import hashlib
import json
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import DataError, IndexFolderError
from core.files import new_folder, remove_leftovers, sha256_file, write_atomic
from index import lexical
from index.corpus import Corpus
from index.lexical import LexicalIndex
from index.passages import Passage
from index.published import how_to_build, published_build
from index.ranking import Ranking, read_ranking
from index.reader import Index, Manifest, question_rows
from index.tables import passages_table, read_passages, read_records, records_table
from index.vectors import no_vectors, pack_vectors, unpack_vectors

SCHEMA_VERSION = 3
READABLE = (2, 3)
"""Versions of the schema that are read; in version 2 all questions of a record had the columns of the first one."""
LEXICAL = tuple(f"lexical/{name}" for name in lexical.FILES)
WORDS = ("records.parquet", "passages.parquet", "words.parquet", "ranking.json", *LEXICAL)
"""The files of a build of words alone, which is published while the vectors are made."""
FILES = (*WORDS, "vectors.faiss", "questions.faiss")
"""The files of a complete build."""


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


def write_words(folder: Path, corpus: Corpus, csv_path: Path, passages: list[Passage], recipe: Recipe) -> Path:
    """Write a build that can be searched by words alone below `folder` and return its path; nothing is published yet.

    The caller holds the lock of who publishes.

    Raises:
        OSError: the disk is full; what was published before is untouched.
    """
    remove_leftovers(folder / "builds")  # each of them is as large as a build, and no other call would find it
    name = _build_name()
    with new_folder(folder / "builds" / name) as partial:
        pq.write_table(records_table(corpus.records), partial / "records.parquet")
        pq.write_table(passages_table(passages), partial / "passages.parquet")
        (partial / "ranking.json").write_bytes(recipe.ranking)
        documents = [f"{question}\n{record.answer}" for record, question in question_rows(corpus.records)]
        LexicalIndex.make(documents).save(partial / "lexical")
        words = lexical.vocabulary(documents)
        pq.write_table(pa.table({"word": list(words), "count": list(words.values())}), partial / "words.parquet")
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
        )
        _seal(partial, manifest, WORDS)
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
    build = words.with_name(_build_name())
    with new_folder(build) as partial:
        for file in WORDS:
            (partial / file).parent.mkdir(exist_ok=True)
            shutil.copyfile(words / file, partial / file)
        (partial / "vectors.faiss").write_bytes(pack_vectors(vectors))
        (partial / "questions.faiss").write_bytes(pack_vectors(question_vectors))
        _seal(partial, dataclasses.replace(manifest, build=build.name), FILES)
    return build


def _build_name() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f-") + uuid.uuid4().hex[:6]


def _seal(partial: Path, manifest: Manifest, files: Sequence[str]) -> None:
    """Write the manifest over a build's files, last of all."""
    hashed = {file: {"bytes": (partial / file).stat().st_size, "sha256": sha256_file(partial / file)} for file in files}
    sealed = dataclasses.replace(manifest, files=hashed, built=datetime.now(UTC).isoformat(timespec="seconds"))
    write_atomic(partial / "manifest.json", json.dumps(dataclasses.asdict(sealed), indent=2) + "\n")


def open_index(folder: Path) -> Index:
    """Open the published build, every file's hash verified before it is parsed.

    Raises:
        IndexFolderError: no index, another schema version, or a file that is missing or damaged.
    """
    return open_build(published_build(folder))


def open_build(build: Path) -> Index:
    """Open one build, published or not; see `open_index`.

    Raises:
        IndexFolderError: another schema version, or a file that is missing or damaged.
    """
    folder = build.parent.parent
    manifest = read_manifest(build)
    contents = {name: _verified(build / name, entry, folder) for name, entry in manifest.files.items()}
    records = read_records(contents["records.parquet"])
    passages = read_passages(contents["passages.parquet"], records)
    vectors, question_vectors = (
        unpack_vectors(contents[name]) if name in contents else no_vectors(manifest.dimension)
        for name in ("vectors.faiss", "questions.faiss")
    )
    words = pq.read_table(pa.BufferReader(contents["words.parquet"])).to_pydict()
    index = Index(
        manifest,
        folder,
        records,
        passages,
        vectors,
        question_vectors,
        LexicalIndex.load(build / "lexical"),
        dict(zip(words["word"], words["count"], strict=True)),
        _ranking(contents["ranking.json"], build),
    )
    expected_of = ((vectors, len(index.headed)), (question_vectors, len(index.questions)))
    for found, expected in expected_of if manifest.complete else ():
        if found.ntotal != expected or found.d != manifest.dimension:
            raise IndexFolderError(
                f"{build} holds {found.ntotal} vectors of {found.d} where {expected} of {manifest.dimension} are due; "
                f"{how_to_build(folder)}"
            )
    return index


def _ranking(content: bytes, build: Path) -> Ranking:
    try:
        return read_ranking(content, str(build / "ranking.json"))
    except DataError as error:
        raise IndexFolderError(f"{error}; {how_to_build(build.parent.parent)}") from error


def check_build(build: Path) -> Manifest:
    """Verify size and hash of every file of a build and return its manifest.

    Raises:
        IndexFolderError: names the file that is missing or damaged.
    """
    manifest = read_manifest(build)
    for name, entry in manifest.files.items():
        _verified(build / name, entry, build.parent.parent)
    return manifest


def read_manifest(build: Path) -> Manifest:
    """Read and validate a build's manifest.

    Raises:
        IndexFolderError: it is missing, unreadable, or of another schema version.
    """
    folder, path = build.parent.parent, build / "manifest.json"
    try:
        values = json.loads(path.read_bytes())
        if values["schema"] not in READABLE:
            raise IndexFolderError(
                f"{path} has schema version {values['schema']}, this CiteWell reads "
                f"{' and '.join(map(str, READABLE))}; {how_to_build(folder)}"
            )
        manifest = Manifest(**values)
        if set(manifest.files) not in (set(FILES), set(WORDS)):
            raise ValueError("its list of files is not complete")
        if not all(type(file["bytes"]) is int and type(file["sha256"]) is str for file in manifest.files.values()):
            raise ValueError("a file has no size or no hash")
        datetime.fromisoformat(manifest.built)
        return manifest
    except FileNotFoundError:
        raise IndexFolderError(f"{path} is missing; {how_to_build(folder)}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IndexFolderError(f"{path} is damaged ({error}); {how_to_build(folder)}") from error


def _verified(path: Path, entry: dict[str, Any], folder: Path) -> bytes:
    """A file's content, read once and checked, so that what is parsed is what was hashed."""
    if not path.is_file():
        raise IndexFolderError(f"{path} is missing; {how_to_build(folder)}")
    content = path.read_bytes()
    if len(content) != entry["bytes"]:
        raise IndexFolderError(f"{path} has {len(content)} bytes, expected {entry['bytes']}; {how_to_build(folder)}")
    digest = hashlib.sha256(content).hexdigest()
    if digest != entry["sha256"]:
        raise IndexFolderError(
            f"{path} is damaged: SHA-256 {digest[:12]}…, expected {entry['sha256'][:12]}…; {how_to_build(folder)}"
        )
    return content
