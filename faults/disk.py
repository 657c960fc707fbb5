"""A disk of a few MiB that can be made as full as one likes: a tmpfs, which only root may mount."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOMY = 512 << 20
"""Bytes of the disk while nothing is tried."""


def why_not() -> str:
    """Why no disk can be mounted here; empty if one can."""
    if os.name != "posix" or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "only root may mount a small disk: sudo -E make faults"
    if shutil.which("mount") is None:
        return "there is no command `mount`"
    return ""


class Disk:
    """A mounted disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def leave(self, free: int) -> None:
        """Leave so many bytes free."""
        _mount("-o", f"remount,size={_used(self.folder) + free}", str(self.folder))

    def roomy(self) -> None:
        """Leave as much as it had at first."""
        _mount("-o", f"remount,size={ROOMY}", str(self.folder))

    @property
    def used(self) -> int:
        """Bytes that are used."""
        return _used(self.folder)


@contextlib.contextmanager
def mounted(folder: Path) -> Iterator[Disk]:
    """Mount a disk over an empty folder while the block runs."""
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={ROOMY}", "tmpfs", str(folder))
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


def _used(folder: Path) -> int:
    status = os.statvfs(folder)
    return (status.f_blocks - status.f_bfree) * status.f_frsize
