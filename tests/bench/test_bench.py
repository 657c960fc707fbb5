import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.__main__ import REFERENCE, WRITERS, _same_at_first
from bench.building import _revised
from bench.chart import draw
from bench.generation import measure
from bench.process import memory_mib, run
from core.errors import CiteWellError
from generator.engines.base import Chat, Chunk
from tests.conftest import ROOT
from tests.fakes import QueueEngine


def test_the_committed_results_have_every_engine_in_two_classes() -> None:
    results = json.loads((ROOT / "bench/results.json").read_text())
    assert len(results["classes"]) >= 2
    for of_class in results["classes"].values():
        assert set(of_class["generation"]) == set(WRITERS)
    assert str(ROOT) not in json.dumps(results)


def test_figures_are_medians_after_a_warm_up() -> None:
    engine = QueueEngine("warm up", "one two three", "one two", "one two")
    chats: list[Chat] = [[{"role": "user", "content": f"{number}?"}] for number in range(3)]
    figures = measure(engine, chats, max_new_tokens=50)
    assert figures["texts"] == ["one two three", "one two", "one two"]
    assert figures["answer_tokens"] == 2
    assert figures["first_token_s"] <= figures["whole_answer_s"]
    assert figures["decode_tokens_per_s"] > 0
    assert figures["peak_memory_mib"] >= memory_mib() - 64


def test_answers_are_compared_up_to_the_first_difference() -> None:
    assert _same_at_first("a b c d", "a b x d") == 0.5
    assert _same_at_first("a b", "a b c d") == 0.5
    assert _same_at_first("a b c d", "a b") == 1.0
    assert _same_at_first("", "") == 0.0


def test_one_answer_in_a_hundred_is_revised() -> None:
    rows = [["question", "answer"], *([f"{number}?", "Yes."] for number in range(1, 301))]
    changed = [new for old, new in zip(rows, _revised(rows, 1), strict=True) if old != new]
    assert changed == [[f"{number}?", "Yes. It was revised."] for number in (100, 200, 300)]


def test_a_measurement_that_fails_says_which(tmp_path: Path) -> None:
    with pytest.raises(CiteWellError, match=r"python -m bench\.building --csv .*none\.csv .*ended with status 1"):
        run("building", "--csv", str(tmp_path / "none.csv"), "--index", str(tmp_path / "index"))


def test_the_chart_shows_what_was_measured(tmp_path: Path) -> None:
    results = json.loads((ROOT / "bench/results.json").read_text())
    draw(results, tmp_path / "all.png")
    some = {
        kind: {name: of_class[name] for name in ("machine", "embedding")}
        for kind, of_class in results["classes"].items()
    }
    draw({"csv": "a.csv", "classes": some}, tmp_path / "one.png")
    draw({"csv": "a.csv", "classes": {}}, tmp_path / "none.png")
    assert (tmp_path / "all.png").stat().st_size > (tmp_path / "one.png").stat().st_size > 5000
    assert not (tmp_path / "none.png").exists()


def test_the_reference_is_measured_first() -> None:
    assert next(iter(WRITERS)) == REFERENCE


class Silent:
    def warm(self, chat: Chat) -> None: ...

    def stream(self, chat: Chat, *, max_new_tokens: int, temperature: float) -> Iterator[Chunk]:
        yield Chunk("", 3, 0)


def test_an_engine_that_writes_nothing_is_an_error() -> None:
    with pytest.raises(CiteWellError, match="wrote nothing"):
        measure(Silent(), [[{"role": "user", "content": "?"}]], max_new_tokens=5)
