"""Words of medicine and what people say in their place: one table for each direction.

`data/everyday.tsv` turns a text into what a person might say; `data/lay.tsv` finds the words of medicine to search for.
"""

import random
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from core.text.rules import DATA, compiled, fault, read_tsv

EVERYDAY = DATA / "everyday.tsv"
LAY = DATA / "lay.tsv"


def read_everyday(path: Path) -> dict[str, tuple[str, ...]]:
    """Read a table of terms of medicine, each with what people say in its place.

    Raises:
        DataError: the file is missing, or names the line that is no rule.
    """
    said = {}
    for line, (term, *others) in read_tsv(path):
        if term != term.casefold():
            raise fault(path, line, f"{term!r}; expected a term in lower case")
        said[term] = tuple(others)
    return said


def read_lay_words(path: Path) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Read a table of regular expressions for what people say, each with the words of medicine for it.

    Raises:
        DataError: the file is missing, or names the line that is no rule.
    """
    pairs = []
    for line, (lay, *medical) in read_tsv(path):
        if len(medical) > 1:
            raise fault(path, line, f"{len(medical) + 1} cells; expected two")
        try:
            pairs.append((compiled(lay), medical[0]))
        except ValueError as error:
            raise fault(path, line, str(error)) from error
    return tuple(pairs)


@cache
def said_for() -> Mapping[str, tuple[str, ...]]:
    """What people say for each term of medicine in data/everyday.tsv, read once."""
    return read_everyday(EVERYDAY)


@cache
def lay_words() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The table of data/lay.tsv, read once: what people say, and the words of medicine for it."""
    return read_lay_words(LAY)


@cache
def _terms() -> re.Pattern[str]:
    longest_first = sorted(said_for(), key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b")


def everyday(text: str, rng: random.Random) -> str:
    """A text in lower case in which terms of medicine are replaced, each by one of the words that people use."""
    return _terms().sub(lambda match: rng.choice(said_for()[match[0]]), text)


def in_both_words(text: str) -> str:
    """A text in lower case, and after it all that people say in the place of its terms of medicine."""
    text = text.casefold()
    return " ".join([text, *(said for match in _terms().finditer(text) for said in said_for()[match[0]])])


def medical_words(text: str) -> list[str]:
    """The words of medicine for what a text says in others."""
    return [medical for pattern, medical in lay_words() if pattern.search(text)]
