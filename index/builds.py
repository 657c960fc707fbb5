"""What a build consists of: its manifest read and validated, its files checked by hash.

A file whose hash was found right once is not read again for that: `checked.json` keeps its size and times, and a file
that has others is hashed anew. So opening reads some kilobytes, whatever the index holds. `check_build`, and with it
`citewell build --check`, reads every byte.
"""

import contextlib
import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from core.errors import IndexFolderError
from core.files import sha256_file, write_atomic
from index import lexical
from index.published import how_to_build, published_build
from index.reader import Manifest
from index.tables import EARLIER, TABLES

SCHEMA_VERSION = 4
READABLE = (2, 3, 4)
"""Versions of the schema that are read; before 4, records and passages were Parquet, and in version 2 all questions of
a record had the columns of the first one."""
LEXICAL = tuple(f"lexical/{name}" for name in lexical.FILES)
_BESIDE = ("words.parquet", "ranking.json", *LEXICAL)
WORDS = (*TABLES, *_BESIDE)
"""The files of a build of words alone, which is published while the vectors are made."""
_VECTORS = ("vectors.faiss", "questions.faiss")
FILES = (*WORDS, *_VECTORS)
"""The files of a complete build."""
IN_FULL = ("vectors.npy", "questions.npy")
"""The vectors in full, where those of `FILES` are compressed."""
OF_SHARDS = ("words.parquet", "ranking.json", "terms.parquet", "background.npy", "places.npy")
"""The files of a build of shards, beside the shards."""
_KNOWN = {
    *(frozenset(words) for words in (WORDS, (*EARLIER, *_BESIDE))),
    *(frozenset((*words, *_VECTORS)) for words in (WORDS, (*EARLIER, *_BESIDE))),
    *(frozenset((*words, *_VECTORS, *IN_FULL)) for words in (WORDS, (*EARLIER, *_BESIDE))),
    frozenset(OF_SHARDS),
}
CHECKED = "checked.json"


def check_build(build: Path) -> Manifest:
    """Verify size and hash of every file of a build, reading all of them, and return its manifest.

    Raises:
        IndexFolderError: names the file that is missing or damaged.
    """
    manifest = read_manifest(build)
    verify(build, manifest, again=True)
    for shard in manifest.shards:
        check_build(published_build(build / "shards" / shard["name"]))
    return manifest


def content_hash(manifest: Manifest) -> str:
    """What a build holds, as one SHA-256: over the hashes of its files and shards, not over its name and time."""
    facts = {
        "files": {name: entry["sha256"] for name, entry in sorted(manifest.files.items())},
        "shards": [shard["sha256"] for shard in manifest.shards],
    }
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def verify(build: Path, manifest: Manifest, *, again: bool = False) -> None:
    """Verify each file of a build that is not known to be as it was when its hash was last found right.

    Args:
        again: hash those that are, too.

    Raises:
        IndexFolderError: names the file that is missing or damaged.
    """
    checked = {} if again else _checked(build)
    known = {name for name, entry in manifest.files.items() if checked.get(name) == _signs(build / name, entry)}
    for name in manifest.files.keys() - known:
        _verify(build / name, manifest.files[name], build.parent.parent)
    if len(known) < len(manifest.files):
        with contextlib.suppress(OSError):  # a folder that cannot be written is hashed at each opening
            mark(build, manifest)


def mark(build: Path, manifest: Manifest) -> None:
    """Keep that the hash of every file of a build was found right; raises OSError where that cannot be written."""
    signs = {name: _signs(build / name, entry) for name, entry in manifest.files.items()}
    write_atomic(build / CHECKED, json.dumps(signs, indent=1) + "\n")


def _signs(path: Path, entry: dict[str, Any]) -> list[Any] | None:
    """What changes with a file, beside the hash that it should have; None if it is missing.

    The time of change (ctime) cannot be set back by copying an older file's time, as that of writing can.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, entry["sha256"]]


def _checked(build: Path) -> dict[str, Any]:
    try:
        kept = json.loads((build / CHECKED).read_bytes())
        return kept if isinstance(kept, dict) else {}
    except (OSError, ValueError):
        return {}


def _verify(path: Path, entry: dict[str, Any], folder: Path) -> None:
    if not path.is_file():
        raise IndexFolderError(f"{path} is missing; {how_to_build(folder)}")
    size = path.stat().st_size
    if size != entry["bytes"]:
        raise IndexFolderError(f"{path} has {size} bytes, expected {entry['bytes']}; {how_to_build(folder)}")
    digest = sha256_file(path)
    if digest != entry["sha256"]:
        raise IndexFolderError(
            f"{path} is damaged: SHA-256 {digest[:12]}…, expected {entry['sha256'][:12]}…; {how_to_build(folder)}"
        )


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
                f"{', '.join(map(str, READABLE[:-1]))} and {READABLE[-1]}; {how_to_build(folder)}"
            )
        manifest = Manifest(**{**values, "shards": tuple(values.get("shards", ()))})
        if frozenset(manifest.files) not in _KNOWN:
            raise ValueError("its list of files is not complete")
        if bool(manifest.shards) != ("terms.parquet" in manifest.files):
            raise ValueError("its list of shards is not complete")
        if not all(type(file["bytes"]) is int and type(file["sha256"]) is str for file in manifest.files.values()):
            raise ValueError("a file has no size or no hash")
        if not all(type(shard["name"]) is str and type(shard["sha256"]) is str for shard in manifest.shards):
            raise ValueError("a shard has no name or no hash")
        datetime.fromisoformat(manifest.built)
        return manifest
    except FileNotFoundError:
        raise IndexFolderError(f"{path} is missing; {how_to_build(folder)}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IndexFolderError(f"{path} is damaged ({error}); {how_to_build(folder)}") from error
