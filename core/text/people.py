"""The groups of people that a text names, and whether a statement about some of them may hold for others."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.text.rules import DATA, read_toml

PEOPLE = DATA / "people.toml"
EVERYONE = "everyone"
"""The group that all others belong to."""


@dataclass(frozen=True)
class Group:
    """A group of people of whom a statement may be true while it is false of others."""

    said: re.Pattern[str]
    within: tuple[str, ...]
    """Groups that this one belongs to."""


def read_people(path: Path) -> dict[str, Group]:
    """Read the groups by their names.

    Raises:
        DataError: the file is missing, or names the line that is no rule.
    """
    file = read_toml(path, needed=("said",), optional=("within",))
    names = {table.name for table in file.tables}
    groups = {}
    for table in file.tables:
        within = table.texts("within") if "within" in table else ()
        for name in within:
            if name not in names:
                raise table.fault(f"within holds {name!r}; expected one of {', '.join(sorted(names))}", "within", name)
        groups[table.name] = Group(table.pattern("said"), within)
    return groups


@cache
def _groups() -> Mapping[str, Group]:
    return read_people(PEOPLE)


def people(text: str) -> frozenset[str]:
    """The groups that a text names; of overlapping names the longest counts."""
    found = [(match.span(), name) for name, group in _groups().items() for match in group.said.finditer(text)]
    return frozenset(
        name
        for (start, end), name in found
        if not any(first <= start and end <= last and last - first > end - start for (first, last), _ in found)
    )


def holds_for(asked: frozenset[str], said: frozenset[str]) -> bool:
    """Whether a statement about some groups may hold for those asked about; it may where either set is empty."""
    wider = asked.union(*(_groups()[name].within for name in asked))
    return not asked or not said or EVERYONE in asked | said or bool(wider & said)
