"""Judgements of answers, and the preference pairs that come of them."""

import dataclasses
import json
from pathlib import Path

import pytest
from datasets import load_dataset

from core.errors import DataError
from rag import feedback
from rag.answer import Answer
from rag.answerer import Answerer, answer_chain
from rag.feedback import by_day, give, given, pairs
from rag.search.retriever import IndexRetriever
from tests.conftest import queue_llm
from tests.rag.test_answerer import GOOD, QUESTION

BAD = "Measles comes from cold feet [1]."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


@pytest.fixture
def answers(retriever: IndexRetriever) -> tuple[Answer, Answer]:
    good, bad = (answer_chain(Answerer(retriever, queue_llm(text))).invoke(QUESTION) for text in (GOOD, BAD))
    return good, bad


def test_a_better_answer_makes_a_pair_with_the_one_it_replaces(file: Path, answers: tuple[Answer, Answer]) -> None:
    give(file, answers[1], good=False, reason="wrong", better="Measles is contagious [1].")
    (pair,) = pairs(given(file))
    assert [message["role"] for message in pair["prompt"]] == ["system", "user", "assistant", "user"]
    assert pair["prompt"][-1]["content"].endswith(f"Question: {QUESTION}")
    assert pair["chosen"] == [{"role": "assistant", "content": "Measles is contagious [1]."}]
    assert pair["rejected"] == [{"role": "assistant", "content": BAD}]


def test_a_good_answer_is_preferred_to_a_bad_one_over_the_same_passages(
    file: Path, answers: tuple[Answer, Answer]
) -> None:
    give(file, answers[0], good=True)
    assert pairs(given(file)) == []
    give(file, answers[1], good=False, reason="not supported")
    (pair,) = pairs(given(file))
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == (GOOD, BAD)


def test_an_answer_is_judged_once_and_the_last_word_counts(file: Path, answers: tuple[Answer, Answer]) -> None:
    give(file, answers[0], good=False, reason="unclear")
    give(file, answers[0], good=True)
    (judged,) = given(file)
    assert judged.good
    assert judged.reason == ""
    assert judged.receipt.answer == answers[0]
    assert [(row["reason"], row["answers"]) for row in by_day([judged])] == [("good", 1)]


def test_an_unknown_reason_is_refused(file: Path, answers: tuple[Answer, Answer]) -> None:
    with pytest.raises(DataError, match="unknown reason 'meh'; expected one of: wrong, not supported"):
        give(file, answers[0], good=False, reason="meh")
    assert not file.exists()


def test_answers_that_no_model_was_asked_for_give_no_pair(file: Path, answers: tuple[Answer, Answer]) -> None:
    give(file, dataclasses.replace(answers[1], prompt=""), good=False, reason="wrong", better="Better.")
    assert pairs(given(file)) == []


def test_the_export_is_read_by_the_library_that_trains(
    file: Path, answers: tuple[Answer, Answer], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "pairs.jsonl"
    with pytest.raises(DataError, match="0 judgements give no pair"):
        feedback.main(["export", "--to", str(target), "--history", str(file)])
    give(file, answers[1], good=False, reason="incomplete", better="Measles is contagious [1].")
    assert feedback.main(["export", "--to", str(target), "--history", str(file)]) == 0
    assert "1 pairs from 1 judgements" in capsys.readouterr().out
    assert set(json.loads(target.read_text())) == {"prompt", "chosen", "rejected"}
    rows = load_dataset("json", data_files=str(target), split="train", cache_dir=str(tmp_path / "cache"))
    from trl.data_utils import is_conversational

    assert is_conversational(rows[0])
    assert feedback.main(["list", "--history", str(file)]) == 0
    assert "1  incomplete" in capsys.readouterr().out
