"""A sheet, which every kind of file is read into: columns with names, and rows with their lines in the file."""

from collections.abc import Sequence
from dataclasses import dataclass

SHOWN_NAMES, SHOWN_LETTERS = 5, 40
"""Most column names that a message lists, and most letters of each."""


@dataclass(frozen=True)
class Row:
    """A row of a sheet.

    `line` is the line of the file on which the row starts; in files without lines, the number of the row from 1.
    """

    line: int
    cells: tuple[str, ...]
    """The row's cells, one for each column."""
    problem: str = ""
    """Why the row cannot be used; empty if it can."""


@dataclass(frozen=True)
class Sheet:
    """A table of texts, and notes on how it was read."""

    kind: str
    """The kind of file, such as "CSV with semicolons"."""
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def listed(names: Sequence[str]) -> str:
    """Column names for a message: few, short, and of printable characters only."""
    shown = ["".join(char if char.isprintable() else "�" for char in name) for name in names[:SHOWN_NAMES]]
    cut = [name if len(name) <= SHOWN_LETTERS else f"{name[:SHOWN_LETTERS]}…" for name in shown]
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(cut) + more


def numbered(names: Sequence[str]) -> tuple[str, ...]:
    """Column names in which a repeated one carries its number: "note", "note (2)"."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        key = name.casefold()
        seen[key] = seen.get(key, 0) + 1
        result.append(name if not name or seen[key] == 1 else f"{name} ({seen[key]})")
    return tuple(result)
