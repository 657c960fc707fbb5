"""Many questions through the whole chain: what is counted, and that the receipts verify afterwards."""

import json
from pathlib import Path

import pytest

from core.settings import IndexSettings
from evaluation import audit as module
from evaluation.audit import audit
from evaluation.judged_questions import Question
from generator.prompt import REFUSAL
from rag import receipt
from rag.answerer import Answerer, answer_chain
from rag.search.retriever import IndexRetriever
from tests.conftest import queue_llm
from tests.rag.test_answerer import GOOD, QUESTION


def test_shares_are_of_the_questions_that_each_measure_is_about(retriever: IndexRetriever) -> None:
    measles = next(key for key, record in retriever.index.records.items() if "measles" in record.question)
    gout = next(key for key, record in retriever.index.records.items() if "gout" in record.question)
    asked = [
        (Question(QUESTION, True, {measles: 2}), GOOD),
        (Question(f"{QUESTION} once more", True, {gout: 2}), f"{GOOD} It comes from cold feet."),
        (Question(f"{QUESTION} again", True, {measles: 1}), REFUSAL),
        (Question("what is measles on mars", False), REFUSAL),
    ]
    answers = [answer_chain(Answerer(retriever, queue_llm(reply))).invoke(asks.text) for asks, reply in asked]
    figures = audit([asks for asks, _ in asked], answers, [True, None, False, False])
    assert {name: (round(each.mean, 2), each.n) for name, each in figures.items() if not name.endswith("_s")} == {
        "false_refusals": (0.33, 3),
        "right_refusals": (1.0, 1),
        "false_refusals_shown": (0.0, 1),
        "right_refusals_shown": (1.0, 2),
        "precise_refusals_shown": (1.0, 2),
        "quoted": (0.0, 2),
        "caveat_added": (0.0, 2),
        "cites_a_right_record": (0.5, 2),
        "restated": (0.5, 2),
        "cited_sentences": (1.0, 4),
        "supported_sentences": (1.0, 4),
        "weak_sentences": (0.0, 4),
    }
    assert figures["whole_answer_s"].n == 4


def test_the_command_line_writes_receipts_that_verify(
    small_index: IndexSettings,
    retriever: IndexRetriever,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(module, "FIGURES", tmp_path / "audit.json")
    monkeypatch.setattr(module, "open_answerer", lambda *_: Answerer(retriever, queue_llm(GOOD, GOOD)))
    measles = next(key for key, record in retriever.index.records.items() if "measles" in record.question)
    lines = [
        {"question": QUESTION, "answerable": True, "split": "test", "relevant": {measles: 2}},
        {"question": "what is measles", "answerable": True, "split": "fit", "relevant": {}},
    ]
    questions = tmp_path / "questions.jsonl"
    questions.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    assert module.main(["--questions", str(questions), "--to", str(tmp_path / "audit")]) == 0
    assert "false_refusals" in capsys.readouterr().out
    figures = json.loads((tmp_path / "audit.json").read_text())
    assert figures["about"]["questions"] == 2
    assert figures["false_refusals"]["n"] == 2
    assert figures["false_refusals_shown"]["n"] == 1  # of the other one no right record is known
    written = sorted(map(str, (tmp_path / "audit").glob("*.json")))
    assert len(written) == 2
    assert receipt.main(["verify", *written, "--index", small_index.dir]) == 0
    assert module.main(["--questions", str(questions), "--split", "none", "--to", str(tmp_path / "audit")]) == 0
    assert not list((tmp_path / "audit").iterdir())
