"""How far the vectors of an index are, for those who search it by words meanwhile."""

import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path

from core.files import write_atomic

NAME = "embedding.json"
STALLED_S = 60
"""Seconds without a report after which no process is taken to be embedding."""


@dataclass(frozen=True)
class EmbeddingStatus:
    """Vectors made, of how many, and how many a second; `at` is the time of the report (seconds since 1970)."""

    done: int
    total: int
    per_second: float
    at: float

    @property
    def share(self) -> float:
        return self.done / self.total if self.total else 1.0

    @property
    def seconds_left(self) -> float:
        """Infinite as long as nothing was made."""
        return (self.total - self.done) / self.per_second if self.per_second else float("inf")

    @property
    def stalled(self) -> bool:
        """Whether the build that wrote this has ended before its time."""
        return abs(time.time() - self.at) > STALLED_S  # the clock may have been set back since


def write_status(folder: Path, done: int, total: int, per_second: float) -> None:
    """Report how far the vectors are; raises OSError where the folder cannot be written."""
    status = EmbeddingStatus(done, total, per_second, time.time())
    write_atomic(folder / NAME, json.dumps(dataclasses.asdict(status)) + "\n")


def read_status(folder: Path) -> EmbeddingStatus | None:
    """How far the vectors are; None where no build has reported it."""
    try:
        return EmbeddingStatus(**json.loads((folder / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def clear_status(folder: Path) -> None:
    """The vectors are all there."""
    (folder / NAME).unlink(missing_ok=True)
