"""Kinds of sentences that an answer may not use as they stand: without their question, their list, or at all.

All patterns are those of `data/sentence_kinds.toml`.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from core.text.rules import DATA, read_toml

SENTENCE_KINDS = DATA / "sentence_kinds.toml"
Kind = Literal["bare", "order", "pointer", "lead_in", "opening", "step", "urgent"]
_FRAMES: Mapping[str, str] = {
    "bare": r"^\W*(?:{})\W*$",
    "order": r"(?<!\w)(?:{})",
    "pointer": r"^\W*(?:{})",
    "lead_in": r"(?:{})\s*$",
    "opening": r"^\W*(?:{})",
    "step": r"^\W*(?:{})",
    "urgent": r"\b(?:{})\b",
}
_OPENING = re.compile(r"[^.!,;:?\n]*[.!,;:](?:\s+|$)")


def read_sentence_kinds(path: Path) -> dict[str, re.Pattern[str]]:
    """Read the patterns of each `Kind`.

    Raises:
        DataError: the file is missing, or names the line that is no rule.
    """
    file = read_toml(path, needed=("said",))
    file.check_tables(get_args(Kind))
    return {table.name: table.pattern("said", frame=_FRAMES[table.name]) for table in file.tables}


@cache
def _kinds() -> Mapping[str, re.Pattern[str]]:
    return read_sentence_kinds(SENTENCE_KINDS)


def is_bare(sentence: str) -> bool:
    """Whether a sentence means nothing without the question that it answers: "Yes.", "The same.", "It depends."."""
    return bool(_kinds()["bare"].search(sentence))


def bare_opening(text: str) -> int:
    """The number of characters of a bare sentence at a text's beginning: 4 of "No. Keep it dry."; 0 without one.

    "No." may be an abbreviation, so what cuts texts into sentences leaves it with the next one.
    """
    opening = _OPENING.match(text)
    return opening.end() if opening and is_bare(opening.group()) else 0


def gives_orders(sentence: str) -> bool:
    """Whether a sentence gives orders to a machine or to whoever answers from it."""
    return bool(_kinds()["order"].search(sentence))


def is_pointer(sentence: str) -> bool:
    """Whether a sentence only says where to find more: "To find out more, see …", "Watch a video"."""
    return bool(_kinds()["pointer"].search(sentence))


def is_lead_in(sentence: str) -> bool:
    """Whether a sentence announces a list, so that it means nothing without it."""
    return bool(_kinds()["lead_in"].search(sentence.rstrip()))


def opens_steps(sentence: str) -> bool:
    """Whether a sentence is the first of a row of steps in prose."""
    return bool(_kinds()["opening"].search(sentence))


def is_step(sentence: str) -> bool:
    """Whether a sentence continues such a row."""
    return bool(_kinds()["step"].search(sentence))


def says_to_get_help(text: str) -> bool:
    """Whether a text says to get help at once: "call the emergency number", "is an emergency", "poison control"."""
    return bool(_kinds()["urgent"].search(text))
