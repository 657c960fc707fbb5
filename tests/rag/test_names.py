"""Names that nothing is said of."""

import dataclasses

import pytest

from rag.answerer import Answerer, answer_chain
from rag.search.names import another_of_its_kind, missing_names
from rag.search.retriever import IndexRetriever
from tests.conftest import queue_llm
from tests.rag.test_answerer import GOOD

PLAIN = frozenset({"measles", "with", "does", "help", "against", "tablet"})


def test_a_name_that_no_passage_holds_is_missing() -> None:
    texts = ["Measles is treated with rest."]
    assert missing_names("Does Remdesivir help against measles?", texts, PLAIN) == ("remdesivir",)
    assert missing_names("Does Remdesivir help against measles?", [*texts, "Remdesivir is a drug."], PLAIN) == ()
    assert missing_names("remdesivir, remdesivir and zyrtec with measles", texts, PLAIN) == ("remdesivir", "zyrtec")


def test_words_of_a_dictionary_and_medical_words_for_them_are_not_missing() -> None:
    assert missing_names("do tablets help against measles", [], PLAIN) == ()
    assert missing_names("how do i stop a nosebleed", ["Epistaxis is bleeding from the nose."], PLAIN) == ()
    assert missing_names("does remdesivir help", [], ()) == ()


def test_an_answer_says_what_it_says_nothing_of(retriever: IndexRetriever) -> None:
    knows = retriever.model_copy(update={"dictionary": PLAIN | {"disease"}})
    question = "what is measles, a disease, with remdesivir?"
    answer = answer_chain(Answerer(knows, queue_llm(GOOD))).invoke(question)
    (note,) = answer.notes
    assert dataclasses.astuple(note) == ("missing", "the passages say nothing of remdesivir")
    assert answer_chain(Answerer(retriever, queue_llm(GOOD))).invoke(question).notes == ()


@pytest.mark.parametrize(
    ("question", "heading", "other"),
    [
        ("how is hepatitis C spread", "What is hepatitis B ?", "hepatitis b"),
        ("how is hepatitis C spread", "Who is at risk for hepatitis C? ?", ""),
        ("is type 2 diabetes inherited", "What causes Type I diabetes ?", "type 1"),
        ("is type II diabetes inherited", "What causes type 2 diabetes ?", ""),
        ("too much vitamin D", "What is vitamin B12 deficiency ?", "vitamin b12"),
        ("too much vitamin D", "What is rickets ?", ""),
        ("chromosome 15 duplication", "What is chromosome 16p deletion ?", "chromosome 16p"),
        ("hepatitis in babies", "What is hepatitis B ?", ""),
        ("hepatitis a or b", "Hepatitis A", ""),
        ("which vitamin I should take, which type I have", "Vitamin D, type 2", ""),
    ],
)
def test_names_that_differ_in_a_number_or_a_letter_never_stand_for_each_other(
    question: str, heading: str, other: str
) -> None:
    assert another_of_its_kind(question, heading) == other
