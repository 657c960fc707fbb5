"""Builds from the page: one at a time, in a process of their own, whatever becomes of it."""

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import IndexFolderError
from core.settings import IndexSettings, Settings
from index.build import build
from index.job import CANCELLED, DONE, FAILED, INTERRUPTED, RUNNING, Job, read_job, reported, write_job
from index.opening import open_index
from rag.indexing import cancel, dismiss, last_job, roll_back, start
from rag.uploads import JOB, Upload, keep
from tests.conftest import ROOT

CSV = b"question,answer\nWhat is a boil?,A lump.\n,Nobody asked.\n"


def until(true: Callable[[], bool], seconds: float = 90) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


def test_a_report_tells_progress_and_outcome_and_the_error(tmp_path: Path, small_index: IndexSettings) -> None:
    file, source = tmp_path / "job.json", tmp_path / "a"
    write_job(file, Job("a.csv and b.csv", str(source), pid=os.getpid()))
    with reported(file, source) as reporter:
        reporter.hear("embedding", 0.25)
        seen = read_job(file)
        assert seen is not None
        assert (seen.title, seen.state, seen.step, seen.share) == ("a.csv and b.csv", RUNNING, "embedding", 0.25)
        reporter.done(open_index(Path(small_index.dir)).manifest)
    ended = read_job(file)
    assert ended is not None
    assert (ended.state, ended.rows, ended.kept, ended.refused) == (DONE, 4, 4, 0)
    for error, state in ((IndexFolderError("it is so"), FAILED), (KeyboardInterrupt(), CANCELLED)):
        with pytest.raises(type(error)), reported(file, source):
            raise error
        ended = read_job(file)
        assert ended is not None
        assert ended.state == state
    with pytest.raises(ZeroDivisionError), reported(file, source):
        raise ZeroDivisionError
    assert "ZeroDivisionError" in file.read_text()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"title": 1}', '{"title": "a", "source": "b", "pid": "x"}'])
def test_a_damaged_report_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "job.json").write_text(content)
    assert read_job(tmp_path / "job.json") is None


def test_a_job_whose_process_is_gone_or_another_one_is_interrupted(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    write_job(file, Job("a.csv", "a", pid=2**22 + 1))
    gone = read_job(file)
    write_job(file, Job("a.csv", "a", pid=os.getpid()))
    values = json.loads(file.read_text())
    file.write_text(json.dumps({**values, "at": 1000.0}))  # long before this process was born
    other = read_job(file)
    assert gone is not None
    assert other is not None
    assert gone.state == other.state == INTERRUPTED


def test_while_one_is_built_no_other_begins_and_nobody_rolls_back(small_index: IndexSettings) -> None:
    settings = Settings(index=small_index)
    kept = keep(settings, [Upload("mine.csv", CSV)])
    write_job(Path(small_index.dir) / JOB, Job("theirs.csv", "elsewhere", pid=os.getpid()))
    for act in (lambda: start(settings, kept), lambda: roll_back(settings), lambda: dismiss(settings)):
        with pytest.raises(IndexFolderError, match=r"theirs\.csv is being indexed; wait until it is done"):
            act()
    assert last_job(settings).title == "theirs.csv"  # type: ignore[union-attr]


def test_an_interrupted_job_whose_vectors_another_process_made_is_done(small_index: IndexSettings) -> None:
    settings = Settings(index=small_index)
    kept = keep(settings, [Upload("mine.csv", CSV)])
    write_job(Path(small_index.dir) / JOB, Job("mine.csv", str(kept), pid=2**22 + 1))
    assert last_job(settings).state == INTERRUPTED  # type: ignore[union-attr]
    build(replace(small_index, csv=str(kept)))
    ended = last_job(settings)
    assert ended is not None
    assert (ended.state, ended.rows, ended.kept, ended.refused) == (DONE, 2, 1, 1)


@pytest.mark.weights
def test_a_build_lands_fails_is_killed_or_cancelled_and_the_old_index_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITEWELL_INDEX_CACHE", str(ROOT / "artifacts/embedders"))
    monkeypatch.setenv("CITEWELL_INDEX_QUESTION_COLUMN", "of the settings' own file")
    own = tmp_path / "own.csv"
    own.write_bytes(CSV)
    index = IndexSettings(csv=str(own), dir=str(tmp_path / "index"), cache=str(ROOT / "artifacts/embedders"))
    assert build(index)
    settings, folder = Settings(index=index), Path(index.dir)

    def state() -> str:
        job = last_job(settings)
        return job.state if job else ""

    start(settings, keep(settings, [Upload("mine.csv", CSV.replace(b"lump", b"bump"))]))
    assert state() == RUNNING
    assert until(lambda: state() != RUNNING), (folder / "build.log").read_text()
    landed = last_job(settings)
    assert landed is not None
    assert (landed.state, landed.title, landed.kept, landed.refused) == (DONE, "mine.csv", 1, 1)
    assert open_index(folder).manifest.csv == "mine.csv"

    start(settings, keep(settings, [Upload("wrong.csv", b"x,y\n1,2\n")]))
    assert until(lambda: state() == FAILED), state()
    assert "x, y" in last_job(settings).error  # type: ignore[union-attr]

    rows = b"".join(b"What is illness %d?,It is illness number %d. It is bad.\n" % (n, n) for n in range(3000))
    large = keep(settings, [Upload("large.csv", b"question,answer\n" + rows)])
    for end in ("kill", "cancel"):
        start(settings, large)
        assert until(lambda: "is not" in (folder / "build.log").read_text() or last_job(settings).pid != os.getpid())  # type: ignore[union-attr]
        if end == "kill":
            os.kill(last_job(settings).pid, signal.SIGKILL)  # type: ignore[union-attr]
            assert until(lambda: state() == INTERRUPTED, 5), state()
        else:
            cancel(settings)
            assert state() == CANCELLED
        assert open_index(folder).manifest.csv == "mine.csv"
