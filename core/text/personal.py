"""Questions about a person of one's own: what they have, and how much of something they should take."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from core.text.rules import DATA, read_toml

PERSONAL = DATA / "personal.toml"
Kind = Literal["dose", "diagnosis", "amount", "person"]


def read_personal(path: Path) -> dict[str, re.Pattern[str]]:
    """Read the words of such questions, a pattern for each `Kind`.

    Raises:
        DataError: the file is missing, or names the line that is no rule.
    """
    file = read_toml(path, needed=("asked",))
    file.check_tables(get_args(Kind))
    return {table.name: table.pattern("asked") for table in file.tables}


@cache
def _personal() -> Mapping[str, re.Pattern[str]]:
    return read_personal(PERSONAL)


def _has(kind: Kind, question: str) -> bool:
    return bool(_personal()[kind].search(question))


def asks_for_advice(question: str) -> bool:
    """Whether a question asks for a dose or a diagnosis of one's own, which no file can tell."""
    return _has("dose", question) or _has("diagnosis", question) or asks_for_amount(question)


def asks_for_amount(question: str) -> bool:
    """Whether a question asks how much of something a certain person should take."""
    return _has("amount", question) and _has("person", question)
