"""Whether a question stands alone or leans on the ones before it, and what it means then."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.text.aspects import INFORMATION, aspect, topic
from core.text.rules import DATA, read_toml
from core.text.words import content_words

FOLLOW_UPS = DATA / "follow_ups.toml"
MOST_WORDS = 14
"""Words of the longest question that leans on another; a longer one tells its own story."""

_POINTS_BACK = re.compile(r"\b(?:it|its|they|them|their|theirs|these|those|this|that|the same)\b", re.I)
_POINTS_AHEAD = re.compile(r"\b(?:this|that|these|those) (?=\w)", re.I)
"""A demonstrative before a noun: "that medicine" may be of the question itself."""
_BEHIND = re.compile(
    r"\b(?:for|with|of|from|about|against|to|on|by|without|after|before) (?:it|them|that|this)\b", re.I
)
_PLURAL = ("they", "them", "their", "theirs", "these", "those")
_PLURAL_NOUN = re.compile(r"\b[a-z]{3,}[^s\W]s\b", re.I)
_PRONOUN = re.compile(r"\b(?:it|its|that|this|they|them|these|those|their)\b", re.I)


@dataclass(frozen=True)
class FollowUps:
    """The rules of data/follow_ups.toml."""

    opening: re.Pattern[str]
    empty_subject: re.Pattern[str]
    generic: frozenset[str]
    """Stems of words that name no subject."""
    people: frozenset[str]
    """Stems of words for persons, and for what they may be."""
    things: frozenset[str]
    """Stems of generic words that mean something by themselves."""


def read_follow_ups(path: Path) -> FollowUps:
    """Read a file of rules for follow-ups.

    Raises:
        DataError: the file is missing, or names the line that is no rule.
    """
    file = read_toml(path, top=("opening", "subjects", "generic", "people", "things"))
    generic, people, things = (
        frozenset(content_words(" ".join(file.words(name)))) for name in ("generic", "people", "things")
    )
    opening = file.pattern("opening", frame=r"^(?:(?:{})\b[,.!]?\s*)+")
    return FollowUps(opening, file.pattern("subjects", frame=r"\b(?:{})"), generic, people, things)


@cache
def _rules() -> FollowUps:
    return read_follow_ups(FOLLOW_UPS)


def names_nothing(question: str) -> bool:
    """Whether a question asks for something and tells neither of what nor for whom: "Is there a treatment?"."""
    rest = _opened(question)
    asked = set(content_words(rest))  # "what is u02" names something
    if len(rest.split()) > MOST_WORDS or not asked or not asked <= _rules().generic - _rules().people:
        return False
    return _POINTS_BACK.search(rest) is not None or not asked & _rules().things


def leans(question: str) -> bool:
    """Whether a question means nothing without the one before it: it names no subject, or points back to one."""
    if len(question.split()) > MOST_WORDS:
        return False
    rest = _opened(question)
    subject = _subject(rest)
    if subject is None:
        return True
    if _rules().empty_subject.search(rest):
        return False
    back = _POINTS_BACK.search(_POINTS_AHEAD.sub("", rest))
    if back is None or (back[0].casefold() in _PLURAL and _PLURAL_NOUN.search(rest[: back.start()])):
        return False  # "are vaccines safe or do they cause autism"
    return back.start() < subject or _BEHIND.search(rest) is not None


def stand_alone(question: str, before: Sequence[str]) -> str:
    """A question as it is understood after others, oldest first; as it stands if it leans on nothing.

    What it is about comes from the last question that names a subject, so that no mistake adds up; which aspect, from
    the last one that asks for any.
    """
    if not leans(question):
        return question
    named = next((n for n in range(len(before) - 1, -1, -1) if not leans(before[n])), None)
    if named is None:
        return question
    about = topic(_opened(before[named]))
    rest = _opened(question).rstrip("?!. ")
    if aspect(rest) == INFORMATION and not _PRONOUN.search(rest):
        asked = next((each for each in reversed(before[named:]) if aspect(each) != INFORMATION), before[named])
        return f"{_about(_opened(asked).rstrip('?!. '), about)} {rest}"
    return _about(rest, about)


def _about(question: str, subject: str) -> str:
    """A question with its pronoun replaced by a subject, or the subject behind it; as it stands if it has that."""
    if set(content_words(subject)) <= set(content_words(question)):
        return question
    if _PRONOUN.search(question):
        return _PRONOUN.sub(lambda _: subject, question, count=1)
    return f"{question} {subject}"


def _opened(question: str) -> str:
    """A question without what a follow-up begins with, if anything is left then."""
    return _rules().opening.sub("", question.strip()) or question


def _subject(question: str) -> int | None:
    """Where the first word stands that names a subject; None if there is none."""
    for word in re.finditer(r"[^\W\d_][\w'’-]*", question):
        stems = set(content_words(word[0]))
        if stems and not stems <= _rules().generic | _rules().people:
            return word.start()
    return None
