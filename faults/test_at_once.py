"""Many at once: builds beside each other, beside people who ask and beside roll-backs; 32 callers of the service."""

import os
import random
import time
from pathlib import Path

import pytest

from core.settings import Settings
from faults import operations, reading
from faults.askers import Served, Told, ask_together, questions, real, standing_in
from faults.counts import Count, Counts, Table
from faults.processes import outcome, started
from faults.stand_ins import settings_of
from tests.conftest import ROOT
from tests.fakes import ROWS, write_csv
from tests.servers import free_port

ASKERS = 32
HUNDRED = 100
GROWTH_MIB = 200
"""Most memory that a server may keep of all that it was asked."""
HEADER = ("question", "answer", "source")


def both_files(folder: Path) -> tuple[Settings, Settings]:
    """The settings of two files that are indexed in one folder; the second's answers differ in every sentence."""
    other = [(question, answer.replace(". ", " indeed. "), source) for question, answer, source in ROWS]
    return tuple(  # type: ignore[return-value]
        settings_of(folder / "index", write_csv(folder / f"{name}.csv", rows, HEADER))
        for name, rows in (("one", ROWS), ("other", other))
    )


def answers_by_file(files: tuple[Settings, Settings]) -> dict[str, list[tuple[str, str, tuple[str, ...]]]]:
    """Hash of each file -> the answers over it."""
    found = {}
    for settings in files:
        assert outcome(operations.build_words, settings.index, False).kind == "done"
        said = outcome(reading.answers, settings)
        assert said.kind == "done", said
        found[said.value[0][3]["csv_sha256"]] = [each[:3] for each in said.value]
    return found


def is_of_one_file(said: list[reading.Said], known: dict[str, list[tuple[str, str, tuple[str, ...]]]]) -> bool:
    """Whether the answers are those over the file that they name, all of them."""
    hashes = {each[3]["csv_sha256"] for each in said}
    return len(hashes) == 1 and known[hashes.pop()] == [each[:3] for each in said]


def test_two_builds_at_once(moments: int, count: Count, tmp_path: Path) -> None:
    counts = count("two builds at once")
    files = both_files(tmp_path)
    known = answers_by_file(files)
    for moment in range(moments):
        builds = [started(operations.build_words, settings.index, True) for settings in files]
        for build in builds:
            build.join(120)
        assert [build.exitcode for build in builds] == [0, 0]
        counts.judge(outcome(reading.answers, files[0]), lambda said: is_of_one_file(said, known), f"round {moment}")
        assert not list((tmp_path / "index/builds").glob(".*"))


@pytest.mark.parametrize("beside", ["a build", "a roll-back"])
def test_asking_beside_a_change_of_the_index(beside: str, moments: int, count: Count, tmp_path: Path) -> None:
    counts = count(f"asking beside {beside}")
    files = both_files(tmp_path)
    known = answers_by_file(files)
    if beside == "a build":
        changing = started(operations.build_for_ever, [settings.index for settings in files])
    else:
        changing = started(operations.publish_for_ever, tmp_path / "index", tmp_path / "sign")
    try:
        for moment in range(2 * moments):
            after = outcome(reading.answers, files[0])
            counts.judge(after, lambda said: is_of_one_file(said, known), f"round {moment}")
        assert changing.is_alive()
    finally:
        changing.kill()
        changing.join()


def compared(counts: Counts, told: list[Told], alone: dict[str, str]) -> None:
    """Count each answer: the same as when it was asked alone, refused with a time to come back, or otherwise."""
    for each in told:
        counts.tried += 1
        if each.status == 200 and each.text == alone[each.question]:
            counts.unharmed += 1
        elif each.status == 429 and each.retry_after:
            counts.refused += 1
        else:
            counts.changed += each.status == 200
            counts.crashed += each.status != 200
            counts.remark = f"{each.status}: {each.text}"[:160]


def figures(served: Served, told: list[Told], minutes: float) -> dict[str, object]:
    """What the askers saw."""
    whole = sorted(each.seconds for each in told if each.status == 200)
    return {
        "askers": ASKERS,
        "minutes": round(minutes, 1),
        "cores": os.cpu_count(),
        "answers": len(whole),
        "refused": len(told) - len(whole),
        "median_wait_s": round(whole[len(whole) // 2], 2),
        "longest_wait_s": round(whole[-1], 2),
        "memory_before_mib": round(served.memory[0]),
        "memory_after_mib": round(served.memory[-1]),
    }


def test_askers_at_once_get_their_own_answers(many: Settings, ask_minutes: float, table: Table, count: Count) -> None:
    counts = count(f"{ASKERS} askers at once")
    with standing_in(many, free_port()) as (served, _):
        alone = {question: served.ask(question).text for question in questions()}
        assert len(set(alone.values())) == ASKERS
        _together(counts, table, f"{ASKERS} askers, a model that stands in", served, alone, ask_minutes)


def _together(
    counts: Counts, table: Table, name: str, served: Served, alone: dict[str, str], ask_minutes: float
) -> None:
    asked = list(alone)
    ask_together(served, [[question] for question in asked])  # what is kept for many at once is there from now on
    served.measure()
    began = time.monotonic()
    told = ask_together(served, [asked[n:] + asked[:n] for n in range(ASKERS)], began + 60 * ask_minutes)
    minutes = (time.monotonic() - began) / 60
    served.measure()
    compared(counts, told, alone)
    crowd = ask_together(served, [[asked[n % len(asked)]] for n in range(HUNDRED)])
    compared(counts, crowd, alone)
    refused = [each for each in crowd if each.status == 429]
    last = max(crowd, key=lambda each: (each.status, each.seconds))
    hundredth = f"{last.status}: {last.text}" + f"; Retry-After: {last.retry_after}" * bool(last.retry_after)
    mixed = sum(each.status == 200 and each.text != alone[each.question] for each in [*told, *crowd])
    table.measured[name] = {
        **figures(served, told, minutes),
        "mixed": mixed,
        "refused_of_a_hundred": len(refused),
        "the_hundredth_was_told": hundredth,
    }
    assert refused
    assert served.memory[-1] - served.memory[0] < GROWTH_MIB


@pytest.mark.weights
def test_askers_of_the_real_model_get_their_own_answers(
    real_minutes: float, rng: random.Random, table: Table, count: Count, tmp_path: Path
) -> None:
    counts = count(f"{ASKERS} askers of the real model at once")
    settings = settings_of(tmp_path / "index", ROOT / "data/health_qa.csv")
    assert outcome(operations.build_index, settings.index).value is True
    asked = rng.sample(operations.questions_of(Path(settings.index.csv)), ASKERS)
    with real(tmp_path / "index", **os.environ, CITEWELL_SERVICE_REQUESTS_PER_MINUTE="1000000") as (served, _):
        alone = {question: served.ask(question).text for question in asked}
        _together(counts, table, f"{ASKERS} askers of the real model", served, alone, real_minutes)
