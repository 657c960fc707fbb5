"""Unusual surroundings: signals in mid-answer, clocks that step, bare environments, odd paths, very large files."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.settings import Settings
from faults import operations, reading
from faults.askers import Told, questions, standing_in
from faults.counts import Count, Table
from faults.disk import why_not
from faults.processes import Outcome, outcome
from faults.stand_ins import settings_of
from tests.conftest import ROOT
from tests.fakes import ROWS, write_csv
from tests.servers import free_port

HEADER = ("question", "answer", "source")
YEAR_S = 365 * 24 * 3600.0
STEPS_S = (0.0, -YEAR_S, -1.0, 3600.0, -3600.0, YEAR_S, 0.0)
"""Seconds that the clock is off, one build and one turn after the other."""
ENDS_S = 45.0
"""Seconds within which a server ends that is asked to."""
MOST_MIB_PER_MB, MOST_S = 12, 900
"""Bounds for a large file: its memory beside its size, and the time."""


@pytest.mark.parametrize("asked_to_end", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_mid_answer_ends_the_server_without_a_crash(
    asked_to_end: signal.Signals,
    many: Settings,
    moments: int,
    rng: random.Random,
    count: Count,
) -> None:
    counts = count(f"{asked_to_end.name} in mid-answer")
    with standing_in(many, free_port()) as (served, _):
        alone = {question: served.ask(question).text for question in questions()[:8]}
    for moment in range(max(moments // 5, 1)):
        with standing_in(many, free_port(), 1.0) as (served, process):
            told: list[Told] = []
            asking = [threading.Thread(target=_ask, args=(served, question, told)) for question in alone]
            for each in asking:
                each.start()
            time.sleep(rng.uniform(0.2, 3.0))
            os.kill(served.pid, asked_to_end)
            process.join(ENDS_S)
            status = process.exitcode
            for each in asking:
                each.join()
        right = all(each.status != 200 or each.text == alone[each.question] for each in told)
        ended = status in (0, -asked_to_end, 128 + asked_to_end, 130)
        end = Outcome("done", right) if ended else Outcome("crashed", f"it ended with {status}")
        counts.judge(end, bool, f"moment {moment}")


def _ask(served: Any, question: str, told: list[Told]) -> None:
    try:
        told.append(served.ask(question))
    except (httpx.HTTPError, ValueError):
        return  # the server is gone


def test_a_clock_that_steps_loses_nothing(count: Count, tmp_path: Path) -> None:
    counts = count("a clock that steps")
    csv = write_csv(tmp_path / "rows.csv", ROWS, HEADER)
    settings, file = settings_of(tmp_path / "index", csv), tmp_path / "history.sqlite"
    for number, seconds in enumerate(STEPS_S, start=1):
        operations.change_rows(settings.index, number)
        during = outcome(operations.build_again_at, seconds, settings.index)
        latest = outcome(reading.records_at, seconds, settings)
        counts.judge(latest, partial(_says, f"Checked {number} times."), f"a build at {seconds:+,.0f} s", during)
        during = outcome(operations.keep_turn_at, seconds, file)
        after = outcome(reading.kept, file, operations.ONE, reading.EARLIER)
        counts.judge(after, partial(_are, number), f"a turn at {seconds:+,.0f} s", during)


def _says(words: str, said: str) -> bool:
    return words in said


def _are(number: int, turns: list[Any]) -> bool:
    return len(turns) == number


def _there(root: Path, folder: Path, csv: Path, bert: Path, environment: dict[str, str]) -> Outcome:
    command = [sys.executable, "-m", "faults.there", str(folder), str(csv), str(bert)]
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(command, cwd=root, env=bare | environment, capture_output=True, timeout=600, check=False)
    if ended.returncode == 0:
        return Outcome("done", json.loads(ended.stdout.splitlines()[-1]))
    said = ended.stderr.decode(errors="replace").strip()
    return Outcome("refused" if ended.returncode == 1 and "Traceback" not in said else "crashed", said)


HOME = {"HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"}
NO_UTF8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ODD = "Käthes Ordner & 'Daten'"
ENVIRONMENTS: dict[str, tuple[str, dict[str, str]]] = {
    "LANG=C": ("plain", HOME | NO_UTF8),
    "no HOME and no LANG": ("plain", {}),
    "a path with spaces and umlauts": (ODD, HOME),
    "such a path under LANG=C": (ODD, HOME | NO_UTF8),
    "a time zone that there is none of": ("plain", HOME | {"TZ": "Nowhere/Land"}),
}


def test_the_answers_are_the_same_in_every_surroundings(tiny_bert: Path, count: Count, tmp_path: Path) -> None:
    counts = count("bare environments and odd paths")
    before = _somewhere(tmp_path / "first", "plain", tiny_bert, HOME)
    assert before.kind == "done", before
    for name, (folder, environment) in ENVIRONMENTS.items():
        after = _somewhere(tmp_path / name.replace(" ", "-"), folder, tiny_bert, environment)
        counts.compare(after, before.value, name)
    assert not counts.refused


def _somewhere(base: Path, folder: str, bert: Path, environment: dict[str, str]) -> Outcome:
    place = base / folder
    place.mkdir(parents=True)
    return _there(ROOT, place, write_csv(place / "Fragen über Gicht.csv", ROWS, HEADER), bert, environment)


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
def test_a_checkout_that_cannot_be_written_answers(tiny_bert: Path, count: Count, tmp_path: Path) -> None:
    counts = count("a read-only checkout")
    before = _somewhere(tmp_path / "first", "plain", tiny_bert, HOME)
    checkout = tmp_path / "checkout"
    skipped = shutil.ignore_patterns("artifacts", ".*", "__pycache__", "*.egg-info", "build", "node_modules")
    shutil.copytree(ROOT, checkout, ignore=skipped, symlinks=True)
    shutil.copytree(tmp_path / "first/plain", checkout / "artifacts/there")
    mount = ["mount", "--bind", str(checkout), str(checkout)]
    subprocess.run(mount, check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(checkout)], check=True)
        with pytest.raises(OSError, match="Read-only"):
            (checkout / "x").touch()
        place = tmp_path / "place"
        place.mkdir()
        csv = write_csv(place / "rows.csv", ROWS, HEADER)
        counts.compare(_there(checkout, place, csv, tiny_bert, HOME), before.value, "with artifacts elsewhere")
        inside = settings_of(checkout / "artifacts/there/index", csv)
        after = outcome(reading.answers_alone, inside)
        counts.compare(after, [(q, t, tuple(quotes)) for q, t, quotes in before.value[1]], "with its artifacts inside")
        assert not counts.refused, "it refused to answer"
        refused = outcome(operations.build_words, inside.index, True)
        assert refused.kind == "refused", refused
        assert "Read-only file system" in refused.value
    finally:
        subprocess.run(["umount", "--lazy", str(checkout)], check=True)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a file of 200 MB, read", ["--rows", "300000", "--characters", "640"]),
        ("four cells of 5 MB, read and cut", ["--rows", "4", "--characters", "5000000", "--cut"]),
    ],
)
def test_a_large_file_takes_bounded_memory_and_time(name: str, words: list[str], table: Table, count: Count) -> None:
    counts = count(name)
    command = [sys.executable, "-m", "faults.large", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=3 * MOST_S, check=False)
    done = ended.returncode == 0
    figures = json.loads(ended.stdout.splitlines()[-1]) if done else {}
    after = Outcome("done", figures) if done else Outcome("crashed", ended.stderr.decode(errors="replace"))
    table.measured[name] = figures
    counts.judge(after, _is_bounded)


def _is_bounded(found: dict[str, float]) -> bool:
    return found["mib"] <= MOST_MIB_PER_MB * found["file_mb"] and found["seconds"] <= MOST_S
