"""Folders of files made from other files (a converted model): sealed when made, checked before use.

A sealed folder holds `citewell.json`: what it was made from, and size and SHA-256 of each of its files.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from filelock import FileLock

from core.checked import CHECKED, mark, unchanged, wrong
from core.files import new_folder, sha256_file, write_atomic
from core.progress import log
from core.seals import sealed, unsealed

MARKER = "citewell.json"
DAILY_S = 24 * 3600.0
"""Seconds after which a model that OpenVINO parses is hashed again although nothing shows that it changed: a disk that
rots changes neither size nor time, and what OpenVINO makes of a damaged model is a crash or other words."""

Facts = Mapping[str, str | int]
"""The facts of a folder: what it was made from, and with which settings."""


def seal(folder: Path, facts: Facts) -> None:
    """Write the marker over a folder's files; to be called last, inside `core.files.new_folder`."""
    files = {
        str(path.relative_to(folder)): {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (MARKER, CHECKED)
    }
    write_atomic(folder / MARKER, json.dumps(sealed({"made_from": facts, "files": files}), indent=2) + "\n")
    mark(folder, files)


def damage(folder: Path, facts: Facts, within_s: float = float("inf")) -> str:
    """Why a sealed folder cannot be used as one made from `facts`; empty if it can.

    A file that is as it was when its hash was found right, not longer ago than `within_s`, is not read for that.
    """
    try:
        marker = unsealed((folder / MARKER).read_bytes())
        if marker["made_from"] != facts:
            return "it was made from something else"
        files = marker["files"]
        known = unchanged(folder, files, within_s)
        for name in files.keys() - known:
            if not (folder / name).is_file():
                return f"it has no {name}"
            if wrong(folder / name, files[name]):
                return f"{name} has changed"
        if len(known) < len(files):
            with contextlib.suppress(OSError):  # a folder that cannot be written is hashed at each start
                mark(folder, files)
        return ""
    except FileNotFoundError:
        return f"it has no {MARKER}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"its {MARKER} cannot be read"


def sealed_hash(folder: Path, name: str) -> str:
    """SHA-256 of one file of a sealed folder, as it was sealed."""
    return str(json.loads((folder / MARKER).read_text(encoding="utf-8"))["files"][name]["sha256"])


@contextlib.contextmanager
def made_once(folder: Path, facts: Facts, within_s: float = float("inf")) -> Iterator[Path | None]:
    """Make a sealed folder if it does not stand whole: yields an empty folder to fill, or None.

    One process makes it while others wait. What was filled is sealed and put in place when the block ends; a block
    that fails or is killed leaves nothing.

    >>> with made_once(folder, facts) as empty:
    ...     if empty is not None:
    ...         convert(empty)

    Args:
        within_s: see `damage`.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    if not damage(folder, facts, within_s):  # without the lock, which a folder that cannot be written has no place for
        yield None
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{folder.name}.lock"):
        fault = damage(folder, facts, within_s)
        if not fault:
            yield None
            return
        if folder.exists():
            log.info(f"{folder} cannot be used ({fault}); making it again")
        with new_folder(folder) as empty:
            yield empty
            seal(empty, facts)
