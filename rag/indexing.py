"""Builds that people start in the page: one at a time, each in a process of its own, seen by everybody."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

from core.command import of_its_own
from core.errors import IndexFolderError
from core.settings import Settings
from index.builds import read_manifest
from index.job import CANCELLED, DONE, INTERRUPTED, RUNNING, Job, read_job, write_job
from index.keeping import rollback, withdraw
from index.published import build_lock, published_build
from rag.uploads import JOB, forget_unused, title

ENDS_S = 5.0
"""Seconds that a build has to end in once it is cancelled, before it is killed."""
PATIENCE_S = 20.0
"""Seconds that a roll-back waits for a build to publish."""
_starting = threading.Lock()
_started: dict[int, "subprocess.Popen[bytes]"] = {}
"""Process id -> the builds that this process started; who started one has to ask whether it ended."""


def last_job(settings: Settings) -> Job | None:
    """The build that runs, or the last one that ended; None if nobody ever started one in the page."""
    for process in list(_started.values()):
        process.poll()  # one that ended would stand as a zombie in the list of processes
    folder = Path(settings.index.dir)
    job = read_job(folder / JOB)
    if job is not None and job.state == INTERRUPTED:
        with contextlib.suppress(IndexFolderError):
            made = read_manifest(published_build(folder))
            if made.complete and made.csv_path == str(Path(job.source).absolute()):
                return job.done(made)  # another process has made its vectors since
    return job


def start(settings: Settings, source: Path) -> Job:
    """Index what lies in a folder of uploads, in a process of its own; the index before serves meanwhile.

    The process uses idle processor time only and ends with this one, so that nothing runs on when the server is gone.
    Its log is `build.log` in the index folder.

    Raises:
        IndexFolderError: another build runs; the message names its file.
        OSError: the disk is full.
    """
    folder = Path(settings.index.dir)
    folder.mkdir(parents=True, exist_ok=True)
    with _starting, build_lock(folder, lambda: None, PATIENCE_S, ".job.lock"):
        _refuse_while_running(settings)
        command = of_its_own("build", "--background", "--csv", str(source), "--index", str(folder))
        command += ["--question-column", "", "--answer-column", "", "--encoding", "", "--status", str(folder / JOB)]
        # Written first: the process takes the title from it. Until it has begun, this process stands for it.
        job = write_job(folder / JOB, Job(title(source), str(source), pid=os.getpid(), started=time.time()))
        with (folder / "build.log").open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        _started[process.pid] = process
        threading.Thread(target=_watch, args=(process, folder / JOB, job), name="build", daemon=True).start()
    forget_unused(settings)
    return job


def _watch(process: "subprocess.Popen[bytes]", file: Path, begun: Job) -> None:
    """Wait for a build; one that ended before it could report anything is reported as interrupted."""
    process.wait()
    _started.pop(process.pid, None)
    job = read_job(file)
    if job is not None and job.state == RUNNING and job.pid == begun.pid and job.started == begun.started:
        with contextlib.suppress(OSError):
            write_job(file, Job(begun.title, begun.source, pid=process.pid, started=begun.started))


def cancel(settings: Settings) -> None:
    """End the build that runs, and go back to the index before where it had published its words already.

    Raises:
        IndexFolderError: the build before is damaged.
        OSError: the folder cannot be written.
    """
    job, folder = last_job(settings), Path(settings.index.dir)
    if job is None or job.state != RUNNING:
        return
    for process in list(_started.values()):
        process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        try:
            process.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    ended = read_job(folder / JOB)
    if ended is not None and ended.state != DONE:  # it may have had no time to say so
        write_job(folder / JOB, replace(job, state=CANCELLED, error=""))
    with build_lock(folder, lambda: None, PATIENCE_S):
        withdraw(folder)


def dismiss(settings: Settings) -> None:
    """Forget the last build's outcome, once somebody has read it; its upload goes if nothing else needs it."""
    _refuse_while_running(settings)
    (Path(settings.index.dir) / JOB).unlink(missing_ok=True)
    forget_unused(settings)


def roll_back(settings: Settings, build: str = "") -> str:
    """Publish an earlier build again, by default the one before this; returns its name.

    Raises:
        IndexFolderError: there is none, it is damaged, or a build is running.
    """
    folder = Path(settings.index.dir)
    _refuse_while_running(settings)
    with build_lock(folder, lambda: None, PATIENCE_S):
        return rollback(folder, build)


def _refuse_while_running(settings: Settings) -> None:
    job = last_job(settings)
    if job is not None and job.state == RUNNING:
        raise IndexFolderError(f"{job.title} is being indexed; wait until it is done, or cancel it")
