"""Words and stems of a text: for the search, which counts them, and for the checks, which compare what is said."""

import re
from functools import cache

import Stemmer

STOP_WORDS = frozenset(
    """
    a about am an and any are as at be been being but by can could did do does for from had has have he her him his how
    i if in into is it its me my no not of on or our she should so some that the their them there these they this those
    to us was we were what when where which who whom whose why will with would you your
    """.split()
)
_NOT_CONTENT = frozenset(
    """
    a about after all also although an and any are as at be because been before being both but by can could did do
    does during each either etc for from had has have having he her hers him his how i if in include included
    includes including into is it its itself like made make makes many may me might more most much must my of
    often on only or other others our out over people person same several she should so some such than that the
    their them then there these they this those through to too under up upon us used using usually very was we
    well were what when where whether which while who whom whose why will with would you your
    """.split()
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_WORD_OR_NUMBER = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?")


def words(text: str) -> list[str]:
    """The words of a text in lower case, without a possessive 's."""
    return [word.replace("’", "'").removesuffix("'s") for word in _WORD.findall(text.casefold())]


def terms(text: str) -> list[str]:
    """The stems (Porter 2, English) of a text's words that are no stop words."""
    return list(_stemmer().stemWords([word for word in words(text) if word not in STOP_WORDS]))


def content_words(text: str) -> list[str]:
    """Stems (Snowball English) of a text's words in order, without function words; figures as they stand."""
    found = [word.casefold().replace("’", "'") for word in _WORD_OR_NUMBER.findall(text)]
    stemmer = _stemmer()
    return [
        word.replace(",", "") if word[0].isdigit() else str(stemmer.stemWord(word.removesuffix("'s")))
        for word in found
        if word not in _NOT_CONTENT and (len(word) > 1 or word.isdigit())
    ]


def key(text: str) -> str:
    """Equal for texts that say the same in the same words."""
    return " ".join(content_words(text)) or text


@cache
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")
