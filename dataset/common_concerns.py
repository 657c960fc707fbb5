"""Questions that people ask about any illness, and the words that show whether a passage answers them.

A word is not yet an answer: "a health care provider is unable to massage the hernia back" says nothing of acupuncture.
So there are two lists of words. A question is answered where a sentence has words that hardly occur without an answer.
It is refused where no passage has a word of the wider list. In between it is not asked. The words are in
common_concerns.toml.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.text.rules import BEGINNINGS, Table, read_toml

CONCERNS = Path(__file__).with_name("common_concerns.toml")


@dataclass(frozen=True)
class Concern:
    """Something that people ask about any illness."""

    asked: tuple[str, ...]
    """Questions as people ask them; `{t}` stands for the illness."""
    said: re.Pattern[str]
    """Words that a sentence has if it answers."""
    touched: re.Pattern[str]
    """Words without which a text does not speak of it, those of `said` among them."""

    def is_said(self, sentence: str) -> bool:
        """Whether a sentence answers it."""
        return bool(self.said.search(sentence))

    def is_touched(self, text: str) -> bool:
        """Whether a text may speak of it."""
        return bool(self.touched.search(text))


def read_concerns(path: Path) -> tuple[Concern, ...]:
    """Read a file of concerns.

    Raises:
        DataError: the file is missing, or names the line that is no rule.
    """
    return tuple(_concern(table) for table in read_toml(path, needed=("asked", "said"), optional=("touched",)).tables)


def _concern(table: Table) -> Concern:
    said = table.pattern("said", frame=BEGINNINGS)
    touched = table.pattern("said", "touched", frame=BEGINNINGS) if "touched" in table else said
    return Concern(table.forms("asked", "t"), said, touched)


@cache
def concerns() -> tuple[Concern, ...]:
    """The concerns of common_concerns.toml, read once."""
    return read_concerns(CONCERNS)
