"""Whether sentences answer what a question asks: a passage under the right heading may not mention it, and one under
another heading may answer it.

A record's answer is cut into passages, and the part that is shown of an answer on treatment may only define the
illness. Where the words of an answer are missing, the question is not answered; where a passage has them under another
heading, the question is not refused.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.text.aspects import INFORMATION, asks_about, aspects
from core.text.names import telling_stems
from core.text.rules import DATA, read_toml
from core.text.words import content_words

PARTICULARS = DATA / "particulars.toml"


@dataclass(frozen=True)
class Particular:
    """Something that some questions ask for beyond their aspect."""

    asked: re.Pattern[str]
    """Words of such a question."""
    tells: re.Pattern[str]
    """Words of which a sentence that answers the question has one at least."""


def read_particulars(path: Path) -> tuple[Particular, ...]:
    """Read a file of particulars.

    Raises:
        DataError: the file is missing, or names the line that is no rule.
    """
    tables = read_toml(path, needed=("asked", "tells")).tables
    return tuple(Particular(table.pattern("asked"), table.pattern("tells")) for table in tables)


@cache
def particulars() -> tuple[Particular, ...]:
    """The particulars of data/particulars.toml, read once."""
    return read_particulars(PARTICULARS)


def tells(question: str, topic: str, aspect: str, sentences: str) -> bool:
    """Whether sentences of a passage have the words of an answer to a question about an aspect of a topic."""
    topic_words = re.compile(rf"\b(?:{'|'.join(map(re.escape, topic.split()))})\b", re.I)
    known = aspects().named.get(aspect)
    if known and not known.tells.search(topic_words.sub("", sentences)):
        return False  # "hereditary" in the name of an illness does not answer how it is inherited
    if aspect == INFORMATION and not telling_stems(topic) & set(content_words(sentences)):
        return False
    return all(each.tells.search(sentences) for each in particulars() if each.asked.search(question))


def says_nothing_of(aspect: str, text: str) -> bool:
    """Whether a text has neither the words of asking about an aspect nor those of an answer; a question about it is
    refused over such texts alone."""
    known = aspects().named.get(aspect)
    return not asks_about(aspect, text) and not (known and known.touches.search(text))
