"""The stress set: hand-written questions over passages that answer, answer in part, mislead, deny, contradict or leave
out the answer, with what a good answer must and must not hold.

One JSON object a line: kind, question, sources (heading, text), answerable, must and must_not (regular expressions
that an answer has to match each, or none of).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import DataError
from core.files import read_jsonl
from dataset.judged import judge
from evaluation.stats import Measured, Ratio
from generator.prompt import Source
from generator.tuning.rows import Row
from rag.checks.citations import SupportJudge


@dataclass(frozen=True)
class Case:
    """One question of the set."""

    row: Row
    must: tuple[re.Pattern[str], ...]
    must_not: tuple[re.Pattern[str], ...]


@dataclass(frozen=True)
class Outcome:
    """The judgement of one answer."""

    bad: str
    """The fault of the answer: it states something that the passages contradict or lack. Empty if there is none."""
    refused: bool
    complete: bool
    """Whether the answer holds all that it must."""


def read_cases(file: Path) -> list[Case]:
    """The cases of a file.

    Raises:
        DataError: it cannot be read, lacks a field, or a pattern is no regular expression.
    """
    cases = []
    for number, entry in enumerate(
        read_jsonl(file, "kind", "question", "sources", "answerable", "must", "must_not"), start=1
    ):
        try:
            sources = tuple(Source(source["heading"], source["text"]) for source in entry["sources"])
            must, must_not = (tuple(re.compile(p, re.I) for p in entry[name]) for name in ("must", "must_not"))
        except (re.error, KeyError, TypeError) as error:
            raise DataError(
                f"{file}, line {number}: {error!r}; expected sources of heading and text, and regular expressions"
            ) from error
        right = tuple(range(1, len(sources) + 1)) if entry["answerable"] else ()
        row = Row(f"stress-{number}", entry["question"], entry["kind"], "", "", sources, right, "")
        cases.append(Case(row, must, must_not))
    return cases


def outcome(case: Case, written: str, support: SupportJudge) -> Outcome:
    """Judge one answer: patterns, and every sentence and number against the passages (`dataset.judged.judge`)."""
    judged = judge(case.row, written, support)
    if judged.refused:
        return Outcome("", True, False)
    forbidden = next((pattern.pattern for pattern in case.must_not if pattern.search(judged.text)), "")
    bad = ""
    if forbidden:
        bad = f"must not hold {forbidden!r}"
    elif judged.supported < judged.sentences:
        bad = "a sentence that no passage supports"
    elif judged.invented:
        bad = "a number that no passage holds"
    return Outcome(bad, False, all(pattern.search(judged.text) for pattern in case.must))


def measure_stress(cases: Sequence[Case], outcomes: Sequence[Outcome]) -> Measured:
    """Shares: bad answers of all, by kind too; whole answers and false refusals of the answerable; right refusals."""
    answerable = np.array([case.row.answerable for case in cases], dtype=float)
    kinds = np.array([case.row.form for case in cases])
    bad = np.array([bool(each.bad) for each in outcomes], dtype=float)
    refused = np.array([each.refused for each in outcomes], dtype=float)
    complete = np.array([each.complete for each in outcomes], dtype=float)
    return {
        "bad": Ratio(bad, np.ones(len(cases))),
        **{f"bad, {kind}": Ratio(bad * (kinds == kind), (kinds == kind).astype(float)) for kind in sorted(set(kinds))},
        "complete": Ratio(complete * answerable, answerable),
        "false_refusals": Ratio(refused * answerable, answerable),
        "right_refusals": Ratio(refused * (1 - answerable), 1 - answerable),
    }
