"""Folders of files made from other files (a converted model): sealed when made, checked before use.

A sealed folder holds `citewell.json`: what it was made from, and size, time and SHA-256 of each of its files.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from filelock import FileLock

from core.files import new_folder, sha256_file, write_atomic
from core.progress import log

MARKER = "citewell.json"

Facts = Mapping[str, str | int]
"""The facts of a folder: what it was made from, and with which settings."""


def seal(folder: Path, facts: Facts) -> None:
    """Write the marker over a folder's files; to be called last, inside `core.files.new_folder`."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MARKER:
            status = path.stat()
            files[str(path.relative_to(folder))] = {
                "bytes": status.st_size,
                "mtime_ns": status.st_mtime_ns,
                "sha256": sha256_file(path),
            }
    write_atomic(folder / MARKER, json.dumps({"made_from": facts, "files": files}, indent=2) + "\n")


def damage(folder: Path, facts: Facts) -> str:
    """Why a sealed folder cannot be used as one made from `facts`; empty if it can.

    A file whose size and time are those of its making is taken to be the same; any other is hashed.
    """
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        if marker["made_from"] != facts:
            return "it was made from something else"
        for name, entry in marker["files"].items():
            status = (folder / name).stat()
            if (status.st_size, status.st_mtime_ns) == (entry["bytes"], entry["mtime_ns"]):
                continue
            if status.st_size != entry["bytes"] or sha256_file(folder / name) != entry["sha256"]:
                return f"{name} has changed"
        return ""
    except FileNotFoundError as error:
        return f"it has no {Path(error.filename).name}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"its {MARKER} cannot be read"


def sealed_hash(folder: Path, name: str) -> str:
    """SHA-256 of one file of a sealed folder, as it was sealed."""
    return str(json.loads((folder / MARKER).read_text(encoding="utf-8"))["files"][name]["sha256"])


@contextlib.contextmanager
def made_once(folder: Path, facts: Facts) -> Iterator[Path | None]:
    """Make a sealed folder if it does not stand whole: yields an empty folder to fill, or None.

    One process makes it while others wait. What was filled is sealed and put in place when the block ends; a block
    that fails or is killed leaves nothing.

    >>> with made_once(folder, facts) as empty:
    ...     if empty is not None:
    ...         convert(empty)

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    if not damage(folder, facts):  # without the lock, which a folder that cannot be written has no place for
        yield None
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{folder.name}.lock"):
        wrong = damage(folder, facts)
        if not wrong:
            yield None
            return
        if folder.exists():
            log.info(f"{folder} cannot be used ({wrong}); making it again")
        with new_folder(folder) as empty:
            yield empty
            seal(empty, facts)
