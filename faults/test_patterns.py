"""Every regular expression of the product stands texts of 20,000 characters that are made against it."""

import json
import subprocess
import sys

from faults.counts import Count
from faults.patterns import BAR_S, Found, slowest
from tests.conftest import ROOT

MADE_OF_LETTERS = (
    "core/text/answer_cues.py",
    "core/text/toml_lines.py",
    "rag/search/query.py",
    "rag/suggestions.py",
    "rag/uploads.py",
    "dataset/verifier/alterations.py",
    "dataset/verifier/pairs.py",
    "ui/owner_cookie.py",
    "evaluation/stress.py",
)
"""Modules that make a pattern when they run: of words that they escape, of a key of a file of rules, or of what the
project's own file of hard cases holds."""


def test_no_pattern_takes_long(count: Count) -> None:
    counts = count(f"20,000 characters against each regular expression, over {BAR_S} s")
    found, missed = _found()
    assert len(found) > 200
    assert {place.partition(":")[0] for place in missed} <= set(MADE_OF_LETTERS)
    took: dict[str, float] = {}
    for each in found:
        counts.tried += 1
        seconds, _ = slowest(each)
        took[each.place] = max(seconds, took.get(each.place, 0.0))
        counts.changed += seconds > BAR_S
        counts.unharmed += seconds <= BAR_S
    worst = sorted(took, key=lambda place: -took[place])[:3]
    counts.remark = "slowest: " + ", ".join(f"{place} {took[place]:.2f} s" for place in worst)


def _found() -> tuple[list[Found], list[str]]:
    """The patterns, found in a process that has made none of them yet."""
    command = [sys.executable, "-m", "faults.patterns"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    missed = ended.stderr.rpartition("not met: ")[2].strip()
    return [Found(**json.loads(line)) for line in ended.stdout.splitlines()], missed.split(", ")
