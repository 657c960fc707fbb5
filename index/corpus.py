"""CSV -> records: reads any CSV with a question and an answer column, cleans it, merges rows of the same answer."""

import csv
import hashlib
import io
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import DataError
from index.clean import clean_text

METADATA_COLUMNS = ("source", "url", "focus", "question_type")
"""Columns that the rest of CiteWell knows by name; any further column is kept as it is."""


@dataclass(frozen=True)
class Record:
    """One answer of the file, with every question that it was given for.

    `id` is the start of the answer's SHA-256: it stays the same from build to build and file to file.
    """

    id: str
    questions: tuple[str, ...]
    answer: str
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def question(self) -> str:
        """The first question, which heads the record's passages."""
        return self.questions[0]


@dataclass(frozen=True)
class Refusal:
    """A row that was left out, and why. `line` is the line of the file on which the row starts."""

    line: int
    reason: str


@dataclass(frozen=True)
class Corpus:
    """The records of one CSV, and the counts of its rows."""

    name: str
    sha256: str
    encoding: str
    delimiter: str
    rows: int
    records: tuple[Record, ...]
    refused: tuple[Refusal, ...]

    @property
    def merged(self) -> int:
        """Rows whose answer an earlier row had already given."""
        return self.rows - len(self.refused) - len(self.records)

    @property
    def refused_by_reason(self) -> dict[str, int]:
        return dict(Counter(refusal.reason for refusal in self.refused))


def read_corpus(path: Path, question_column: str = "question", answer_column: str = "answer") -> Corpus:
    """Read a CSV into records.

    The encoding (UTF-8, UTF-16 or, failing those, cp1252) and the delimiter (comma, semicolon or tab) are
    recognised. Rows that cannot be used are refused one by one with their line number; the rest is kept.

    Raises:
        DataError: the file is missing, empty, has no such columns, or no row that can be used.
    """
    if not path.is_file():
        raise DataError(f"no CSV at {path}; expected a file with a question and an answer column (--csv FILE)")
    data = path.read_bytes()
    text, encoding = _decode(data, path)
    if not text.strip():
        raise DataError(f"{path} is empty; expected a header line with {question_column!r} and {answer_column!r}")
    header, _, _ = text.lstrip("\n").partition("\n")
    delimiter = max(",;\t", key=header.count)

    records: dict[str, Record] = {}
    refused: list[Refusal] = []
    rows = 0
    for line, row in _rows(text, delimiter, path, question_column, answer_column):
        rows += 1
        problem = row if isinstance(row, str) else _add(records, row, question_column, answer_column)
        if problem:
            refused.append(Refusal(line, problem))
    if not records:
        why = f"; the first: line {refused[0].line}, {refused[0].reason}" if refused else ""
        raise DataError(f"{path} has no row with a question and an answer ({rows} rows read{why})")
    return Corpus(
        path.name, hashlib.sha256(data).hexdigest(), encoding, delimiter, rows, tuple(records.values()), tuple(refused)
    )


def _decode(data: bytes, path: Path) -> tuple[str, str]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        candidates = ["utf-16"]
    elif data[1:2] == b"\0" and data[3:4] == b"\0":
        candidates = ["utf-16-le"]
    elif data[:1] == b"\0" and data[2:3] == b"\0":
        candidates = ["utf-16-be"]
    else:
        candidates = ["utf-8-sig", "cp1252"]
    for encoding in candidates:
        try:
            # NUL bytes stand in damaged exports; Python's csv refuses a whole file for one of them.
            return data.decode(encoding).replace("\0", ""), encoding
        except UnicodeDecodeError:
            continue
    raise DataError(f"{path} is neither UTF-8, UTF-16 nor cp1252 text; save it as UTF-8 and build again")


def _rows(
    text: str, delimiter: str, path: Path, question_column: str, answer_column: str
) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Yield (line, cells by column name), or (line, why the row is refused)."""
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header: list[str] | None = None
    line = 1
    for cells in reader:
        if header is None and any(cell.strip() for cell in cells):
            header = _header(cells, path, question_column, answer_column)
        elif header is not None and any(cell.strip() for cell in cells):
            if len(cells) == len(header):
                yield line, dict(zip(header, cells, strict=True))
            else:
                yield line, f"{len(cells)} cells where the header has {len(header)}"
        line = reader.line_num + 1


def _header(cells: list[str], path: Path, question_column: str, answer_column: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    by_lower = {name.lower(): name for name in names}
    wanted = {by_lower.get(column.lower()): column for column in (question_column, answer_column)}
    if None in wanted or len(wanted) < 2:
        raise DataError(
            f"{path} has no {question_column!r} and {answer_column!r} columns; its columns are: {', '.join(names)}; "
            "name them with --question-column and --answer-column"
        )
    return [wanted.get(name, name) for name in names]


def _add(records: dict[str, Record], row: dict[str, str], question_column: str, answer_column: str) -> str | None:
    """Add a row to the records; return why it cannot be used, if it cannot."""
    question = " ".join(clean_text(row[question_column]).split())
    answer = clean_text(row[answer_column])
    if not question:
        return "no question"
    if not any(char.isalnum() for char in answer):
        return "no answer"
    key = record_id(answer)
    if known := records.get(key):
        if question not in known.questions:
            records[key] = Record(key, (*known.questions, question), answer, known.metadata)
        return None
    metadata = {
        name.lower() if name.lower() in METADATA_COLUMNS else name: " ".join(clean_text(value).split())
        for name, value in row.items()
        if name and name not in (question_column, answer_column) and value.strip()
    }
    records[key] = Record(key, (question,), answer, metadata)
    return None


def record_id(answer: str) -> str:
    """The id of the record with this (cleaned) answer: 16 hex digits of its SHA-256."""
    return hashlib.sha256(answer.encode()).hexdigest()[:16]
