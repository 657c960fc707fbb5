"""What is shown of a passage while the model still reads."""

import dataclasses

import pytest

from rag.answer import Hit, Lead
from rag.answerer import Answerer, answer_chain
from rag.checks.citations import may_be_aside
from rag.search.leads import leads
from rag.search.retriever import IndexRetriever
from tests.conftest import queue_llm
from tests.rag.test_answerer import GOOD, QUESTION

TEXT = "Vaccine\nMeasles is a very contagious disease of children. A vaccine prevents it in 97 percent of people."


def lead(text: str, *asked: str) -> Lead:
    (found,) = leads([Hit("p", "r", "What is it?", text, start=100)], asked, lambda term: float(len(term)))
    assert text[found.start - 100 :].startswith(found.text)
    assert found.passage_id == "p"
    return found


@pytest.mark.parametrize(
    ("asked", "begins"),
    [
        (("contagi", "children"), "Measles is"),
        (("vaccin", "prevent"), "A vaccine"),
        (("vaccin",), "A vaccine"),  # and not the heading, which says less
        (("knee",), "Vaccine"),  # nothing in common: the first
    ],
)
def test_the_lead_says_most_of_what_was_asked(asked: tuple[str, ...], begins: str) -> None:
    assert lead(TEXT, *asked).text.startswith(begins)


def test_a_passage_without_a_sentence_is_its_own_lead() -> None:
    assert lead("…", "vaccin").text == "…"


def test_leads_stand_in_the_first_snapshot_and_stay(retriever: IndexRetriever) -> None:
    tight = retriever.model_copy(update={"settings": dataclasses.replace(retriever.settings, evidence_tokens=28)})
    first, *later = answer_chain(Answerer(tight, queue_llm(GOOD))).stream(QUESTION)
    assert [(item.passage_id, item.n) for item in first.evidence] == [
        (each.passage_id, number) for number, each in enumerate(first.leads, start=1)
    ]
    assert (first.text, first.prompt) == ("", "")  # nothing has been trimmed yet, and nothing rendered
    assert later[0].evidence != first.evidence
    for snapshot in later:
        assert snapshot.leads == first.leads
    for item in first.leads:
        record = tight.index.records[tight.index.by_id[item.passage_id].record_id]
        assert record.answer[item.start :].startswith(item.text)


def test_a_refusal_is_never_seen_to_be_written(retriever: IndexRetriever) -> None:
    shown = [
        snapshot.text
        for snapshot in answer_chain(
            Answerer(retriever, queue_llm("The passages do not answer this question."))
        ).stream(QUESTION)
    ]
    assert set(shown[:-1]) == {""}


@pytest.mark.parametrize(
    ("begun", "held"),
    [
        ("", True),
        ("The passa", True),
        ("The passages do not say", True),
        ("The passages do not say how long", True),
        ("The passage does not answer", True),
        ("The pain comes", False),
        ("There are", False),
        ("The passages from the nose to the throat", False),
    ],
)
def test_what_may_become_a_refusal_is_held_back(begun: str, held: bool) -> None:
    assert may_be_aside(begun) is held
