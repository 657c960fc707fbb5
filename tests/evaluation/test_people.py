"""Questions that people sent, over passages that were read: what counts as answered, good, and misleading."""

import json
from pathlib import Path

import pytest

from core.errors import DataError
from core.settings import IndexSettings
from dataset.labelled import LabelledQuestion, read_asked
from evaluation import people
from evaluation.people import Outcome, by_kind, measures, outcome
from rag import opening
from rag.answerer import UNCHECKED, Answerer, answer_chain
from rag.search.retriever import IndexRetriever
from tests.conftest import queue_llm
from tests.rag.test_answerer import GOOD, QUESTION

GRADES = {"good": 3, "fair": 2, "near": 1, "far": 0}


def asked(state: str = "all", kind: str = "drug", grades: dict[str, int] | None = None) -> LabelledQuestion:
    return LabelledQuestion("1", "how much?", kind, state, "test", GRADES if grades is None else grades, {})


def given(*cited: str, found: tuple[str, ...] = (), written: bool = True) -> Outcome:
    return Outcome(bool(cited), bool(cited) and written, cited, found or cited)


def test_what_is_answered_good_and_misleading() -> None:
    none = asked("none", grades={"near": 1, "far": 0})
    figures = measures(
        [asked(), asked(), asked(), asked(), none, none],
        [given("far", "good"), given("far"), given("unread", written=False), given(), given("near"), given()],
    )
    assert figures["answered_of_answerable"].mean == 0.75
    assert figures["refused_of_others"].mean == 0.5
    assert figures["cites_a_good_passage"].mean == 0.25
    assert figures["misleading"].mean == 0.5  # grade 0, and one that nobody read
    assert figures["cites_an_unread_passage"].mean == 0.25
    assert figures["written_by_the_model"].mean == 0.75


def test_how_far_down_a_good_passage_is() -> None:
    below = tuple(f"p{n}" for n in range(10))
    figures = measures(
        [asked(), asked(), asked()],
        [given("far", found=("far", "good")), given("far", found=(*below, "fair")), given("far", found=below)],
    )
    assert figures["good_passage_in_3"].mean == pytest.approx(1 / 3)
    assert figures["good_passage_in_20"].mean == pytest.approx(2 / 3)
    assert figures["good_passage_in_3_of_20"].mean == 0.5
    ideal = 7 + 3 / 1.585 + 1 / 2
    assert figures["ndcg_at_10"].mean == pytest.approx(7 / 1.585 / ideal / 3, abs=1e-3)


def test_kinds_are_measured_apart() -> None:
    kinds = by_kind([asked(kind="drug"), asked(kind="story"), asked(kind="drug")], [given("good"), given(), given()])
    assert list(kinds) == ["drug", "story"]
    assert kinds["drug"]["answered_of_answerable"].mean == 0.5


def test_an_outcome_is_read_off_an_answer(retriever: IndexRetriever) -> None:
    answer = answer_chain(Answerer(retriever, queue_llm(GOOD))).invoke(QUESTION)
    found = outcome(answer)
    assert found.answered
    assert found.written
    assert found.cited == (answer.evidence[0].passage_id,)
    assert found.found[0] == answer.evidence[0].passage_id
    assert len(found.found) == len(answer.evidence) + len(answer.dropped)


@pytest.fixture
def labels(retriever: IndexRetriever, tmp_path: Path) -> Path:
    passage = next(
        each for each in retriever.index.passages if "measles" in retriever.index.records[each.record_id].question
    )
    label = {
        **{"id": "a", "kind": "definition", "state": "all", "split": "test"},
        **{"grades": {passage.id: 3}, "read": [passage.id, "other"], "sentences": {passage.id: [0]}},
    }
    rows = [label, {**label, "id": "b", "split": "fit", "question": "what is gout"}]
    file = tmp_path / "labels.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def test_words_of_questions_stand_beside_the_labels_or_in_a_file_of_their_own(labels: Path, tmp_path: Path) -> None:
    words = tmp_path / "questions.jsonl"
    words.write_text(json.dumps({"id": "a", "question": QUESTION}) + "\n", encoding="utf-8")
    first, second = read_asked(labels, words)
    assert (first.text, second.text) == (QUESTION, "what is gout")
    assert sorted(first.grades.values()) == [0, 3]
    assert [each.id for each in read_asked(labels, words, "test")] == ["a"]
    with pytest.raises(DataError, match="labels 'a', whose words are not there; name their file: --questions F"):
        read_asked(labels)


def test_the_command_asks_and_writes_what_came_of_it(
    retriever: IndexRetriever,
    small_index: IndexSettings,
    labels: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(opening, "open_retriever", lambda settings: retriever)
    monkeypatch.setattr(opening, "open_checks", lambda *_: UNCHECKED)
    monkeypatch.setattr(opening, "open_llm", lambda settings: queue_llm(GOOD))
    words = tmp_path / "questions.jsonl"
    words.write_text(json.dumps({"id": "a", "question": QUESTION}) + "\n", encoding="utf-8")
    to = tmp_path / "people.json"
    assert people.main(["--labels", str(labels), "--questions", str(words), "--to", str(to)]) == 0
    result = json.loads(to.read_text())
    assert result["about"]["questions"] == 1
    assert result["figures"]["cites_a_good_passage"]["mean"] == 1.0
    (row,) = map(json.loads, to.with_suffix(".jsonl").read_text().splitlines())
    assert (row["id"], row["answered"]) == ("a", True)
    assert row["text"].startswith("Measles is")
    assert "definition, 1 questions" in capsys.readouterr().out
    words_of = ["--labels", str(labels), "--questions", str(words)]
    assert people.main([*words_of, "--to", str(tmp_path / "again.json"), "--gate", str(to)]) == 0
    assert "0 fell by more than their interval" in capsys.readouterr().out
    result["figures"]["misleading"] = {"mean": -0.5, "low": -0.6, "high": -0.4, "n": 1}
    to.write_text(json.dumps(result))
    assert people.main([*words_of, "--to", str(tmp_path / "again.json"), "--gate", str(to)]) == 1
    assert "FELL  misleading: 0.000, committed -0.500 (-0.600--0.400)" in capsys.readouterr().out
    with pytest.raises(DataError, match="holds no figures .*write them: citewell evaluate people --to"):
        people.main([*words_of, "--to", str(tmp_path / "again.json"), "--gate", str(words)])
    with pytest.raises(DataError, match="has no question of split 'dev'; expected fit or test"):
        people.main(["--labels", str(labels), "--questions", str(words), "--split", "dev"])
