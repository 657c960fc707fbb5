"""A full disk at every operation that writes: a clear message, and all that was there before is there and serves."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from faults import operations, reading
from faults.counts import Count, Counts
from faults.disk import Disk, why_not
from faults.processes import Outcome, outcome
from faults.stand_ins import settings_of
from tests.fakes import ROWS, write_csv

SHARES = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95)
"""What is left of the room that an operation takes."""
CLEAR = re.compile(r"full|space")
"""What a message about a full disk must say."""

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
Call = tuple[Callable[..., Any], tuple[Any, ...]]


@dataclass(frozen=True)
class Case:
    """An operation that writes to a disk.

    Args:
        kept: what was made before the disk is full, and what reads it.
        made: what the operation makes, where that is something of its own, and what reads it.
    """

    write: Call
    kept: Call
    made: tuple[Path, Call] | None = None


def run_on(disk: Disk, counts: Counts, case: Case) -> None:
    """Run an operation with less and less room, each time from the same state of the disk."""
    write, kept = partial(outcome, case.write[0], *case.write[1]), partial(outcome, case.kept[0], *case.kept[1])
    before = kept()
    assert before.kind == "done", before
    pristine = disk.folder.with_name("pristine")
    shutil.copytree(disk.folder, pristine)
    used = disk.used
    first = write()
    assert first.kind == "done", first
    takes = max(disk.used - used, 64 << 10)
    for share in SHARES:
        disk.roomy()
        _restore(pristine, disk.folder)
        disk.leave(int(share * takes))
        during = _clear(write())
        after = kept()  # the disk is as full as before
        what = f"{share:.0%} of {takes >> 10} KiB left"
        counts.judge(after, lambda value: bool(value == before.value), what, during)
        if case.made and case.made[0].exists():  # what it made must be whole
            read, arguments = case.made[1]
            counts.judge(outcome(read, *arguments), bool, f"{what}, what was made")
        disk.roomy()
        again = write()
        assert again.kind == "done", again  # with room, the same command does it
        assert not list(disk.folder.rglob("*.partial")), "something half-written is left"


def _restore(pristine: Path, folder: Path) -> None:
    empty(folder)
    shutil.copytree(pristine, folder, dirs_exist_ok=True)


def _clear(during: Outcome) -> Outcome:
    """The outcome; a message that does not speak of the disk counts as a crash."""
    if during.kind == "refused" and not CLEAR.search(str(during.value)):
        return Outcome("crashed", f"unclear: {during.value}")
    return during


def test_building_and_publishing(disk: Disk, count: Count) -> None:
    rows = [*ROWS, ("How is gout treated?", "Gout is treated with ice and rest.", "joints")]  # some for each shard
    csv = write_csv(disk.folder / "rows.csv", rows, ("question", "answer", "source"))
    settings = settings_of(disk.folder / "index", csv)
    for force in (False, True):
        assert outcome(operations.build_words, settings.index, force).value is True
    cases = {
        "building an index": Case(
            (operations.build_words, (settings.index, True)), (reading.answers_alone, (settings,))
        ),
        "building shards": Case(
            (operations.build_in_shards, (settings.index, True)), (reading.answers_alone, (settings,))
        ),
        "publishing and rolling back": Case(
            (operations.roll_back, (Path(settings.index.dir),)), (reading.answers_alone, (settings,))
        ),
    }
    for name, case in cases.items():
        counts = count(f"a full disk while {name}")
        run_on(disk, counts, case)
        shutil.rmtree(disk.folder.with_name("pristine"))


def test_keeping_turns_and_feedback(disk: Disk, count: Count) -> None:
    file = disk.folder / "history.sqlite"
    assert outcome(operations.keep_turns, file, 5).kind == "done"
    assert outcome(operations.judge, file, 5).kind == "done"
    read: Call = (reading.first_kept, (file, 5))
    for name, write in (("keeping turns", operations.keep_turns), ("keeping feedback", operations.judge)):
        counts = count(f"a full disk while {name}")
        run_on(disk, counts, Case((write, (file, 40)), read))
        shutil.rmtree(disk.folder.with_name("pristine"))


def empty(folder: Path) -> None:
    """Remove all that a folder holds."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
