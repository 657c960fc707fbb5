"""Patterns that took seconds over a text made against them take no time over one of 20,000 characters.

`make faults` tries every pattern of the project with hundreds of texts; here are those that fell.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.text import extract, listings, sentences, symptoms
from index import layout
from index.files import kinds
from index.tuning import question_forms
from rag.checks import citations
from rag.suggestions import in_plain_words
from rag.uploads import UPLOADS, in_page

CHARS = 20_000
MOST_S = 0.2
SPACES = "a" + " " * CHARS + "b"


def took(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (sentences._JOINTS, SPACES),
        (citations._MARKER, SPACES),
        (citations._MARKER, "[1" + " " * CHARS),
        (question_forms._BRACKETS, SPACES),
        (question_forms._BRACKETS, "(" * CHARS),
        (symptoms._EDGE, SPACES),
        (symptoms._EDGE, "x" + " and" * (CHARS // 4) + "!"),
        (extract._BOILERPLATE, "watch " * (CHARS // 6)),
        (extract._BOILERPLATE, "nih " * (CHARS // 4)),
    ],
    ids=lambda each: each.pattern[:20] if isinstance(each, re.Pattern) else each[:12],
)
def test_a_search_takes_no_time(pattern: re.Pattern[str], text: str) -> None:
    assert took(lambda: list(pattern.finditer(text))) < MOST_S


@pytest.mark.parametrize(
    "act",
    [
        lambda: layout.as_lines("|a|b|\n" + " " * CHARS),
        lambda: layout.as_lines("|a|b|\n" + "|-" * (CHARS // 2)),
        lambda: listings._MARKED.match("- a" + " " * CHARS + "b" + " " * CHARS + "\nc"),
        lambda: kinds._HTML.search(b" " * CHARS),
        lambda: in_plain_words("a" + "? " * (CHARS // 2) + "!"),
        lambda: in_page(" (" + "citewell " * (CHARS // 9), uploads=Path(UPLOADS)),
    ],
    ids=["spaces", "bars", "item", "html", "question marks", "commands"],
)
def test_an_act_takes_no_time(act: Callable[[], object]) -> None:
    assert took(act) < MOST_S


def test_they_find_what_they_found_before() -> None:
    assert sentences._JOINTS.split("a ,  b and c - d\n\ne") == ["a", "b", "c", "d", "e"]
    assert citations._MARKER.sub("", "One [1]. Two  [Passages 2, 3]\n[4] Three 【5†】") == "One. Two Three"
    assert citations._numbers("1 - 3 , 5") == [1, 2, 3, 5]
    assert question_forms._BRACKETS.sub("", "Gout  (in a toe) [new]") == "Gout"
    assert symptoms._EDGE.sub("", "and also fever or the") == "fever"
    item = listings._MARKED.match("  2)  wash the  hands  ")
    assert item is not None
    assert item["item"] == "wash the  hands"
    assert layout._SEPARATOR.fullmatch(" | :--- | ---: | -- ")
    assert layout._SEPARATOR.fullmatch("--|--|")
    assert not layout._SEPARATOR.fullmatch("| - |")
    assert in_plain_words("What causes gout ? ?") == "What causes gout?"
