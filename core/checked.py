"""Files whose hash was found right once, and which are not read again for that as long as they stay as they are.

`checked.json` beside them keeps size and times of each: opening then reads some kilobytes, however large they are. The
time of change (ctime) is among them, which cannot be set back as that of writing can.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.files import sha256_file, write_atomic

CHECKED = "checked.json"
Expected = Mapping[str, Mapping[str, Any]]
"""File -> its `bytes` and `sha256`, as they were when it was made."""


def unchanged(folder: Path, expected: Expected, within_s: float = float("inf")) -> set[str]:
    """The files that are as they were when their hashes were last found right, not longer ago than `within_s`."""
    try:
        file = folder / CHECKED
        if abs(time.time() - file.stat().st_mtime) > within_s:  # a clock that was set back makes it hash again, too
            return set()
        kept = json.loads(file.read_bytes())
        return {name for name, entry in expected.items() if kept.get(name) == _signs(folder / name, entry)}
    except (OSError, ValueError, AttributeError):
        return set()


def mark(folder: Path, expected: Expected) -> None:
    """Keep that the hash of every file was found right; raises OSError where that cannot be written."""
    signs = {name: _signs(folder / name, entry) for name, entry in expected.items()}
    write_atomic(folder / CHECKED, json.dumps(signs, indent=1) + "\n")


def wrong(file: Path, entry: Mapping[str, Any]) -> str:
    """What is wrong with a file, in words; empty if it is what it was when it was made. Reads all of it."""
    if not file.is_file():
        return "is missing"
    if (size := file.stat().st_size) != entry["bytes"]:
        return f"has {size} bytes, expected {entry['bytes']}"
    if (digest := sha256_file(file)) != entry["sha256"]:
        return f"is damaged: SHA-256 {digest[:12]}…, expected {entry['sha256'][:12]}…"
    return ""


def _signs(path: Path, entry: Mapping[str, Any]) -> list[Any] | None:
    """What changes with a file, beside the hash that it should have; None if it is missing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, entry["sha256"]]
