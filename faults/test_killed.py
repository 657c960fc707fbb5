"""kill -9 at random moments: what was kept is there; what was being made is whole or not there, and can be made."""

import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.settings import IndexSettings, Settings
from faults import models, operations
from faults.counts import Count
from faults.processes import killed_after, killed_while_repeating, outcome
from tests.conftest import ROOT

LATEST = 1.05
"""The last moment of a kill, as a share of the time that the operation takes: some are not hit at all."""
REPEATED_S = (0.0, 1.0)
"""Seconds within which an operation that takes milliseconds, and is repeated, is killed."""


@pytest.fixture
def indexed(tmp_path: Path) -> Settings:
    """A built index of the small file, whose CSV may be changed."""
    shutil.copy(ROOT / "data/health_qa.csv", tmp_path / "rows.csv")
    index = IndexSettings(
        csv=str(tmp_path / "rows.csv"), dir=str(tmp_path / "index"), cache=str(ROOT / "artifacts/embedders")
    )
    assert outcome(operations.build_index, index).value is True
    return Settings(index=index)


def test_a_killed_build_leaves_an_index_that_answers(
    indexed: Settings, moments: int, rng: random.Random, count: Count
) -> None:
    counts = count("kill -9 while building an index")
    operations.change_rows(indexed.index, 0)
    whole_s = outcome(operations.build_index, indexed.index).seconds
    for moment in range(1, moments + 1):
        operations.change_rows(indexed.index, moment)
        killed_after(rng.uniform(0, LATEST * whole_s), operations.build_index, indexed.index)
        counts.judge(outcome(operations.search, indexed), bool)
    assert outcome(operations.build_index, indexed.index).kind == "done"
    assert not list((Path(indexed.index.dir) / "builds").glob(".*"))


def test_a_kill_while_publishing_leaves_one_of_two_builds(
    indexed: Settings, moments: int, rng: random.Random, count: Count, tmp_path: Path
) -> None:
    counts = count("kill -9 while publishing and rolling back")
    operations.change_rows(indexed.index, 0)
    assert outcome(operations.build_index, indexed.index).value is True  # two builds are there now
    folder = Path(indexed.index.dir)
    for moment in range(moments):
        sign = tmp_path / f"sign {moment}"
        killed_while_repeating(rng.uniform(*REPEATED_S), sign, operations.publish_for_ever, folder, sign)
        counts.judge(outcome(operations.index_is_whole, folder), bool)


@pytest.mark.parametrize(
    ("kind", "repeated", "read"),
    [
        ("kill -9 while keeping turns", operations.keep_turns_for_ever, operations.kept_turns),
        ("kill -9 while keeping feedback", operations.judge_for_ever, operations.judgements),
    ],
)
def test_what_was_kept_before_a_kill_is_there_after_it(
    kind: str,
    repeated: Callable[..., None],
    read: Callable[[Path], Any],
    moments: int,
    rng: random.Random,
    count: Count,
    tmp_path: Path,
) -> None:
    counts = count(kind)
    file, acknowledged = tmp_path / "history.sqlite", tmp_path / "kept"
    for moment in range(moments):
        sign = tmp_path / f"sign {moment}"
        killed_while_repeating(rng.uniform(*REPEATED_S), sign, repeated, file, acknowledged, sign)
        promised = len(acknowledged.read_text(encoding="utf-8").splitlines())
        counts.judge(outcome(read, file), partial(_holds, promised))


def _holds(promised: int, found: Any) -> bool:
    """Whether at least so many turns or judgements can be read, none of them with an error."""
    number = found if isinstance(found, int) else sum(row.endswith("|") for row in found)
    return bool(number >= promised)


@pytest.mark.parametrize("kind", ["merging", "exporting", "training"])
def test_a_killed_command_leaves_all_of_its_result_or_nothing(
    kind: str,
    tiny_qwen: Path,
    tiny_adapter: Path,
    rows_folder: Path,
    moments: int,
    rng: random.Random,
    count: Count,
    tmp_path: Path,
) -> None:
    counts = count(f"kill -9 while {kind}")
    operations_of: dict[str, tuple[Callable[..., Any], tuple[Path, ...], Callable[..., Any], str]] = {
        "merging": (models.merge_adapter, (tiny_adapter, tiny_qwen), models.checkpoint_is_whole, "merged"),
        "exporting": (models.export_model, (tiny_qwen,), models.gguf_is_whole, "model.gguf"),
        "training": (models.train_adapter, (rows_folder, tiny_qwen), models.run_is_done, "run"),
    }
    run, before, read, result = operations_of[kind]
    first = outcome(run, *before, tmp_path / "first" / result)
    assert first.kind == "done", first
    for moment in range(moments):
        target = tmp_path / str(moment) / result
        killed_after(rng.uniform(0, LATEST * first.seconds), run, *before, target)
        if kind == "training" or not target.exists():  # the same command makes it, from what the killed one left
            again = outcome(run, *before, target)
            assert again.kind == "done", again
        counts.judge(outcome(read, target), bool)
        assert not [each for each in target.parent.glob(".*") if not each.name.endswith(".lock")]
        shutil.rmtree(target.parent)
