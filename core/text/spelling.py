"""Spellings: which words are mistakes, and a word of British English as American English writes it.

What a word is, a dictionary says, and not the file that is searched. pyspellchecker has lists of words for a dozen
languages inside its package (https://pypi.org/project/pyspellchecker).
"""

import gzip
import json
import re
from functools import cache
from importlib.resources import files
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


@cache
def _listed(language: str) -> frozenset[str]:
    """The words of a language in lower case; empty where there is no list of them."""
    packed = files("spellchecker") / "resources" / f"{language}.json.gz"
    return frozenset(json.loads(gzip.decompress(packed.read_bytes()))) if packed.is_file() else frozenset()


def is_misspelt(word: str, language: str) -> bool:
    """Whether a word in lower case stands in no dictionary of a language, as it is or as American English writes it.

    No word of a language without a dictionary is taken for a mistake.

    Args:
        language: its ISO 639-1 code.
    """
    known = _listed(language)
    return bool(known) and word not in known and american(word) not in known
