"""The report of a build that runs in a process of its own: how far it is, and how it ended.

It is one small JSON file (`citewell build --status FILE`), which everybody who waits may read at any time.
"""

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from core.errors import CiteWellError, explained
from core.files import write_atomic
from core.progress import heard_by
from index.reader import Manifest

RUNNING, DONE, FAILED, CANCELLED, INTERRUPTED = "running", "done", "failed", "cancelled", "interrupted"
"""States of a job. Nobody writes the last one: it is that of a job that says it runs, and whose process is gone."""
TOLD_S = 0.5
"""Seconds between two reports of progress."""


@dataclass(frozen=True)
class Job:
    """A build: what it is made of, how far it is, and what came of it. Times are seconds since 1970."""

    title: str
    """The name of the file, or of the files."""
    source: str
    """The path of what is indexed."""
    state: str = RUNNING
    step: str = ""
    """What is being done, such as "embedding"."""
    share: float = 0.0
    """The share of the step that is done, from 0 to 1."""
    pid: int = 0
    started: float = 0.0
    at: float = 0.0
    """The time of this report."""
    error: str = ""
    build: str = ""
    rows: int = 0
    kept: int = 0
    merged: int = 0
    refused: int = 0

    def seen(self) -> "Job":
        """The job as it is now: interrupted, where its process has ended without a word."""
        return self if self.state != RUNNING or self._is_alive() else dataclasses.replace(self, state=INTERRUPTED)

    def done(self, made: Manifest) -> "Job":
        """The job once it has made a build."""
        refused = sum(made.refused.values())
        return dataclasses.replace(
            self,
            state=DONE,
            share=1.0,
            error="",
            build=made.build,
            rows=made.rows,
            kept=made.kept,
            merged=made.merged,
            refused=refused,
        )

    def _is_alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            # A number that was given to another process since belongs to one that is younger than the report.
            return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= self.at + 1
        except psutil.Error:
            return False


def write_job(file: Path, job: Job) -> Job:
    """Report a job, with the time of now; raises OSError where the file cannot be written."""
    job = dataclasses.replace(job, at=time.time())
    write_atomic(file, json.dumps(dataclasses.asdict(job)) + "\n")
    return job


def read_job(file: Path) -> Job | None:
    """The job that a file reports, as it is now; None where there is none, or the file is damaged."""
    try:
        job = Job(**json.loads(file.read_text(encoding="utf-8")))
        return job.seen() if isinstance(job.pid, int) and isinstance(job.at, float) else None
    except (OSError, ValueError, TypeError):
        return None


class Reporter:
    """Writes the reports of this process's job."""

    def __init__(self, file: Path | None, source: Path) -> None:
        self._file = file
        begun = read_job(file) if file else None  # by whoever started this process, who knows the title
        title = begun.title if begun and begun.source == str(source) else source.name
        self._job = Job(title, str(source), pid=os.getpid(), started=time.time())
        self._write(self._job)

    def hear(self, step: str, share: float) -> None:
        """Report progress, a few times a second at most."""
        if step == self._job.step and time.time() - self._job.at < TOLD_S:
            return
        self._write(dataclasses.replace(self._job, step=step, share=share))

    def done(self, made: Manifest) -> None:
        """Report what was made."""
        self._write(self._job.done(made))

    def ended(self, state: str, error: str = "") -> None:
        """Report that nothing was made."""
        self._write(dataclasses.replace(self._job, state=state, error=error))

    def _write(self, job: Job) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # a full disk ends the build soon enough, and with a better message
                self._job = write_job(self._file, job)


@contextlib.contextmanager
def reported(file: Path | None, source: Path) -> Iterator[Reporter]:
    """Report to a file, where one is given, what the block does: its progress, and the error or Ctrl-C that ends it."""
    reporter = Reporter(file, source)
    try:
        with heard_by(reporter.hear) if file else contextlib.nullcontext():
            yield reporter
    except KeyboardInterrupt:
        reporter.ended(CANCELLED)
        raise
    except (CiteWellError, OSError) as error:
        reporter.ended(FAILED, explained(error))
        raise
    except BaseException as error:
        reporter.ended(FAILED, f"the build broke off ({type(error).__name__})")
        raise
