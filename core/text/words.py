"""Words and stems of a text: for the search, which counts them, and for the checks, which compare sentences."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import Stemmer

from core.text.rules import DATA, read_toml

STOP_WORDS = DATA / "stop_words.toml"
Use = Literal["search", "content", "asking", "phrases", "names"]
"""The uses of a list of stop words."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_WORD_OR_NUMBER = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?")


def read_stop_words(path: Path) -> dict[str, frozenset[str]]:
    """Read the lists of stop words, one for each `Use`.

    Raises:
        DataError: the file is missing, or names the line that is no rule.
    """
    file = read_toml(path, needed=("words",))
    file.check_tables(get_args(Use))
    return {table.name: frozenset(table.words("words")) for table in file.tables}


@cache
def _stop_words() -> Mapping[str, frozenset[str]]:
    return read_stop_words(STOP_WORDS)


def stop_words(use: Use) -> frozenset[str]:
    """The words that a use leaves out."""
    return _stop_words()[use]


def words(text: str) -> list[str]:
    """The words of a text in lower case, without a possessive 's."""
    return [word.replace("’", "'").removesuffix("'s") for word in _WORD.findall(text.casefold())]


def terms(text: str) -> list[str]:
    """The stems (Porter 2, English) of a text's words that are no stop words."""
    left_out = stop_words("search")
    return list(_stemmer().stemWords([word for word in words(text) if word not in left_out]))


def content_words(text: str) -> list[str]:
    """Stems (Snowball English) of a text's words in order, without function words; figures as they stand."""
    found = [word.casefold().replace("’", "'") for word in _WORD_OR_NUMBER.findall(text)]
    left_out, stemmer = stop_words("content"), _stemmer()
    return [
        word.replace(",", "") if word[0].isdigit() else str(stemmer.stemWord(word.removesuffix("'s")))
        for word in found
        if word not in left_out and (len(word) > 1 or word.isdigit())
    ]


def key(text: str) -> str:
    """A key that is equal for texts with the same content words in the same order."""
    return " ".join(content_words(text)) or text


@cache
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")
