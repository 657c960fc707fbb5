"""A file of any known kind -> a sheet."""

from collections.abc import Sequence
from dataclasses import replace

from core.errors import DataError
from index.files import kinds
from index.files.columns import is_header
from index.files.delimited import read_delimited
from index.files.encoding import decode
from index.files.json_rows import read_json
from index.files.sheet import Sheet
from index.files.tables import read_parquet, read_workbook


def read_sheet(
    data: bytes, name: str, question: str = "", answer: str = "", encoding: str = "", delimiter: str = ""
) -> Sheet:
    """Read a file's content.

    Args:
        name: the file's, for messages.
        question, answer: names of the columns, by which a header is recognised; empty for the usual ones.
        encoding: the encoding of a text file; empty to detect it.
        delimiter: the character between the cells of a CSV; empty to find it.

    Raises:
        DataError: it is of a kind that is not read, damaged, empty, or no table.
    """

    def heads(cells: Sequence[str]) -> bool:
        return is_header(cells, question, answer)

    if not data.strip():
        raise DataError(f"{name} is empty; expected a header line that names a question and an answer column")
    kind = kinds.kind_of(data, name)
    if kind == kinds.PARQUET:
        return read_parquet(data, name)
    if kind == kinds.WORKBOOK:
        return read_workbook(data, name, heads)
    decoded = decode(data, name, encoding)
    if not decoded.text.strip():
        raise DataError(f"{name} is empty; expected a header line that names a question and an answer column")
    is_json = kind == kinds.JSON and not delimiter
    sheet = read_json(decoded.text, name) if is_json else read_delimited(decoded.text, name, heads, delimiter)
    return replace(sheet, kind=f"{sheet.kind}, {decoded.encoding}", notes=(*decoded.notes, *sheet.notes))
