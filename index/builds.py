"""What a build consists of: its manifest read and validated, its files checked by hash.

A file whose hash was found right once is not read again for that (`core.checked`): opening reads some kilobytes,
whatever the index holds. `check_build`, and with it `citewell build --check`, reads every byte.
"""

import contextlib
import hashlib
import json
from datetime import datetime
from pathlib import Path

from core.checked import mark, unchanged, wrong
from core.errors import IndexFolderError
from core.seals import unsealed
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
    known = set() if again else unchanged(build, manifest.files)
    for name in manifest.files.keys() - known:
        if fault := wrong(build / name, manifest.files[name]):
            raise IndexFolderError(f"{build / name} {fault}; {how_to_build(build.parent.parent)}")
    if len(known) < len(manifest.files):
        with contextlib.suppress(OSError):  # a folder that cannot be written is hashed at each opening
            mark(build, manifest.files)


def read_manifest(build: Path) -> Manifest:
    """Read and validate a build's manifest.

    Raises:
        IndexFolderError: it is missing, unreadable, or of another schema version.
    """
    folder, path = build.parent.parent, build / "manifest.json"
    try:
        values = unsealed(path.read_bytes())
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
