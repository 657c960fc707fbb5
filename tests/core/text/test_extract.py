from collections import Counter

import pytest

from core.text.extract import Chosen, choose, cited, compose, refused_because
from core.text.sentences import sentence_spans
from rag.checks.citations import read_markers


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("Gout is a form of arthritis that hurts.", ""),
        ("Key Points Gout is a form of arthritis.", "boilerplate"),
        ("Click here to read about gout and more.", "boilerplate"),
        ("What are the signs and symptoms of gout?", "a question"),
        ("The treatments of gout may include these:", "not whole"),
        ("Drugs against gout and", "too short"),
        ("and drugs that lower the uric acid.", "a list item"),
        ("Gout hurts.", "too short"),
        ("Gout is not contagious.", ""),
        ("It is rare.", ""),
        ("Other gout drugs.", "too short"),
        ("Gout " + "hurts " * 60 + "much.", "too long"),
    ],
)
def test_what_cannot_stand_in_an_answer(sentence: str, reason: str) -> None:
    assert refused_because(sentence) == reason


def chosen(text: str, aspect: str, relevance: list[float], refused: Counter[str] | None = None) -> list[str]:
    spans = choose(text, aspect, relevance, Counter() if refused is None else refused).spans
    return [text[start:end] for start, end in spans]


def test_the_sentences_that_fit_the_question_in_the_order_of_the_passage() -> None:
    text = (
        "Gout is a form of arthritis of the joints. The weather was fine on that long day. "
        "Doctors treat gout with drugs that lower uric acid. Key points stand at the top of a page."
    )
    refused: Counter[str] = Counter()
    assert chosen(text, "treatment", [0.5, 0.05, 0.6, 0.9], refused) == [
        "Gout is a form of arthritis of the joints.",
        "Doctors treat gout with drugs that lower uric acid.",
    ]
    assert refused == {"boilerplate": 1}


def test_a_sentence_that_leans_on_another_comes_with_it_or_not_at_all() -> None:
    text = "Gout is a form of arthritis of the joints. It is caused by crystals of uric acid."
    assert chosen(text, "causes", [0.1, 0.6]) == [
        "Gout is a form of arthritis of the joints.",
        "It is caused by crystals of uric acid.",
    ]
    alone = "Click here to see it. It is caused by crystals of uric acid."
    assert chosen(alone, "causes", [0.1, 0.6]) == []


@pytest.mark.parametrize(
    ("sentence", "stands"),
    [
        ("It is important to drink a lot of water.", True),
        ("It is not known why some people get attacks.", True),
        ("It is thought to run in families.", False),
        ("It is important for people to have it treated.", False),
    ],
)
def test_an_it_that_stands_for_nothing_leans_on_nothing(sentence: str, stands: bool) -> None:
    lead = "Gout is a form of arthritis of the joints."
    assert chosen(f"{lead} {sentence}", "causes", [0.1, 0.6]) == ([sentence] if stands else [lead, sentence])


def test_what_leans_on_what_leans_comes_with_both() -> None:
    text = "Gout is a form of arthritis of the joints. It comes in attacks that hurt. It is not contagious."
    assert chosen(text, "causes", [0.1, 0.1, 0.6]) == [
        "Gout is a form of arthritis of the joints.",
        "It comes in attacks that hurt.",
        "It is not contagious.",
    ]


def test_a_sentence_and_its_caveat_go_together_or_neither_goes() -> None:
    text = (
        "Gout is a form of arthritis of the joints. Gout itself cannot be caught from anybody. "
        "However, what leads to gout may run in families."
    )
    relevance = [0.5, 0.6, 0.1]
    assert chosen(text, "causes", relevance) == text.replace(". ", ".|").split("|")
    spans = sentence_spans(text)
    caught = Chosen((spans[1], spans[2]), 1.0)
    both = [(text[slice(*span)], 1) for span in caught.spans]
    assert compose({1: text}, {1: caught}, 2) == both
    assert compose({1: text}, {1: caught}, 1) == []
    listed = text.replace("families.", "families:")
    assert chosen(listed, "causes", relevance) == ["Gout is a form of arthritis of the joints."]


def test_a_passage_without_a_fitting_sentence_says_why() -> None:
    assert choose("Links.", "causes", [0.5], Counter()).reason == "no whole sentence"
    assert choose("The weather was fine on that day.", "causes", [0.0], Counter()).reason == "no sentence fits"


def test_the_label_before_a_sentence_is_no_part_of_it() -> None:
    assert chosen("Summary : Gout is a form of arthritis.", "information", [0.5]) == ["Gout is a form of arthritis."]


def test_every_sentence_carries_its_marker_as_answers_are_read() -> None:
    text = cited([("Gout is a form of\narthritis.", 1), ("Is it rare?", 3)])
    assert text == "Gout is a form of arthritis [1]. Is it rare? [3]"
    assert [(draft.text, draft.marked) for draft in read_markers(text)] == [
        ("Gout is a form of arthritis.", (1,)),
        ("Is it rare?", (3,)),
    ]
    assert len(sentence_spans(text)) == 2
