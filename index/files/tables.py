"""Excel workbooks and Parquet files -> a sheet."""

import io
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

from core.errors import DataError
from index.files.sheet import Row, Sheet, numbered


def read_workbook(data: bytes, name: str, is_header: Callable[[Sequence[str]], bool]) -> Sheet:
    """Read the first sheet of an Excel workbook (.xlsx) that has a header; formulas give the values last computed.

    Raises:
        DataError: it is damaged, or no sheet of it has two columns.
    """
    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheets = [(sheet.title, [tuple(_text(cell) for cell in row) for row in sheet.values]) for sheet in book]
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, AttributeError, EOFError) as error:
        raise DataError(f"{name} is a damaged Excel workbook ({error}); save it again, or as CSV") from error
    tables = [(title, rows) for title, rows in sheets if any(sum(map(bool, row)) > 1 for row in rows)]
    if not tables:
        raise DataError(f"{name} is an Excel workbook without a sheet of two columns; expected questions and answers")
    title, rows = next(((title, rows) for title, rows in tables if any(is_header(row) for row in rows[:10])), tables[0])
    start = next((n for n, row in enumerate(rows[:10]) if is_header(row)), None)
    if start is None:
        start = next(n for n, row in enumerate(rows) if sum(map(bool, row)) > 1)
    header = [cell.strip() for cell in rows[start]]
    while header and not header[-1]:
        header.pop()
    notes = [f"of {len(sheets)} sheets, {title!r} is read"] if len(sheets) > 1 else []
    found = tuple(
        _row(number, row, header) for number, row in enumerate(rows[start + 1 :], start=start + 2) if any(row)
    )
    return Sheet("Excel workbook", numbered(header), found, tuple(notes))


def _row(number: int, cells: Sequence[str], header: Sequence[str]) -> Row:
    padded = (*cells[: len(header)], *[""] * (len(header) - len(cells)))
    if any(cells[len(header) :]):
        return Row(number, tuple(cells), f"{len(cells)} cells where the header has {len(header)}")
    if [cell.strip().casefold() for cell in padded] == [each.casefold() for each in header]:
        return Row(number, padded, "the header again")
    return Row(number, padded)


def read_parquet(data: bytes, name: str) -> Sheet:
    """Read a Parquet file; columns of lists and structures are shown as text.

    Raises:
        DataError: it is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name} is a damaged Parquet file ({str(error).splitlines()[0]}); export it again") from error
    columns = [[_text(value) for value in column.to_pylist()] for column in table.columns]
    rows = tuple(Row(number, cells) for number, cells in enumerate(zip(*columns, strict=True), start=1) if any(cells))
    return Sheet("Parquet", numbered([str(each) for each in table.column_names]), rows)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # Excel keeps every number as one with a point
    return str(value)
