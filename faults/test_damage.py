"""Every file in turn with bits flipped, cut, emptied, deleted: the same answer as before, or a clear message."""

import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from faults import operations, reading
from faults.counts import Count, Counts
from faults.damage import damages, files_below, inflict
from faults.operations import ONE
from faults.processes import outcome
from faults.stand_ins import settings_of
from rag.database import EARLIER
from rag.reader.folder import CARD, SHIPPED, TENSORS
from tests.fakes import ROWS, write_csv


def try_all(
    counts: Counts,
    pristine: Path,
    used: Path,
    files: Sequence[Path],
    read: tuple[Any, ...],
    rng: random.Random,
    flips: int,
) -> None:
    """Damage each file in turn in a fresh copy of a folder, and compare what is read from it.

    Args:
        used: where the copy lies when it is read.
        read: a function and its arguments, run in a process of its own.
    """
    function, *arguments = read
    before = outcome(function, *arguments)
    assert before.kind == "done", before
    for file in files:
        every = list(damages((pristine / file).read_bytes(), rng, flips))
        for damage in rng.sample(every, min(len(every), 2 * flips)):
            shutil.rmtree(used)
            shutil.copytree(pristine, used)
            inflict(used / file, damage)
            counts.compare(outcome(function, *arguments), before.value, f"{file}, {damage}")


@pytest.fixture(params=["an index", "an index of shards"])
def indexed(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Settings]:
    """What the index is called, and the settings of one with two builds."""
    rows = [*ROWS, ("How is gout treated?", "Gout is treated with ice and rest. Naproxen helps too.", "joints")]
    csv = write_csv(tmp_path / "rows.csv", rows, ("question", "answer", "source"))
    settings = settings_of(tmp_path / "index", csv)
    build = operations.build_words if request.param == "an index" else operations.build_in_shards
    for force in (False, True):
        made = outcome(build, settings.index, force)
        assert made.kind == "done", made
    return request.param, settings


def test_a_damaged_index_gives_the_same_answer_or_says_why_not(
    indexed: tuple[str, Settings], flips: int, rng: random.Random, count: Count, tmp_path: Path
) -> None:
    name, settings = indexed
    counts = count(f"a damaged file of {name}")
    used, pristine = Path(settings.index.dir), tmp_path / "pristine"
    assert outcome(reading.answers, settings).kind == "done"  # keeps which hashes it found right
    shutil.copytree(used, pristine)
    try_all(counts, pristine, used, files_below(pristine), (reading.answers, settings), rng, flips)


@pytest.mark.parametrize("indexed", ["an index"], indirect=True)  # a build of shards takes nothing from one before
def test_a_build_over_a_damaged_index_makes_it_whole(
    indexed: tuple[str, Settings], rng: random.Random, count: Count, tmp_path: Path
) -> None:
    _, settings = indexed
    counts = count("a build over a damaged index")
    used, pristine = Path(settings.index.dir), tmp_path / "pristine"
    shutil.copytree(used, pristine)
    try_all(counts, pristine, used, files_below(pristine), (reading.rebuilt, settings), rng, 1)


def test_a_damaged_reader_is_refused(flips: int, rng: random.Random, count: Count, tmp_path: Path) -> None:
    counts = count("a damaged file of a reader")
    used, pristine = tmp_path / "reader", tmp_path / "pristine"
    pristine.mkdir()
    for name in (CARD, TENSORS):
        shutil.copy(SHIPPED / name, pristine)
    shutil.copytree(pristine, used)
    try_all(counts, pristine, used, files_below(pristine), (reading.reader_of, used), rng, 5 * flips)


def test_a_damaged_history_shows_the_same_or_says_what_is_wrong(
    flips: int, rng: random.Random, count: Count, tmp_path: Path
) -> None:
    counts = count("a damaged history")
    used, pristine = tmp_path / "used", tmp_path / "pristine"
    file = used / "history.sqlite"
    assert outcome(operations.keep_turns, file, 6).kind == "done"
    assert outcome(operations.judge, file, 6).kind == "done"
    shutil.copytree(used, pristine)
    try_all(counts, pristine, used, files_below(pristine), (reading.kept, file, ONE, EARLIER), rng, 20 * flips)
