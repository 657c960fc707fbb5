"""A sentence of a passage is said only where it speaks of what was asked."""

from collections.abc import Sequence

import pytest

from rag.answer import Evidence, Hit
from rag.checks.citations import Draft
from rag.checks.scope import Scope

ASPIRIN = ("Can adults take aspirin for a fever?", "Yes. Adults can take 500 mg of aspirin for a fever.")
VACCINES = (
    "Which vaccines does a baby get?",
    "| Age | Vaccine |\n| 2 months | DTaP, polio, Hib |\n| 4 months | DTaP, polio |",
)
KNOWN = {"aspirin", "fever", "take", "alcohol", "drink"}


def evidence(*records: tuple[str, str], near: float = 0.0) -> list[Evidence]:
    """Evidence of records whose questions are so near to the one asked."""
    hits = [
        Hit(f"{n}-0", str(n), heading, text, scores={"question": near}) for n, (heading, text) in enumerate(records)
    ]
    return [Evidence(hit, n, hit.text, 0) for n, hit in enumerate(hits, start=1)]


def scope(question: str, items: Sequence[Evidence]) -> Scope:
    return Scope(question, items, lambda stem: 1.0 if stem in KNOWN else 3.0)


def kept(question: str, items: Sequence[Evidence], *sentences: str) -> list[str]:
    return [draft.text for draft in scope(question, items).kept([Draft(" ", each, (1,)) for each in sentences])]


def test_a_bare_sentence_answers_its_own_question_alone() -> None:
    near = evidence(ASPIRIN, near=0.95)
    assert kept("can adults take aspirin against fever", near, "Yes.") == ["Yes."]
    assert kept("can adults take aspirin against pain", evidence(ASPIRIN, near=0.7), "Yes.") == []


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("No, metronidazole with alcohol causes vomiting.", "Metronidazole with alcohol causes vomiting."),
        ("Yes, p53 is a gene.", "p53 is a gene."),
    ],
)
def test_what_a_bare_opening_leaves_begins_as_a_sentence_does(said: str, left: str) -> None:
    record = ("What causes vomiting?", "Metronidazole with alcohol causes vomiting. p53 is a gene.")
    assert kept("is alcohol with metronidazole fine", evidence(record, near=0.5), said) == [left]


@pytest.mark.parametrize("who", ["babies", "children", "pregnant women"])
def test_what_is_said_of_one_group_is_not_said_of_another(who: str) -> None:
    said = ("Yes.", "Adults can take 500 mg of aspirin for a fever.")
    assert kept(f"Can {who} take aspirin for a fever?", evidence(ASPIRIN, near=0.95), *said) == []


def test_a_number_in_the_question_makes_it_another() -> None:
    record = ("Is a fever of 38 degrees dangerous?", "No. It needs no treatment.")
    assert kept("is a fever of 41 degrees dangerous", evidence(record, near=0.97), "No.") == []
    assert kept("is a fever of 38 degrees dangerous", evidence(record, near=0.97), "No.") == ["No."]


def test_what_explains_a_yes_to_another_question_must_name_what_was_asked() -> None:
    record = ("Can I drink alcohol with metronidazole?", "No. Alcohol with metronidazole causes vomiting.")
    said = "No. Alcohol with metronidazole causes vomiting."
    assert kept("Can I drink alcohol while I have rabies?", evidence(record, near=0.5), said) == []
    assert kept("does alcohol with metronidazole cause vomiting", evidence(record, near=0.7), said) == [
        "Alcohol with metronidazole causes vomiting."
    ]


def test_a_sentence_does_not_say_of_one_subject_what_its_passage_says_of_another() -> None:
    record = ("What helps against heartburn?", "Against heartburn helps a raised bed.")
    assert kept("what helps against dandruff", evidence(record), "Against dandruff helps a raised bed.") == []


def test_the_row_of_another_number_gives_way_to_the_one_that_was_asked_for() -> None:
    asked = "Which vaccines does a baby get at 4 months?"
    assert kept(asked, evidence(VACCINES), "DTaP, polio, Hib.") == ["4 months | DTaP, polio"]
    assert kept(asked, evidence(VACCINES), "4 months | DTaP, polio") == ["4 months | DTaP, polio"]
    assert kept("Which vaccines at 9 months?", evidence(VACCINES), "DTaP, polio, Hib.") == ["DTaP, polio, Hib."]


def test_a_passage_names_the_subject_by_its_telling_words() -> None:
    record = ("Do travellers to Kenya need malaria tablets?", "They need them.")
    (item,) = evidence(record)
    assert scope("what are malaria tablets for", [item]).names_subject(item)
    assert not scope("what are measles tablets for in Iceland", [item]).names_subject(item)
