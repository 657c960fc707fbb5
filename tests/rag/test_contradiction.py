"""A note says where another passage says otherwise; sentences about other things are left in peace."""

import pytest

from core.text.words import content_words
from rag.answer import Evidence, Hit
from rag.checks.citations import Draft, Verifier
from rag.checks.contradiction import contradictions, says_otherwise

ASKED = set(content_words("Is it safe to drink wine in pregnancy?"))
NONE = "No amount of alcohol is known to be safe in pregnancy."
SOME = "A glass of wine a week in pregnancy is safe."


@pytest.mark.parametrize(
    ("said", "other"),
    [
        (SOME, NONE),
        (NONE, SOME),
        ("Gout is cured by strict rest.", "Gout is not cured by strict rest."),
        ("The tablets against gout are taken for 10 days.", "The tablets against gout are taken for 3 days."),
    ],
)
def test_a_denial_and_another_number_are_seen(said: str, other: str) -> None:
    assert says_otherwise(said, other, ASKED)


@pytest.mark.parametrize(
    ("said", "other"),
    [
        (SOME, "Wine is made from grapes."),
        (SOME, SOME),
        ("Adults take the tablets for 10 days.", "Children take the tablets for 3 days."),
        ("A cold lasts for 10 days.", "A cough after a cold lasts for 3 weeks."),
        ("Gout is usually cured by strict rest.", "Gout is sometimes not cured by strict rest."),
    ],
)
def test_other_people_other_things_and_limits_are_no_contradiction(said: str, other: str) -> None:
    assert not says_otherwise(said, other, ASKED)


def test_the_note_names_the_passage_and_quotes_it() -> None:
    hits = [Hit("a-0", "a", "Wine?", SOME), Hit("b-0", "b", "Alcohol?", NONE)]
    evidence = [Evidence(hit, n, hit.text, 0) for n, hit in enumerate(hits, start=1)]
    _, sentences = Verifier([item.numbered() for item in evidence]).verify([Draft("", SOME, (1,))])
    (note,) = contradictions("Is it safe to drink wine in pregnancy?", sentences, evidence)
    assert (note.kind, note.text) == ("otherwise", f"passage [2] says otherwise: {NONE}")
    assert contradictions("what is wine", sentences, evidence) == []
