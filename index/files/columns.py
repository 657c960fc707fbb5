"""Finds the columns of a sheet that hold the questions and the answers: by name, else by their content."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.errors import DataError
from core.text.rules import read_toml
from index.files.sheet import Sheet, listed

NAMES = Path(__file__).with_suffix(".toml")
LOOKED_AT = 200
"""The number of rows from which unnamed columns are identified."""
LONG_ENOUGH = 12
"""Least average number of letters in the cells of a column of questions or answers."""
MANY_ROWS = 3
"""Fewest rows from which columns are identified by their cells."""

_ASKS = re.compile(r"[?？؟;]\s*$")


@dataclass(frozen=True)
class Names:
    """Names of columns, the surest first, and cells that stand for no answer; all in lower case."""

    question: tuple[str, ...]
    answer: tuple[str, ...]
    placeholder: frozenset[str]


@dataclass(frozen=True)
class Chosen:
    """The columns of the questions and the answers."""

    question: str
    answer: str
    note: str = ""
    """How the columns were found, where nobody named them and they are not called "question" and "answer"."""


def read_names(path: Path) -> Names:
    """Read a file of names.

    Raises:
        DataError: the file is missing, or names the line that is no rule.
    """
    file = read_toml(path, top=("question", "answer", "placeholder"))
    return Names(file.texts("question"), file.texts("answer"), frozenset(file.texts("placeholder")))


@cache
def names() -> Names:
    """The names of columns.toml, read once."""
    return read_names(NAMES)


def is_placeholder(answer: str) -> bool:
    """Whether a cell stands for an answer that nobody gave: "N/A", "TBD"."""
    return answer.strip(" .\t\n").casefold() in names().placeholder


def is_header(cells: Sequence[str], question: str = "", answer: str = "") -> bool:
    """Whether cells name a column of questions and one of answers: those that are given, or known ones."""
    return _named(cells, question, names().question) >= 0 <= _named(cells, answer, names().answer)


def choose_columns(sheet: Sheet, name: str, question: str = "", answer: str = "") -> Chosen:
    """The columns of a sheet that hold the questions and the answers.

    Args:
        name: the file's, for messages.
        question, answer: the columns' names; empty to find them.

    Raises:
        DataError: there is no such column, or it stands there twice, or the columns cannot be identified.
    """
    places = [_named(sheet.columns, question, names().question), _named(sheet.columns, answer, names().answer)]
    for given, place, option in zip((question, answer), places, ("question", "answer"), strict=True):
        if given and place < 0:
            raise DataError(
                f"{name} has no column {given!r}; its columns are: {listed(sheet.columns)}; name one of them: "
                f"--{option}-column"
            )
    guessed = min(places) < 0
    if guessed:
        places = _by_content(sheet, places)
    if min(places) < 0 or places[0] == places[1]:
        raise DataError(
            f"{name} has no columns that are known to hold questions and answers; its columns are: "
            f"{listed(sheet.columns)}; name them with --question-column and --answer-column"
        )
    chosen = [sheet.columns[place] for place in places]
    for column in chosen:
        if f"{column} (2)" in sheet.columns:
            raise DataError(f"{name} has two columns {column!r}; rename one of them, so that it is clear which counts")
    if guessed and any(_ASKS.search(column) or len(column) > 60 for column in chosen):
        raise DataError(f"{name} has no header line; add one above its first row: question,answer")
    usual = [column.casefold() for column in chosen] == ["question", "answer"]
    how = "by what stands in them" if guessed else "by their names"
    note = "" if usual or (question and answer) else f"questions from {chosen[0]!r}, answers from {chosen[1]!r}, {how}"
    return Chosen(chosen[0], chosen[1], note)


def _named(cells: Sequence[str], given: str, known: Sequence[str]) -> int:
    """The place of the column that is given, or of the surest known name; -1 if there is none."""
    folded = [_folded(cell) for cell in cells]
    for name in [_folded(given)] if given else known:
        if name in folded:
            return folded.index(name)
    return -1


def _folded(name: str) -> str:
    return " ".join(re.sub(r"[_\-.:*#]+", " ", name).split()).casefold()


def _by_content(sheet: Sheet, places: Sequence[int]) -> list[int]:
    """The places, with those that no name gave found by the cells: what asks, and the longest of the others."""
    rows = [row.cells for row in sheet.rows if not row.problem][:LOOKED_AT]
    question, answer = places
    if len(rows) < MANY_ROWS:
        return [question, answer]
    cells = [[row[place].strip() for row in rows] for place in range(len(sheet.columns))]
    long = [sum(map(len, column)) / len(rows) for column in cells]
    free = [
        n
        for n in range(len(cells))
        if long[n] >= LONG_ENOUGH and n not in places and len(set(cells[n])) > len(rows) / 3
    ]
    if question < 0:
        asking = [sum(bool(_ASKS.search(cell)) for cell in cells[n]) / len(rows) for n in free]
        best = max(range(len(free)), key=lambda n: asking[n], default=-1)
        if best >= 0 and (asking[best] >= 0.3 or (len(free) == 1 and answer >= 0)):
            question = free.pop(best)
    if answer < 0 and question >= 0 and free:
        answer = max(free, key=lambda n: long[n])
    return [question, answer]
