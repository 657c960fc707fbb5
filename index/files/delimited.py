"""CSV of any make -> a sheet: delimiters, titles before the header, quotes that are never closed."""

import csv
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from core.errors import DataError
from index.files.sheet import Row, Sheet, numbered

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
LOOKED_AT = 60
"""The number of records by which the delimiter is decided."""
TITLES = 10
"""Most lines before the header."""
LIKE_ROWS = 10
"""The number of lines inside one quoted cell, all of them like rows, from which a missing quote is suspected."""


@dataclass(frozen=True)
class _Dialect:
    delimiter: str
    backslash: bool
    """A quote inside a cell is written \\" and not doubled."""

    def reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        escape = {"escapechar": "\\", "doublequote": False} if self.backslash else {}
        return csv.reader(lines, delimiter=self.delimiter, strict=True, **escape)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Record:
    line: int
    cells: tuple[str, ...]
    lines: int = 1
    note: str = ""


def read_delimited(text: str, name: str, is_header: Callable[[Sequence[str]], bool], delimiter: str = "") -> Sheet:
    """Read delimited text.

    Args:
        name: the file's, for messages.
        is_header: whether cells are the names of a question's and an answer's column.
        delimiter: the character between cells; empty to find it.

    Raises:
        DataError: it has no line with two cells.
    """
    csv.field_size_limit(sys.maxsize)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first, named = 0, delimiter
    if lines and lines[0].lower().startswith("sep=") and len(lines[0]) == 5:  # written by Excel, for Excel
        first, named = 1, delimiter or lines[0][4]
    dialect = _dialect(lines, first, named, is_header)
    records = [record for record in _records(lines, first, dialect) if any(cell.strip() for cell in record.cells)]
    start = _header_at(records, is_header)
    if start is None:
        raise DataError(
            f"{name} has no line with two cells, separated by a comma, semicolon, tab or pipe; expected a table whose "
            "first line names its columns"
        )
    header = [cell.strip() for cell in records[start].cells]
    while header and not header[-1]:
        header.pop()
    rows = tuple(_row(record, header) for record in records[start + 1 :])
    notes = [f"line {record.line}: {record.note}" for record in records[start:] if record.note]
    if start:
        notes.insert(0, f"{start} line{'s' * (start > 1)} before the header left out")
    return Sheet(
        f"CSV with {DELIMITERS.get(dialect.delimiter, repr(dialect.delimiter))}", numbered(header), rows, tuple(notes)
    )


def _dialect(lines: Sequence[str], first: int, named: str, is_header: Callable[[Sequence[str]], bool]) -> _Dialect:
    """The delimiter, and way of quoting, by which the beginning is most of all a table."""
    backslash = any('\\"' in line for line in lines)
    candidates = [
        _Dialect(delimiter, escaped)
        for delimiter in ([named] if named else DELIMITERS)
        for escaped in ((False, True) if backslash else (False,))
    ]

    def worth(dialect: _Dialect) -> tuple[bool, float, int, bool]:
        records = []
        for record in _records(lines, first, dialect):
            if any(cell.strip() for cell in record.cells):
                records.append(record)
            if len(records) == LOOKED_AT:
                break
        widths = Counter(len(_trimmed(record.cells)) for record in records if not record.note)
        width = max((each for each in widths if each > 1), key=lambda each: widths[each], default=0)
        known = any(is_header([cell.strip() for cell in record.cells]) for record in records[:TITLES])
        return known, widths[width] / max(1, len(records)) if width else 0.0, width, not dialect.backslash

    return max(candidates, key=worth)


def _records(lines: Sequence[str], first: int, dialect: _Dialect) -> Iterator[_Record]:
    """The records from a line on. One that its quotes make no sense of is one line, its quotes left as they stand."""
    place = first
    while place < len(lines):
        if not lines[place].strip():
            place += 1
            continue
        reader = dialect.reader(f"{lines[n]}\n" for n in range(place, len(lines))) if '"' in lines[place] else None
        if reader is None:
            yield _Record(place + 1, tuple(lines[place].split(dialect.delimiter)))
            place += 1
            continue
        try:
            cells = next(reader)
            used: int = reader.line_num  # type: ignore[attr-defined]
            inner = lines[place + 1 : place + used]
            yield _Record(place + 1, tuple(cells), used, _suspected(inner, len(cells), dialect))
            place += used
        except csv.Error as error:
            cells = [_unquoted(cell) for cell in lines[place].split(dialect.delimiter)]
            closed = "unexpected end" not in str(error)
            note = (
                "a quotation mark inside a cell is taken as it stands"
                if closed
                else "a quotation mark is never closed; the line is read without it"
            )
            yield _Record(place + 1, tuple(cells), 1, note)
            place += 1


def _suspected(inner: Sequence[str], width: int, dialect: _Dialect) -> str:
    like_rows = [line for line in inner if len(line.split(dialect.delimiter)) == width and '"' not in line]
    if len(inner) < LIKE_ROWS or len(like_rows) < len(inner) - 1:
        return ""
    return f"its quoted cell holds {len(inner)} more lines that look like rows; is a quotation mark missing?"


def _unquoted(cell: str) -> str:
    """A cell of a line whose quotes make no sense: without a pair around it, or the one that opens it in vain."""
    stripped = cell.strip()
    if len(stripped) > 1 and stripped.startswith('"') and stripped.endswith('"'):
        return stripped[1:-1].replace('""', '"')
    return stripped[1:] if stripped.startswith('"') and stripped.count('"') % 2 else stripped


def _trimmed(cells: Sequence[str]) -> list[str]:
    trimmed = list(cells)
    while trimmed and not trimmed[-1].strip():
        trimmed.pop()
    return trimmed


def _header_at(records: Sequence[_Record], is_header: Callable[[Sequence[str]], bool]) -> int | None:
    """Where the header is: the line that names what is known, else the first as wide as most lines are."""
    for place, record in enumerate(records[:TITLES]):
        if is_header([cell.strip() for cell in record.cells]):
            return place
    widths = Counter(len(_trimmed(record.cells)) for record in records[:LOOKED_AT])
    width = max((each for each in widths if each > 1), key=lambda each: widths[each], default=0)
    return next(
        (n for n, record in enumerate(records[:LOOKED_AT]) if width and len(_trimmed(record.cells)) >= width), None
    )


def _row(record: _Record, header: Sequence[str]) -> Row:
    cells = _trimmed(record.cells)
    if len(cells) > len(header):
        return Row(record.line, tuple(cells), f"{len(cells)} cells where the header has {len(header)}")
    padded = (*cells, *[""] * (len(header) - len(cells)))
    if [cell.strip().casefold() for cell in padded] == [name.casefold() for name in header]:
        return Row(record.line, padded, "the header again")
    return Row(record.line, padded)
