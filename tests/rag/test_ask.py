import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import DataError, SettingsError
from core.settings import IndexSettings
from generator.prompt import REFUSAL
from rag import ask, opening, receipt
from rag.answerer import UNCHECKED
from rag.search.retriever import IndexRetriever
from tests.conftest import ROOT, queue_llm, queue_of
from tests.rag.test_answerer import GOOD, QUESTION


@pytest.fixture
def opened(retriever: IndexRetriever, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The chain over the small index, its replies in the list returned."""
    replies: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(opening, "open_retriever", lambda settings: retriever)
    monkeypatch.setattr(opening, "open_checks", lambda *_: UNCHECKED)
    monkeypatch.setattr(opening, "open_llm", lambda settings: queue_llm(*replies))
    return replies


def test_compare_answers_the_same_evidence_with_and_without_the_adapter(
    opened: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned, untuned = queue_llm(GOOD, GOOD), queue_llm("A vaccine prevents it. Measles comes from cold feet.", REFUSAL)
    queue_of(tuned).identity = {**queue_of(tuned).identity, "adapter": "medquad@1234"}
    monkeypatch.setattr(opening, "open_llm", lambda settings: tuned)
    monkeypatch.setattr(opening, "open_untuned_llm", lambda settings: untuned)
    assert ask.main([QUESTION, "--compare"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"with medquad@1234 +\| without", printed)
    assert re.search(r"Measles is a very contagious disease\. .*\| A vaccine prevents it\.", printed)
    assert "cold feet" not in printed
    assert "[1] What is measles?" in printed
    assert queue_of(tuned).asked == queue_of(untuned).asked  # the same prompt, byte for byte

    assert ask.main([QUESTION, "--compare", "--json"]) == 0
    both = json.loads(capsys.readouterr().out)
    with_it, without = both["tuned"]["answer"], both["untuned"]["answer"]
    assert with_it["evidence"] == without["evidence"]
    assert (with_it["abstained"], without["abstained"]) == (False, True)


def test_compare_needs_an_adapter(opened: list[str]) -> None:
    with pytest.raises(SettingsError, match="no adapter is in use, so there is nothing to compare; name one: CITEWELL"):
        ask.main([QUESTION, "--compare"])


def test_the_answer_and_its_passages_are_printed_with_the_supporting_words_marked(
    opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    opened.append("Measles is a very contagious disease. Measles comes from cold feet.")
    assert ask.main([QUESTION]) == 0
    printed = capsys.readouterr().out
    assert "\nMeasles is a very contagious disease. [1]\n" in printed
    assert "(a sentence that the passages do not clearly support was left out" in printed
    assert "[1] What is measles?  (score" in printed
    assert "«Measles is a very contagious disease.» A vaccine prevents" in printed


def test_json_is_one_receipt_a_line_which_verifies_and_a_bad_question_costs_only_itself(
    opened: list[str], small_index: IndexSettings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    opened += [GOOD, GOOD]
    questions = tmp_path / "questions.txt"
    questions.write_text(f"\ufeff???\n\n{QUESTION}\n", encoding="utf-8")
    assert ask.main([QUESTION, "--file", str(questions), "--json"]) == 1
    captured = capsys.readouterr()
    answers = [json.loads(line)["answer"] for line in captured.out.splitlines()]
    assert [answer["question"] for answer in answers] == [QUESTION, QUESTION]
    assert captured.err == "error: the question is empty; type a question in words (found: '???')\n"
    kept = tmp_path / "answers.jsonl"
    kept.write_text(captured.out, encoding="utf-8")
    assert receipt.main(["verify", str(kept), "--index", small_index.dir]) == 0
    kept.write_text(captured.out.replace("97 percent", "79 percent", 1), encoding="utf-8")
    assert receipt.main(["verify", str(kept), "--index", small_index.dir]) == 1
    printed = capsys.readouterr().out
    assert "BAD" in printed
    assert "answers.jsonl, line 1 was altered" in printed
    assert "2 receipts, 1 unreadable" in printed


def test_questions_come_from_standard_input_too(
    opened: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened.append(GOOD)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{QUESTION}\n"))
    assert ask.main(["--file", "-"]) == 0
    assert QUESTION in capsys.readouterr().out


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="cannot read questions from .*none.txt: .*; expected UTF-8 text, one question a"
    ):
        ask.main(["--file", str(tmp_path / "none.txt")])


def test_no_question_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ask.main([])
    assert "no question; give one in quotes, or --file F" in capsys.readouterr().err


def test_asking_with_no_index_says_how_to_build_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rag.ask", "what is gout", "--index", str(tmp_path / "none")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("error: no index at")
    assert f"build it: citewell build --index {tmp_path / 'none'}" in ended.stderr


def test_open_chain_joins_index_and_generator(
    small_index: IndexSettings, word_embedder: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.settings import RagSettings, Settings

    monkeypatch.setattr(opening.QwenChat, "from_settings", classmethod(lambda cls, settings: queue_llm(GOOD)))
    settings = Settings(index=small_index, rag=RagSettings(min_score=0.2))
    assert opening.open_chain(settings).invoke(QUESTION).sentences[0].verdict == "supported"
