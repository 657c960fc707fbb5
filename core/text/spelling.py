"""Spellings: a word of British English as American English writes it."""

import re
from functools import cache
from pathlib import Path

from core.text.rules import DATA, fault, read_tsv

BRITISH = DATA / "british.tsv"


def read_british(path: Path) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Read a table of parts of words: a regular expression, and what American English writes in its place.

    Raises:
        DataError: the file is missing, or names the line that is no rule.
    """
    rules = []
    for line, (pattern, american, *more) in read_tsv(path):
        try:
            rules.append((re.compile(pattern), american))
        except re.error as error:
            raise fault(path, line, f"{pattern!r} is not a regular expression ({error})") from error
        if more:
            raise fault(path, line, f"{len(more) + 2} cells; expected two")
    return tuple(rules)


@cache
def _rules() -> tuple[tuple[re.Pattern[str], str], ...]:
    return read_british(BRITISH)


def american(word: str) -> str:
    """A word in lower case as American English writes it; the word itself if that is no other."""
    for pattern, replacement in _rules():
        word = pattern.sub(replacement, word)
    return word
