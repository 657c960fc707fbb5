"""Passages to read for people's questions, and labels without words."""

import json
import random
from pathlib import Path

import pytest

from core.errors import DataError
from dataset.labelled import read_asked
from evaluation import pools
from evaluation.pools import Pooled, drawn, labelled, pooled, same_texts, short_of
from rag.search.retriever import IndexRetriever

STORY = {"id": "b", "set": "two", "question": "My mother has had spots for a week now. " * 5 + "What causes acne?"}


def test_every_set_gives_its_share() -> None:
    sizes = {"a": 40, "b": 10}
    rows = [{"id": f"{name}{n}", "set": name, "question": "?"} for name, size in sizes.items() for n in range(size)]
    chosen = drawn(rows, 10, random.Random(1))
    assert sorted(row["set"] for row in chosen) == ["a"] * 8 + ["b"] * 2
    assert drawn(rows, 10, random.Random(1)) == chosen


def test_a_long_message_is_searched_by_what_it_asks_too() -> None:
    assert short_of(STORY) == "What causes acne?"
    assert short_of({**STORY, "summary": "Why acne?"}) == "Why acne?"
    assert short_of({"question": "what is gout?"}) == ""


def test_each_text_is_pooled_once(retriever: IndexRetriever) -> None:
    found = pooled(STORY, retriever, random.Random(1))
    assert len(found.passages) == len(set(found.passages)) > 1
    assert any("acne" in retriever.index.by_id[passage].text.casefold() for passage in found.passages)
    assert pooled({"id": "c", "question": "???"}, retriever, random.Random(1)).passages == ()


@pytest.fixture
def pool(retriever: IndexRetriever) -> Pooled:
    return Pooled("b", "two", "What causes acne?", "", tuple(passage.id for passage in retriever.index.passages[:3]))


def test_a_label_names_passages_and_holds_no_word(retriever: IndexRetriever, pool: Pooled) -> None:
    line = {"id": "b", "kind": "cause", "state": "all", "grades": {"2": 3, "1": 1}, "sentences": {"2": [0]}}
    label = labelled({**line, "ideal": "Oil [2]. And dirt [2, 1]."}, pool, retriever, same_texts(retriever))
    first, second, third = pool.passages
    assert label["grades"] == {second: 3, first: 1}
    assert label["read"] == [third]
    assert label["sentences"] == {second: [0]}
    assert (label["ideal"], label["sources"]) == ("Oil [1]. And dirt [1][2].", [second, first])
    assert label["split"] in ("fit", "test")
    assert "acne" not in json.dumps(label)


@pytest.mark.parametrize(
    "change", [{"state": "none"}, {"grades": {"9": 3}}, {"grades": {"2": 5}}, {"grades": {"x": 1}}, {"grades": []}]
)
def test_a_line_that_cannot_be_is_named(retriever: IndexRetriever, pool: Pooled, change: dict[str, object]) -> None:
    line = {"id": "b", "kind": "cause", "state": "all", "grades": {"2": 3}, "sentences": {}, "ideal": ""}
    with pytest.raises(DataError, match="b: .*read its line again"):
        labelled({**line, **change}, pool, retriever, same_texts(retriever))


def test_what_was_drawn_is_read_and_gathered(
    retriever: IndexRetriever, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "open_retriever", lambda settings: retriever)
    questions, folder, to = tmp_path / "q.jsonl", tmp_path / "pool", tmp_path / "people.jsonl"
    questions.write_text(json.dumps({"id": "a", "question": "what is gout"}) + "\n" + json.dumps(STORY) + "\n")
    assert pools.main(["draw", "--questions", str(questions), "--to", str(folder)]) == 0
    batch = (folder / "batch_01.txt").read_text()
    assert batch.count("##### QUESTION") == 2
    assert "[1] " in batch
    assert "(0) " in batch
    read = tmp_path / "read.jsonl"
    line = {"id": "a", "kind": "definition", "state": "all", "grades": {"1": 2}, "sentences": {"1": [0]}}
    read.write_text(json.dumps({**line, "ideal": "So [1]."}) + "\n")
    assert pools.main(["gather", "--pool", str(folder), "--labels", str(read), "--to", str(to)]) == 0
    (label,) = read_asked(to, questions)
    assert (label.id, label.text, label.answerable) == ("a", "what is gout", True)
    read.write_text(json.dumps({**line, "id": "z"}) + "\n")
    with pytest.raises(DataError, match="the labels name 'z'"):
        pools.main(["gather", "--pool", str(folder), "--labels", str(read), "--to", str(to)])
    with pytest.raises(DataError, match=r"no pool\.json in .*citewell evaluate pool draw"):
        pools.main(["gather", "--pool", str(tmp_path), "--labels", str(read), "--to", str(to)])
