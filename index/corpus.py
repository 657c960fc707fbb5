"""A file of questions and answers -> records: its rows cleaned, those of the same answer merged."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import DataError
from index.clean import clean_text
from index.files.columns import choose_columns, is_placeholder
from index.files.folder import COLUMN, Reading, content_sha256, files_of, left_out, readings_of, title_of
from index.files.read import read_sheet
from index.files.sheet import Row, Sheet

METADATA_COLUMNS = ("source", "url", "focus", "question_type")
"""Columns that the rest of CiteWell knows by name; any further column is kept as it is."""


AND = "; "
"""Separates the values of a column where a question and its answer stand in several rows."""


@dataclass(frozen=True)
class Record:
    """One answer of the file, with every question that it was given for.

    `id` is the start of the answer's SHA-256: it stays the same from build to build and file to file.
    """

    id: str
    questions: tuple[str, ...]
    answer: str
    columns: tuple[Mapping[str, str], ...] = ()
    """The further columns of each question's row; none at all if the file has no more."""

    @property
    def question(self) -> str:
        """The first question, which heads the record's passages."""
        return self.questions[0]

    @property
    def metadata(self) -> Mapping[str, str]:
        """The further columns of the first question's row."""
        return self.of(self.question)

    def of(self, question: str) -> Mapping[str, str]:
        """The further columns of the row of one of its questions."""
        return self.columns[self.questions.index(question)] if self.columns else {}


@dataclass(frozen=True)
class Refusal:
    """A row that was left out, and why. `line` is that of `index.files.sheet.Row`."""

    line: int
    reason: str
    file: str = ""
    """The name of its file, where an index is made of several."""


@dataclass(frozen=True)
class Corpus:
    """The records of a file, or of several, and the counts of their rows."""

    name: str
    sha256: str
    kind: str
    """The kind of file, such as "CSV with commas, utf-8"."""
    rows: int
    records: tuple[Record, ...]
    refused: tuple[Refusal, ...]
    notes: tuple[str, ...] = ()
    """Notes on how the file was read: a guess, a repair, a quotation mark that is never closed."""

    @property
    def merged(self) -> int:
        """Rows whose answer an earlier row had already given."""
        return self.rows - len(self.refused) - len(self.records)

    @property
    def refused_by_reason(self) -> dict[str, int]:
        return dict(Counter(refusal.reason for refusal in self.refused))


def read_corpus(
    path: Path, question_column: str = "", answer_column: str = "", encoding: str = "", delimiter: str = ""
) -> Corpus:
    """Read a file into records: CSV of any make, JSON, JSON Lines, Excel or Parquet; or all files of a folder.

    Rows that cannot be used are refused one by one with their line; the rest is kept. The files of a folder are read
    each in its own way (`index.files.folder`), and each row keeps the name of its file.

    Args:
        question_column, answer_column: the columns' names; empty to find them.
        encoding, delimiter: of a text; empty to find out.

    Raises:
        DataError: a file is missing, empty or of another kind, has no such columns, or no row can be used.
    """
    files = files_of(path)
    given = readings_of(path)
    several = len(files) > 1
    merger = _Merger()
    refused: list[Refusal] = []
    notes = [f"{name} is left out: its name does not end as that of a file that is read" for name in left_out(path)]
    kinds: list[str] = []
    rows = 0
    for file in files:
        reading = given.get(file.name, Reading(question_column, answer_column, encoding, delimiter))
        name = str(file)
        sheet = read_sheet(file.read_bytes(), name, *vars(reading).values())
        chosen = choose_columns(sheet, name, reading.question, reading.answer)
        refused += _add(merger, sheet, (chosen.question, chosen.answer), file.name if several else "")
        rows += len(sheet.rows)
        found = (*sheet.notes, *[chosen.note] * bool(chosen.note))
        notes += [f"{file.name}: {note}" for note in found] if several else found
        kinds.append(sheet.kind)
    if not merger.drafts:
        why = f"; the first: line {refused[0].line}, {refused[0].reason}" if refused else ""
        where = title_of([file.name for file in files]) if several else files[0]
        raise DataError(f"{where} has no row with a question and an answer ({rows} rows read{why})")
    name, kind = title_of([file.name for file in files]), ", ".join(dict.fromkeys(kinds))
    return Corpus(name, content_sha256(path), kind, rows, merger.records(), tuple(refused), tuple(notes))


def _add(merger: "_Merger", sheet: Sheet, chosen: Sequence[str], file: str) -> list[Refusal]:
    """Add the rows of a sheet; return those that cannot be used."""
    question, answer = (sheet.columns.index(column) for column in chosen)
    further = {
        place: _name(name) for place, name in enumerate(sheet.columns) if name and place not in (question, answer)
    }
    own = {COLUMN if COLUMN not in further.values() else f"{COLUMN} name": file} if file else {}
    refused = []
    for row in sheet.rows:
        if problem := row.problem or merger.add(row, question, answer, further, own):
            refused.append(Refusal(row.line, problem, file))
    return refused


def _name(column: str) -> str:
    return column.lower() if column.lower() in METADATA_COLUMNS else column


@dataclass(frozen=True)
class _Draft:
    answer: str
    rows: dict[str, dict[str, str]]
    """Question -> its row's further columns."""

    def add(self, question: str, cells: Mapping[str, str]) -> None:
        known = self.rows.setdefault(question, {})
        for name, value in cells.items():
            if value and value not in known.get(name, "").split(AND):
                known[name] = f"{known[name]}{AND}{value}" if name in known else value

    def record(self, key: str) -> Record:
        columns = tuple(self.rows.values()) if any(self.rows.values()) else ()
        return Record(key, tuple(self.rows), self.answer, columns)


class _Merger:
    """Rows of the same answer become one record, in time that grows with the rows and not with their square."""

    def __init__(self) -> None:
        self.drafts: dict[str, _Draft] = {}

    def add(
        self,
        row: Row,
        question_place: int,
        answer_place: int,
        further: Mapping[int, str],
        own: dict[str, str],
    ) -> str:
        """Add a row, with its further columns and those that stand in no cell; return why it cannot be used."""
        question = " ".join(clean_text(row.cells[question_place]).split())
        answer = clean_text(row.cells[answer_place])
        if not any(char.isalnum() for char in question):
            return "no question"
        if not any(char.isalnum() for char in answer):
            return "no answer"
        if is_placeholder(answer):
            return f"a placeholder for an answer ({answer[:20]!r})"
        cells = {name: " ".join(clean_text(row.cells[place]).split()) for place, name in further.items()} | own
        self.drafts.setdefault(record_id(answer), _Draft(answer, {})).add(question, cells)
        return ""

    def records(self) -> tuple[Record, ...]:
        """The records, in the order of their first rows."""
        return tuple(draft.record(key) for key, draft in self.drafts.items())


def merge_records(placed: Iterable[tuple[int, Record]]) -> tuple[list[Record], list[int]]:
    """Records of several files, each with its place, those of the same answer as one at the first one's place.

    The same rows in one file give the same records.
    """
    drafts: dict[str, _Draft] = {}
    places: list[int] = []
    for place, record in placed:
        if record.id not in drafts:
            places.append(place)
        draft = drafts.setdefault(record.id, _Draft(record.answer, {}))
        for question in record.questions:
            draft.add(question, record.of(question))
    return [draft.record(key) for key, draft in drafts.items()], places


def record_id(answer: str) -> str:
    """The id of the record with this (cleaned) answer: 16 hex digits of its SHA-256."""
    return hashlib.sha256(answer.encode()).hexdigest()[:16]
