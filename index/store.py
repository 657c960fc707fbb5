"""The index folder: written whole, checked by hash before anything is parsed, published by one rename.

DIR/current                 the name of the published build
DIR/previous                the name of the build before it, for --rollback
DIR/builds/NAME/            manifest.json and the files that it names with size and hash:
    records.parquet, passages.parquet
    vectors.faiss           of each passage, once under every question of its record
    questions.faiss         of each question of every record
    lexical/                BM25 over every question with its record's answer (bm25s)
    words.parquet           the file's words with their counts
    ranking.json            weights of the fusion, and when to abstain
"""

import contextlib
import dataclasses
import hashlib
import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from core.errors import DataError, IndexFolderError
from core.files import new_folder, sha256_file, write_atomic
from index import lexical
from index.corpus import Corpus
from index.lexical import LexicalIndex
from index.opened import Index, Manifest, question_rows
from index.passages import Passage
from index.ranking import Ranking, read_ranking
from index.tables import passages_table, read_passages, read_records, records_table
from index.vectors import pack_vectors, unpack_vectors

SCHEMA_VERSION = 2
LEXICAL = tuple(f"lexical/{name}" for name in lexical.FILES)
FILES = (
    "records.parquet",
    "passages.parquet",
    "vectors.faiss",
    "questions.faiss",
    "words.parquet",
    "ranking.json",
    *LEXICAL,
)


@contextlib.contextmanager
def build_lock(folder: Path, waiting: Callable[[], object], timeout_s: float = 3600) -> Iterator[None]:
    """Hold the folder's one build lock; calls `waiting` once if another process has it.

    Raises:
        IndexFolderError: the other build did not end within `timeout_s` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waiting()
        try:
            lock.acquire(timeout=timeout_s)
        except Timeout:
            raise IndexFolderError(f"another build still holds {folder}/.lock; end it, then build again") from None
    try:
        yield
    finally:
        lock.release()


def write_build(
    folder: Path,
    corpus: Corpus,
    csv_path: Path,
    passages: list[Passage],
    vectors: np.ndarray,
    question_vectors: np.ndarray,
    ranking: bytes,
    embedder: str,
    adapter: str,
    settings: dict[str, Any],
) -> Path:
    """Write a complete build below `folder` and return its path; nothing is published yet.

    Args:
        vectors: of each passage under each question, in the order of `headed_rows`.
        question_vectors: of each question, in the order of `question_rows`.
        ranking: the content of a ranking file.

    Raises:
        OSError: the disk is full; what was published before is untouched.
    """
    name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S-") + uuid.uuid4().hex[:6]
    with new_folder(folder / "builds" / name) as partial:
        pq.write_table(records_table(corpus.records), partial / "records.parquet")
        pq.write_table(passages_table(passages), partial / "passages.parquet")
        (partial / "vectors.faiss").write_bytes(pack_vectors(vectors))
        (partial / "questions.faiss").write_bytes(pack_vectors(question_vectors))
        (partial / "ranking.json").write_bytes(ranking)
        documents = [f"{question}\n{record.answer}" for record, question in question_rows(corpus.records)]
        LexicalIndex.make(documents).save(partial / "lexical")
        words = lexical.vocabulary(documents)
        pq.write_table(pa.table({"word": list(words), "count": list(words.values())}), partial / "words.parquet")
        manifest = Manifest(
            schema=SCHEMA_VERSION,
            csv=corpus.name,
            csv_path=str(csv_path),
            csv_sha256=corpus.sha256,
            rows=corpus.rows,
            kept=len(corpus.records),
            merged=corpus.merged,
            refused=corpus.refused_by_reason,
            passages=len(passages),
            embedder=embedder,
            adapter=adapter,
            dimension=int(vectors.shape[1]),
            settings=settings,
            files={
                file: {"bytes": (partial / file).stat().st_size, "sha256": sha256_file(partial / file)}
                for file in FILES
            },
            built=datetime.now(UTC).isoformat(timespec="seconds"),
            build=name,
        )
        write_atomic(partial / "manifest.json", json.dumps(dataclasses.asdict(manifest), indent=2) + "\n")
    return folder / "builds" / name


def publish(folder: Path, build: Path) -> None:
    """Make `build` the one that readers open, keep the one before it, and delete those before that."""
    before = _pointer(folder / "current")
    if before and before != build.name:
        write_atomic(folder / "previous", before)
    write_atomic(folder / "current", build.name)
    keep = {build.name, _pointer(folder / "previous")}
    for old in (folder / "builds").iterdir():
        if old.name not in keep:
            shutil.rmtree(old, ignore_errors=True)


def rollback(folder: Path) -> str:
    """Publish the previous build again and return its name; a second call goes forward again.

    Raises:
        IndexFolderError: there is no previous build, or it is damaged.
    """
    previous, current = _pointer(folder / "previous"), _pointer(folder / "current")
    if not previous or not current:
        raise IndexFolderError(f"{folder} keeps no previous build; build one: python -m index.build --index {folder}")
    check_build(folder / "builds" / previous)
    write_atomic(folder / "current", previous)
    write_atomic(folder / "previous", current)
    return previous


def previous_build(folder: Path) -> str:
    """The name of the build that `rollback` would publish; empty if there is none."""
    name = _pointer(folder / "previous")
    return name if name and (folder / "builds" / name).is_dir() else ""


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
    vectors = unpack_vectors(contents["vectors.faiss"])
    question_vectors = unpack_vectors(contents["questions.faiss"])
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
    for found, expected in ((vectors, len(index.headed)), (question_vectors, len(index.questions))):
        if found.ntotal != expected or found.d != manifest.dimension:
            raise IndexFolderError(
                f"{build} holds {found.ntotal} vectors of {found.d} where {expected} of {manifest.dimension} are due; "
                f"{_rebuild(folder)}"
            )
    return index


def _ranking(content: bytes, build: Path) -> Ranking:
    try:
        return read_ranking(content, str(build / "ranking.json"))
    except DataError as error:
        raise IndexFolderError(f"{error}; {_rebuild(build.parent.parent)}") from error


def check_build(build: Path) -> Manifest:
    """Verify size and hash of every file of a build and return its manifest.

    Raises:
        IndexFolderError: names the file that is missing or damaged.
    """
    manifest = read_manifest(build)
    for name, entry in manifest.files.items():
        _verified(build / name, entry, build.parent.parent)
    return manifest


def published_build(folder: Path) -> Path:
    """The folder of the published build.

    Raises:
        IndexFolderError: there is none.
    """
    name = _pointer(folder / "current")
    if not name:
        raise IndexFolderError(f"no index at {folder}; {_rebuild(folder)}")
    return folder / "builds" / name


def read_manifest(build: Path) -> Manifest:
    """Read and validate a build's manifest.

    Raises:
        IndexFolderError: it is missing, unreadable, or of another schema version.
    """
    folder, path = build.parent.parent, build / "manifest.json"
    try:
        values = json.loads(path.read_bytes())
        if values["schema"] != SCHEMA_VERSION:
            raise IndexFolderError(
                f"{path} has schema version {values['schema']}, this CiteWell reads {SCHEMA_VERSION}; "
                f"{_rebuild(folder)}"
            )
        manifest = Manifest(**values)
        if set(manifest.files) != set(FILES):
            raise ValueError("its list of files is not complete")
        return manifest
    except FileNotFoundError:
        raise IndexFolderError(f"{path} is missing; {_rebuild(folder)}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IndexFolderError(f"{path} is damaged ({error}); {_rebuild(folder)}") from error


def _verified(path: Path, entry: dict[str, Any], folder: Path) -> bytes:
    """A file's content, read once and checked, so that what is parsed is what was hashed."""
    if not path.is_file():
        raise IndexFolderError(f"{path} is missing; {_rebuild(folder)}")
    content = path.read_bytes()
    if len(content) != entry["bytes"]:
        raise IndexFolderError(f"{path} has {len(content)} bytes, expected {entry['bytes']}; {_rebuild(folder)}")
    digest = hashlib.sha256(content).hexdigest()
    if digest != entry["sha256"]:
        raise IndexFolderError(
            f"{path} is damaged: SHA-256 {digest[:12]}…, expected {entry['sha256'][:12]}…; {_rebuild(folder)}"
        )
    return content


def _rebuild(folder: Path) -> str:
    return f"build it: python -m index.build --index {folder}"


def _pointer(path: Path) -> str:
    try:
        name = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    return name if name == Path(name).name and not name.startswith(".") else ""
