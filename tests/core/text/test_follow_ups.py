"""Questions that stand alone, and those that lean on the ones before."""

import json
from pathlib import Path

import pytest

from core.errors import DataError
from core.text.follow_ups import leans, names_nothing, read_follow_ups, stand_alone
from tests.conftest import ROOT

PAIRS = [json.loads(line) for line in (ROOT / "tests/data/follow_ups.jsonl").read_text(encoding="utf-8").splitlines()]
"""Conversations of two messages, by somebody who had not read the rules; one half was read while they were made."""
GOUT = "what are the symptoms of gout?"


@pytest.mark.parametrize(
    "question",
    [
        "Are vaccines safe or do they cause autism?",
        "what about chickenpox in adults?",
        "And how is psoriasis treated?",
        "Is it safe to fly when pregnant?",
        "Does it hurt to get a flu shot?",
        "what is hypertension",
        "I read that my neighbour has had it for years and wonder what it is that the doctors do about it these days",
    ],
)
def test_a_question_with_a_subject_of_its_own_stays_as_it_is(question: str) -> None:
    assert not leans(question)
    assert stand_alone(question, [GOUT]) == question


@pytest.mark.parametrize(
    ("before", "question", "meant"),
    [
        ([GOUT], "how is it treated?", "how is gout treated"),
        ([GOUT], "and in children?", "what are the symptoms of gout in children"),
        ([GOUT, "how is it treated?"], "and in children?", "how is gout treated in children"),
        ([GOUT], "does it cause hair loss", "does gout cause hair loss"),
        ([GOUT], "can i take ibuprofen for it", "can i take ibuprofen for gout"),
        (["what is shingles"], "is that dangerous for my mom who is 80", "is shingles dangerous for my mom who is 80"),
        ([], "how is it treated?", "how is it treated?"),
        (["is that bad?"], "how is it treated?", "how is it treated?"),
    ],
)
def test_one_that_leans_takes_its_subject_from_the_last_question_that_names_one(
    before: list[str], question: str, meant: str
) -> None:
    assert leans(question)
    assert stand_alone(question, before) == meant


@pytest.mark.parametrize(("split", "least"), [("fit", 28), ("held", 26)])
def test_conversations_of_somebody_else(split: str, least: int) -> None:
    right = []
    for pair in (each for each in PAIRS if each["split"] == split):
        meant = stand_alone(pair["second"], [pair["first"]]).casefold()
        has, lacks = (all(word.casefold() in meant for word in pair["needs"])), pair["never"]
        right.append(
            leans(pair["second"]) == pair["depends"] and has and not any(word.casefold() in meant for word in lacks)
        )
    assert len(right) == 30
    assert sum(right) >= least


@pytest.mark.parametrize(
    ("question", "nothing"),
    [
        ("Is there a treatment?", True),
        ("Is this contagious", True),
        ("So, are there any side effects I should know about?", True),
        ("What does this medication do?", True),
        ("is it contagious for my baby", False),  # of whom
        ("how long is a woman pregnant", False),
        ("How do vaccines work?", False),
        ("Should I see a doctor before starting to exercise?", False),
        ("what is u02 medicine", False),
        ("what is the treatment of gout", False),
        ("12345 67890", False),
        ("the of and to in", False),
    ],
)
def test_what_names_neither_a_thing_nor_a_person(question: str, nothing: bool) -> None:
    assert names_nothing(question) is nothing


def test_a_faulty_rule_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "follow_ups.toml"
    file.write_text('opening = ["and("]\nsubjects = ["is it"]\ngeneric = "cure"\npeople = "child"\nthings = "pill"\n')
    with pytest.raises(DataError, match=r"follow_ups\.toml, line 1: opening: 'and\(' is not a regular expression"):
        read_follow_ups(file)
