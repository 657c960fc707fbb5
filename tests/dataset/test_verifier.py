"""What the verifier is trained on: sentences altered by rule, and what each source says of a pair."""

import json
import random
from pathlib import Path

import pytest

from core.errors import DataError
from dataset.by_hand import Excerpt
from dataset.verifier.alterations import another_number, negated, opposite, read_opposites, shortened
from dataset.verifier.pairs import (
    CONTRADICTED,
    SUPPORTED,
    UNSAID,
    UNSUPPORTED,
    from_inference,
    from_passages,
    from_statements,
    from_written,
    is_kept_back,
)
from dataset.written import WrittenAnswer
from index.topics import record_topic
from tests.conftest import WordEmbedder, index_rows

ROWS = [
    ("What causes gout?", "Gout is caused by 2 crystals in a joint. It hurts most in the first days of an attack."),
    (
        "What eases a cough?",
        "Honey is given for a cough, which is common. A cough lasts three weeks or less in adults.",
    ),
]


@pytest.mark.parametrize(
    ("sentence", "changed"),
    [
        ("Gout is not rare.", "Gout is rare."),
        ("It cannot be cured.", "It can be cured."),
        ("It does not hurt.", "It does hurt."),
        ("There is no cure.", "There is some cure."),
        ("It may come back.", "It may not come back."),
        ("Gout hurts.", ""),
    ],
)
def test_a_negation_is_put_in_or_taken_out(sentence: str, changed: str) -> None:
    assert negated(sentence) == changed


def test_a_number_becomes_another_one() -> None:
    for seed in range(20):
        changed = another_number("Take 1,200 mg for 3 days.", random.Random(seed))
        assert changed != "Take 1,200 mg for 3 days."
        assert changed.startswith("Take ")
    assert another_number("Take it.", random.Random(0)) == ""


def test_a_word_becomes_its_opposite() -> None:
    assert opposite("The risk is higher in smokers.", random.Random(0)) == "The risk is lower in smokers."
    assert opposite("Gout hurts.", random.Random(0)) == ""


def test_a_pair_of_opposites_is_two_words(tmp_path: Path) -> None:
    file = tmp_path / "opposites.toml"
    file.write_text('pairs = ["high low", "up"]')
    with pytest.raises(DataError, match="'up' is no pair of words; expected two"):
        read_opposites(file)


def test_what_is_shortened_is_said_by_the_whole() -> None:
    sentence = "Gout is a painful kind of arthritis, which comes in attacks."
    assert shortened(sentence, random.Random(0)) == "Gout is a painful kind of arthritis."
    listed = shortened("The signs include fever, cough, a rash and red eyes.", random.Random(1))
    assert listed.startswith("The signs include ")
    assert "," not in listed
    assert shortened("Gout hurts.", random.Random(0)) == ""


def test_labels_of_inference_are_read(tmp_path: Path) -> None:
    file = tmp_path / "inference.jsonl"
    rows = [{"premise": "A man sleeps. ", "hypothesis": "He is awake.", "label": "contradiction"}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (pair,) = from_inference(file)
    assert (pair.pair.question, pair.pair.sentences, pair.at_least) == (
        "He is awake.",
        ("A man sleeps.",),
        CONTRADICTED,
    )
    file.write_text(json.dumps({**rows[0], "label": "true"}))
    with pytest.raises(DataError, match="row 1 has the label 'true'; expected contradiction, neutral, entailment"):
        list(from_inference(file))


def test_statements_about_passages_are_read(tmp_path: Path, word_embedder: WordEmbedder) -> None:
    index = index_rows(tmp_path, ROWS)
    gout = index.passages[0]
    row = {
        "shown": [gout.id, 1, 1],
        "said": ["It hurts early."],
        "unsaid": ["It is rare."],
        "wrong": ["It is painless."],
    }
    file = tmp_path / "statements.jsonl"
    file.write_text(json.dumps(row) + "\n" + json.dumps({**row, "shown": ["gone", 0, 0]}) + "\n")
    found = list(from_statements(file, index))
    assert {passage for passage, _ in found} == {gout.id}
    assert [(pair.pair.question, pair.at_least) for _, pair in found] == [
        ("It hurts early.", SUPPORTED),
        ("It is rare.", UNSAID),
        ("It is painless.", CONTRADICTED),
    ]
    assert found[0][1].pair.heading == ROWS[0][0]
    assert found[0][1].pair.sentences == ("It hurts most in the first days of an attack.",)
    file.write_text(json.dumps({**row, "shown": [gout.id]}))
    with pytest.raises(DataError, match=r"row 1 holds no statements .*; expected shown: \[passage, first, last\] and"):
        list(from_statements(file, index))


def test_one_passage_in_six_is_kept_back() -> None:
    kept = sum(is_kept_back(f"passage {number}") for number in range(600))
    assert 75 < kept < 125


def test_sentences_of_written_answers_and_those_that_nothing_supports(
    tmp_path: Path, word_embedder: WordEmbedder
) -> None:
    index = index_rows(tmp_path, ROWS)
    gout, cough = index.passages
    shown = (Excerpt(gout.id, 1, 1), Excerpt(cough.id, 0, 0))
    answer = "It hurts at first [1]. Honey helps [1][2]. The passages do not say why."
    written = WrittenAnswer("one", "", shown, "part", answer, "It is hereditary.", "It never hurts.")
    pairs = [(pair.pair.question, pair.pair.sentences, pair.at_least) for _, pair in from_written([written], index)]
    text = ("It hurts most in the first days of an attack.",)
    assert pairs == [
        ("It hurts at first.", text, SUPPORTED),
        ("It is hereditary.", text, UNSAID),
        ("It never hurts.", text, CONTRADICTED),
    ]
    gone = WrittenAnswer("two", "", (Excerpt("gone", 0, 0),), "all", "Yes [1].", "More.", "Wrong.")
    assert list(from_written([gone], index)) == []


def test_sentences_of_passages_are_taken_of_the_topics_that_may_be_trained_on(
    tmp_path: Path, word_embedder: WordEmbedder
) -> None:
    index = index_rows(tmp_path, ROWS)
    topic = record_topic(next(iter(index.records.values())))
    pairs = [pair for seed in range(30) for pair in from_passages(index, [topic], 5, random.Random(seed))]
    assert {pair.at_least for pair in pairs} >= {SUPPORTED, CONTRADICTED, UNSUPPORTED}
    for pair in pairs:
        assert "cough" not in " ".join(pair.pair.sentences)
        if pair.at_least == SUPPORTED:
            assert pair.marks is not None
            assert sum(pair.marks) == 1
        if pair.at_least == UNSUPPORTED:
            assert pair.pair.question not in pair.pair.sentences
