"""The published build of an index folder, and the locks of the processes that change it."""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import IndexFolderError

CURRENT, PREVIOUS = "current", "previous"
"""Files that name the published build and the one before it, which `--rollback` publishes again."""
BUILD = re.compile(r"\d{8}T\d{6,12}-[0-9a-f]{6}")
"""The form of a build's name: the UTC time of its making, and a random end."""
PUBLISHING, EMBEDDING = ".lock", ".embedding.lock"
"""Locks of an index folder: of who writes and publishes, for seconds; of who embeds, for as long as that takes."""


@contextlib.contextmanager
def build_lock(
    folder: Path, waiting: Callable[[], object], timeout_s: float = 3600, name: str = PUBLISHING
) -> Iterator[None]:
    """Hold one of the folder's locks; calls `waiting` once if another process has it.

    Raises:
        IndexFolderError: the other build did not end within `timeout_s` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / name)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waiting()
        try:
            lock.acquire(timeout=timeout_s)
        except Timeout:
            raise IndexFolderError(f"another build still holds {folder / name}; end it, then build again") from None
    try:
        yield
    finally:
        lock.release()


def published_build(folder: Path) -> Path:
    """The folder of the published build.

    Raises:
        IndexFolderError: there is none, or the pointer to it is damaged.
    """
    if name := pointed(folder / CURRENT):
        return folder / "builds" / name
    if not exists(folder):
        raise IndexFolderError(f"no index at {folder}; {how_to_build(folder)}")
    raise IndexFolderError(
        f"{folder / CURRENT} is damaged: it names no build; publish the one before again: "
        f"citewell build --index {folder} --rollback; or {how_to_build(folder)} --csv FILE"
    )


def exists(folder: Path) -> bool:
    """Whether an index was ever published there, be it damaged or not."""
    return (folder / CURRENT).exists()


def is_rolled_back(folder: Path) -> bool:
    """Whether the published build is older than the one before it, as only a roll-back leaves them."""
    current, previous = pointed(folder / CURRENT), previous_build(folder)
    return bool(current and previous) and current < previous  # a build's name begins with its time


def previous_build(folder: Path) -> str:
    """The name of the build that a roll-back would publish; empty if there is none."""
    name = pointed(folder / PREVIOUS)
    return name if name and (folder / "builds" / name).is_dir() else ""


def pointed(path: Path) -> str:
    """The name that a pointer file holds; empty if there is none, or its content is no build's name."""
    try:
        name = path.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return ""
    return name if BUILD.fullmatch(name) else ""


def how_to_build(folder: Path) -> str:
    """The command that makes an index there, for the end of an error's message."""
    return f"build it: citewell build --index {folder}"
