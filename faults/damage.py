"""Damage to one file at a time, as disks and interrupted copies make it: size and times tell as little as they can."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = 4096
"""Bytes of a block that a disk fails to write."""


@dataclass(frozen=True)
class Damage:
    """One way in which a file is damaged."""

    kind: str
    content: bytes | None
    """What the file holds then; None: it is gone."""

    def __str__(self) -> str:
        return self.kind


def damages(content: bytes, rng: random.Random, flips: int) -> Iterator[Damage]:
    """The ways in which a file of this content is damaged: bits flipped, a block of zeros, cut, emptied, deleted."""
    for _ in range(flips if content else 0):
        at, bit = rng.randrange(len(content)), rng.randrange(8)
        flipped = bytearray(content)
        flipped[at] ^= 1 << bit
        yield Damage(f"bit {bit} of byte {at:,} flipped", bytes(flipped))
    begin = rng.randrange(len(content) // BLOCK + 1) * BLOCK
    if any(content[begin : begin + BLOCK]):
        zeros = bytes(len(content[begin : begin + BLOCK]))
        yield Damage(f"zeros from byte {begin:,}", content[:begin] + zeros + content[begin + BLOCK :])
    for kept in {len(content) // 2, max(len(content) - 1, 0), 0} - {len(content)}:
        yield Damage(f"cut to {kept:,} bytes", content[:kept])
    yield Damage("deleted", None)


def inflict(file: Path, damage: Damage) -> None:
    """Damage a file; it keeps its time, as where a disk rots."""
    status = file.stat()
    if damage.content is None:
        file.unlink()
        return
    file.write_bytes(damage.content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def files_below(folder: Path) -> list[Path]:
    """Every file of a folder, relative to it, but for locks, which hold nothing."""
    return sorted(
        path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".lock")
    )
