"""Pairs to train the reader on, its training, and when it decides."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError
from dataset.by_hand import Excerpt, HandWritten, HandWrittenQuestion
from dataset.labelled import LabelledQuestion
from dataset.reader import tune
from dataset.reader.deciding import fit_decision
from dataset.reader.pairs import from_file, from_hand, from_labels, from_reading, graded
from index.ranking import NEVER_FITTED
from rag.reader.decision import SIGNALS
from rag.reader.folder import read_folder
from rag.search.retriever import IndexRetriever
from tests.conftest import ROOT, index_rows
from tests.fakes import WordReader

ROWS = [
    ("What is gout ?", "Gout is a form of arthritis. It hurts at night."),
    ("What are the treatments for gout ?", "Gout is treated with medicines and rest. Ask your doctor about a diet."),
    ("What are the treatments for acne ?", "Acne is treated with gels and creams. Wash gently twice a day."),
    ("What are the treatments for gout kidney ?", "Gout kidney is treated with medicines that lower uric acid."),
]


@pytest.fixture
def over(retriever: IndexRetriever, tmp_path: Path) -> IndexRetriever:
    return retriever.model_copy(update={"index": index_rows(tmp_path, ROWS)})


def passage(retriever: IndexRetriever, question: str) -> str:
    return next(p.id for p in retriever.index.passages if retriever.index.records[p.record_id].question == question)


def test_a_grade_says_which_thresholds_are_reached() -> None:
    assert [graded(grade) for grade in (0, 2, 3)] == [(False,) * 3, (True, True, False), (True,) * 3]


def test_labels_give_grades_and_marks(over: IndexRetriever) -> None:
    answers, other = passage(over, ROWS[1][0]), passage(over, ROWS[2][0])
    label = LabelledQuestion(
        "own-1", "how do i treat gout", "treatment", "all", "fit", {answers: 3, other: 0, "gone": 1}, {answers: (0,)}
    )
    good, bad = from_labels([label], over)
    assert (good.at_least, good.marks) == ((True, True, True), (True, False))
    assert good.pair.sentences[0] == "Gout is treated with medicines and rest."
    assert (bad.at_least, bad.marks) == ((False, False, False), (False, False))


def test_questions_by_hand_are_marked_by_sentence(over: IndexRetriever) -> None:
    gout = Excerpt(passage(over, ROWS[1][0]), 0, 1)
    sets = [
        HandWritten((gout,), (HandWrittenQuestion("who tells me what to eat", ((1, 1),)),)),
        HandWritten((), (HandWrittenQuestion("how far is the moon", ()),)),
    ]
    right, *far = from_hand(sets, over.index, random.Random(0))
    assert (right.at_least, right.marks) == ((True, True, None), (False, True))
    assert all(each.at_least == (False, False, False) for each in far)
    assert far[-1].pair.question == "how far is the moon"


def test_the_file_gives_answers_and_what_must_not_be_taken_for_them(over: IndexRetriever) -> None:
    pairs = list(from_file(over, 10, random.Random(1)))
    by_heading = {(each.pair.heading, each.at_least[1]) for each in pairs}
    assert ("What are the treatments for gout ?", True) in by_heading
    assert {each.at_least for each in pairs} == {(True, True, None), (True, False, False), (False, False, False)}
    for each in pairs:
        assert each.marks is None if each.at_least[1] else not any(each.marks or ())
    assert len(list(from_file(over, 1, random.Random(1)))) < len(pairs)


def test_texts_for_reading_mark_the_sentence_of_the_answer(tmp_path: Path) -> None:
    sentences = [f"Sentence number {n} stands here." for n in range(40)]
    text = " ".join(sentences)
    asked = [
        {"question": "which is it", "answers": [{"start": text.index("number 20")}]},
        {"question": "?", "answers": []},
    ]
    path = tmp_path / "reading.jsonl"
    path.write_text(json.dumps({"context": text, "asked": asked}) + "\n")
    for seed in range(5):
        right, *wrong = from_reading(path, random.Random(seed))
        assert right.marks is not None
        assert right.pair.sentences[right.marks.index(True)] == sentences[20]
        assert all(sentences[20] not in each.pair.sentences and not any(each.marks or ()) for each in wrong)


def test_the_decision_is_fitted_on_labels(over: IndexRetriever, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.search.retriever.NEAR_ALL", 1.0)  # texts of a few words all share the likes of "what is"
    answered = [("treatments for gout", "all"), ("treatments for acne", "all"), ("what is gout", "part")] * 4
    others = [("the price of a ticket", "none"), ("who won the match", "none"), ("a recipe for bread", "none")] * 4
    labels = [
        LabelledQuestion(f"own-{n}", text, "other", state, "fit", {}, {})
        for n, (text, state) in enumerate(answered + others)
    ]
    decision, figures = fit_decision(over.model_copy(update={"reader": WordReader()}), labels)
    assert decision.signals == SIGNALS
    assert figures["auroc"] == figures["answered_of_answerable"] == figures["refused_of_others"] == 1.0
    assert 0 < decision.threshold < 1
    assert decision.risk == 0
    assert np.isfinite(decision.coefficients).all()


@pytest.mark.weights
def test_a_reader_is_trained_and_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from core.settings import IndexSettings
    from index.build import build

    csv, index = ROOT / "data/health_qa.csv", tmp_path / "index"
    build(IndexSettings(csv=str(csv), dir=str(index), cache=str(ROOT / "artifacts/embedders")))
    words = ["--index", str(index), "--to", str(tmp_path / "mine"), "--file-questions", "6", "--epochs", "0.5"]
    assert tune.main([*words, "--batch-size", "4"]) == 0
    assert "measure it: CITEWELL_RAG_READER=" in capsys.readouterr().out
    made = read_folder(tmp_path / "mine")
    card = json.loads((tmp_path / "mine/reader.json").read_text())
    assert card["pairs"]["file"] >= 6
    assert card["log"] or card["recipe"]["epochs"] == 0.5
    assert made.decision == NEVER_FITTED
    assert not (tmp_path / "mine.run").exists()
    with pytest.raises(DataError, match="no checkpoint in .* to resume from"):
        tune.main([*words, "--resume"])
