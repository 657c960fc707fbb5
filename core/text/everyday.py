"""Medical terms and the everyday words for them: one table for each direction.

`data/everyday.tsv` gives the everyday words for a medical term; `data/lay.tsv` finds the medical terms to search for.
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
    """Read a table of medical terms, each with the everyday words for it.

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
    """Read a table of regular expressions for everyday words, each with the medical terms for them.

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
def everyday_terms() -> Mapping[str, tuple[str, ...]]:
    """The everyday words for each medical term in data/everyday.tsv, read once."""
    return read_everyday(EVERYDAY)


@cache
def lay_words() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The table of data/lay.tsv, read once: everyday words, and the medical terms for them."""
    return read_lay_words(LAY)


@cache
def _terms() -> re.Pattern[str]:
    longest_first = sorted(everyday_terms(), key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b")


def everyday(text: str, rng: random.Random) -> str:
    """A text in lower case in which each medical term is replaced by one of the everyday words for it."""
    return _terms().sub(lambda match: rng.choice(everyday_terms()[match[0]]), text)


def in_both_words(text: str) -> str:
    """A text in lower case, and after it all everyday words for its medical terms."""
    text = text.casefold()
    return " ".join([text, *(said for match in _terms().finditer(text) for said in everyday_terms()[match[0]])])


def medical_words(text: str) -> list[str]:
    """The medical terms for the everyday words in a text."""
    return [medical for pattern, medical in lay_words() if pattern.search(text)]
