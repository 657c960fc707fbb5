import json
from collections import Counter
from pathlib import Path

import pytest

from core.errors import DataError
from evaluation import answers as evaluate
from evaluation.stress import measure_stress, outcome, read_cases
from generator.prompt import REFUSAL
from rag.checks.citations import SupportJudge
from tests.conftest import ROOT

CASES = read_cases(ROOT / evaluate.STRESS)


def test_the_set_has_every_kind() -> None:
    kinds = Counter(case.row.form for case in CASES)
    assert len(CASES) >= 150
    assert set(kinds) == {"right", "partly", "negated", "misleading", "contradicting", "empty"}
    assert min(kinds.values()) >= 10
    assert len({(case.row.question, case.row.sources) for case in CASES}) == len(CASES)


def test_what_must_be_said_is_in_the_passages() -> None:
    """Else no good answer could hold it."""
    for case in CASES:
        shown = " ".join(source.text for source in case.row.sources)
        assert bool(case.must) == case.row.answerable, case.row.question
        assert all(pattern.search(shown) for pattern in case.must), case.row.question


def test_what_misleads_is_in_the_passages() -> None:
    """Else it could mislead nobody."""
    for case in CASES:
        if case.row.form == "misleading":
            shown = " ".join(source.text for source in case.row.sources)
            assert any(pattern.search(shown) for pattern in case.must_not), case.row.question


@pytest.mark.weights
def test_quoting_the_sentence_that_must_be_said_is_a_good_answer(page_judge: SupportJudge) -> None:
    from core.text.sentences import sentence_spans

    for case in CASES:
        if case.row.answerable:
            texts = [source.text for source in case.row.sources]
            sentences = [text[start:end] for text in texts for start, end in sentence_spans(text)]
            said = [sentence for sentence in sentences if any(pattern.search(sentence) for pattern in case.must)]
            assert any(outcome(case, sentence, page_judge).bad == "" for sentence in said), case.row.question


CASE = next(case for case in CASES if case.row.question == "how much colchicine do you take when gout starts")
MISLEADING = next(case for case in CASES if case.row.question == "how much colchicine do you take for pseudogout")
DOSE = "Colchicine is taken as 1.2 mg at the first sign of an attack and 0.6 mg one hour later [2]."


@pytest.mark.weights
@pytest.mark.parametrize(
    ("written", "bad", "complete"),
    [
        (DOSE, "", True),
        ("Ice on the joint eases the pain [2].", "", False),
        (DOSE.replace("0.6", "0.9"), "a sentence that no passage supports", True),
        ("Gout is best treated by a hot bath in the sea [2].", "a sentence that no passage supports", False),
        (REFUSAL, "", False),
    ],
)
def test_answers_are_judged(page_judge: SupportJudge, written: str, bad: str, complete: bool) -> None:
    found = outcome(CASE, written, page_judge)
    assert (found.bad, found.complete) == (bad, complete)
    assert found.refused is (written == REFUSAL)


@pytest.mark.weights
def test_the_dose_of_another_illness_is_bad(page_judge: SupportJudge) -> None:
    assert outcome(MISLEADING, DOSE.replace("[2]", "[1]"), page_judge).bad == r"must not hold '1\\.2 mg'"
    assert outcome(MISLEADING, REFUSAL, page_judge).bad == ""


@pytest.mark.weights
def test_shares_are_of_what_they_apply_to(page_judge: SupportJudge) -> None:
    cases = [CASE, CASE, MISLEADING, MISLEADING]
    outcomes = [
        outcome(case, text, page_judge) for case, text in zip(cases, [DOSE, REFUSAL, DOSE, REFUSAL], strict=True)
    ]
    shares = {name: ratio.top.sum() / ratio.bottom.sum() for name, ratio in measure_stress(cases, outcomes).items()}
    assert shares == {
        "bad": 0.25,
        "bad, misleading": 0.5,
        "bad, right": 0.0,
        "complete": 0.5,
        "false_refusals": 0.5,
        "right_refusals": 0.5,
    }


def test_a_pattern_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "stress.jsonl"
    case = {"kind": "right", "question": "q", "sources": [], "answerable": True, "must": ["("], "must_not": []}
    file.write_text(json.dumps(case) + "\n")
    with pytest.raises(DataError, match=r"stress\.jsonl, line 1: .*; expected sources of heading and text"):
        read_cases(file)
