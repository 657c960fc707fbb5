"""The kind of a file, by its first bytes, and advice for one that cannot be read as a table."""

import io
import re
import zipfile

from core.errors import DataError

PARQUET, WORKBOOK, JSON, TEXT = "parquet", "workbook", "json", "text"

_HTML = re.compile(rb"(?<!\s)\s*(?:<!doctype html|<html)", re.I)
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*[\[{\]]|\{\s*[\"}])")
_OTHERS = (
    (re.compile(rb"%PDF"), "a PDF", "copy its questions and answers into a table"),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "an old Office file (.xls, .doc)", "save it as .xlsx or CSV"),
    (re.compile(rb"\x1f\x8b"), "a gzip archive", "unpack it: gunzip FILE"),
    (re.compile(rb"7z\xbc\xaf|Rar!|\xfd7zXZ|BZh"), "an archive", "unpack it"),
    (re.compile(rb"version https://git-lfs"), "a pointer to a file that Git LFS keeps elsewhere", "run: git lfs pull"),
    (
        re.compile(rb"\.\./.{0,1000}/annex/objects/|/annex/objects/"),
        "a pointer of git-annex",
        "run: git annex get FILE",
    ),
    (re.compile(rb"SQLite format 3"), "an SQLite database", "export its table as CSV"),
    (re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP", re.S), "a picture", "type its text into a table"),
    (_HTML, "a web page", "download the file itself; a page that asks to sign in looks like this"),
    (re.compile(rb"\{\\rtf"), "a text with layout (RTF)", "save it as CSV"),
)
_EXPECTED = "expected CSV, JSON, JSON Lines, Excel (.xlsx) or Parquet with a question and an answer column"


def kind_of(data: bytes, name: str) -> str:
    """The kind of a file: `parquet`, `workbook`, `json` or `text`.

    Raises:
        DataError: it is a file of another kind; the message names it and what to do.
    """
    for pattern, what, advice in _OTHERS:
        if pattern.match(data):
            raise DataError(f"{name} is {what}; {advice}; {_EXPECTED}")
    if data.startswith(b"PAR1"):
        return PARQUET
    if data.startswith(b"PK\x03\x04"):
        return _packed(data, name)
    return JSON if _JSON.match(data) else TEXT


def _packed(data: bytes, name: str) -> str:
    try:
        names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    except zipfile.BadZipFile:
        raise DataError(f"{name} is a damaged ZIP archive or Office file; {_EXPECTED}") from None
    if "xl/workbook.xml" in names:
        return WORKBOOK
    if "word/document.xml" in names:
        raise DataError(f"{name} is a Word document; copy its table into a spreadsheet and save that; {_EXPECTED}")
    if "content.xml" in names:
        raise DataError(f"{name} is an OpenDocument file; save it as .xlsx or CSV; {_EXPECTED}")
    held = ", ".join(sorted(names)[:3]) or "nothing"
    raise DataError(f"{name} is a ZIP archive (it holds {held[:120]}); unpack it; {_EXPECTED}")
