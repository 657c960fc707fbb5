"""Names: those of a question that the passages found for it do not hold, and names that differ in a number or a letter.

A name is a word that stands in no dictionary: of English texts at large, nearly all are names of things, and few are
misspelt. Words that the passages hold, or the medical words for them, are not missing.
"""

import re
from collections.abc import Collection, Iterable

from core.text.everyday import medical_words
from core.text.words import stop_words, terms, words

NUMBERED = (
    "type grade stage class group hepatitis vitamin chromosome trisomy factor influenza hiv htlv neurofibromatosis "
    "mucopolysaccharidosis"
).split()
"""Words that stand before a number or a letter which tells one thing from another."""
LETTERED = ("hepatitis", "vitamin", "factor", "group", "influenza")
"""Those after which letters are letters, and no Roman numerals."""
_ROMAN = dict(zip("i ii iii iv v vi vii viii ix x".split(), map(str, range(1, 11)), strict=True))
_SAYS_I = r"(?! (?:have|had|am|was|should|can|could|need|take|took|want|do|did|got|get|will|would|may)\b)"
_DESIGNATED = re.compile(
    rf"\b({'|'.join(NUMBERED)})[ -](?:virus )?(\d{{1,2}}[a-z]?|[ivx]{{1,4}}|[a-k]\d{{0,2}})\b(?!['’]){_SAYS_I}", re.I
)
SHORTEST = 5
"""Letters of the shortest word that is taken for a name."""


def missing_names(question: str, texts: Iterable[str], dictionary: Collection[str]) -> tuple[str, ...]:
    """The names in a question that no text holds, in their order.

    Args:
        dictionary: words in lower case that are no names; if it is empty, nothing is known to be one.
    """
    if not dictionary:
        return ()
    names = [word for word in dict.fromkeys(words(question)) if _is_name(word, dictionary)]
    held = {term for text in texts for term in terms(text)} if names else set()
    return tuple(word for word in names if not held & {*terms(word), *terms(" ".join(medical_words(word)))})


def _is_name(word: str, dictionary: Collection[str]) -> bool:
    if len(word) < SHORTEST or not word.isalpha() or word in stop_words("search"):
        return False
    return word not in dictionary and word.removesuffix("s") not in dictionary


def designations(text: str) -> dict[str, set[str]]:
    """The numbers and letters that tell things apart, by the word before: {"type": {"2"}} of "type II diabetes"."""
    found: dict[str, set[str]] = {}
    for word, mark in _DESIGNATED.findall(text.casefold()):
        found.setdefault(word, set()).add(mark if word in LETTERED else _ROMAN.get(mark, mark))
    return found


def another_of_its_kind(question: str, heading: str) -> str:
    """The name in a heading that differs from the question's in a number or a letter alone, such as "hepatitis b" where
    hepatitis C is asked about; empty if there is none.
    """
    asked, headed = designations(question), designations(heading)
    for word, marks in headed.items():
        if word in asked and not marks & asked[word]:
            return f"{word} {min(marks)}"
    return ""
