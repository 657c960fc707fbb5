"""Files that people upload to be indexed: how they are looked at, what is refused, and where they are kept."""

import dataclasses
import hashlib
import io
import re
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import CiteWellError, DataError, explained
from core.files import new_folder
from core.settings import Settings
from index.files import folder as files_folder
from index.files.columns import choose_columns
from index.files.folder import ENDINGS, Reading, has_known_ending
from index.files.read import read_sheet
from index.job import read_job
from index.keeping import kept_builds
from index.published import build_lock

UPLOAD_MIB = 100
"""Most that the page takes at once, all files together."""
MOST_FILES = 20
"""Most files that become one index."""
UNPACKED_MIB = 1024
"""Most that a workbook may hold when it is unpacked."""
PARQUET = b"PAR1"
"""How a Parquet file begins."""
CELL_BYTES = 50
"""Bytes that Python takes for the shortest text."""
UPLOADS = "uploads"
"""Folder beside the index in which uploaded files are kept, each upload in one that its content names."""
JOB = "job.json"
"""File of the index folder that reports its last build from the page."""
PREVIEWED = 3
"""Rows of an uploaded file that are shown before it is indexed."""


@dataclass(frozen=True)
class Upload:
    """A file as it was uploaded, and how it is to be read."""

    name: str
    content: bytes
    reading: Reading = field(default_factory=Reading)


@dataclass(frozen=True)
class Preview:
    """A preview of an uploaded file, as it would be read."""

    kind: str
    """The kind of file, such as "CSV with commas, utf-8"."""
    columns: tuple[str, ...]
    question: str
    """The column of questions; empty if it was not found."""
    answer: str
    rows: tuple[tuple[str, ...], ...]
    """The first rows that can be used, a cell a column."""
    count: int
    """All rows, those that cannot be used among them."""
    notes: tuple[str, ...]


def preview(upload: Upload) -> Preview:
    """Read an uploaded file as far as it can be read without knowing its columns.

    Raises:
        DataError: it is too large, of another kind, or no file that can be read.
    """
    check([upload])
    name, reading = upload.name, upload.reading
    sheet = read_sheet(upload.content, name, encoding=reading.encoding, delimiter=reading.delimiter)
    if not sheet.rows:
        raise DataError(f"{name} has a header and no rows; expected a question and an answer in each row below it")
    rows = tuple(row.cells for row in sheet.rows if not row.problem)[:PREVIEWED]
    try:
        chosen = choose_columns(sheet, name)
        question, answer = chosen.question, chosen.answer
    except DataError:
        question = answer = ""
    return Preview(sheet.kind, sheet.columns, question, answer, rows, len(sheet.rows), sheet.notes)


def check(uploads: Sequence[Upload]) -> None:
    """Refuse what is too large, too much, or of another kind.

    Raises:
        DataError: names the file, the limit, and what to do.
    """
    if len(uploads) > MOST_FILES:
        raise DataError(f"{len(uploads)} files are too many; choose at most {MOST_FILES} at once")
    size = sum(len(each.content) for each in uploads)
    if size > UPLOAD_MIB << 20:
        what = uploads[0].name if len(uploads) == 1 else "the files together"
        raise DataError(f"{what} has {size >> 20:,} MiB, the page takes {UPLOAD_MIB}; choose less")
    for each in uploads:
        if not has_known_ending(each.name):
            raise DataError(f"{each.name} is of a kind that is not read; expected one of: {', '.join(ENDINGS)}")
        if not each.content:
            raise DataError(f"{each.name} is empty (0 bytes); choose the file again once it holds rows")
        if _unpacked(each.content) > UNPACKED_MIB << 20:
            raise DataError(f"{each.name} unpacks to more than {UNPACKED_MIB:,} MiB; save it as CSV, in parts")


def _unpacked(content: bytes) -> int:
    """The bytes that a packed file holds at least, as its own directory says; 0 of one that is not packed."""
    if content.startswith(PARQUET):
        return _in_parquet(content)
    if not content.startswith(b"PK\x03\x04"):
        return 0
    try:
        return sum(entry.file_size for entry in zipfile.ZipFile(io.BytesIO(content)).infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return 0  # whoever reads it says what is wrong with it


def _in_parquet(content: bytes) -> int:
    """The same of a Parquet file: a few bytes of it may repeat one cell a thousand million times."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        about = pq.read_metadata(pa.BufferReader(content))
    except (pa.ArrowException, OSError):
        return 0
    groups = sum(about.row_group(n).total_byte_size for n in range(about.num_row_groups))
    return int(max(groups, about.num_rows * about.num_columns * CELL_BYTES))


def uploads_of(settings: Settings) -> Path:
    """The folder of all uploads."""
    return Path(settings.index.dir).parent / UPLOADS


def keep(settings: Settings, uploads: Sequence[Upload]) -> Path:
    """Keep files that become one index in a folder of their own; returns it.

    Its name is the hash of all that it holds: two uploads of one name are two, and the same one twice is one.

    Raises:
        DataError: see `check`.
        OSError: the disk is full; nothing is left of it then.
    """
    check(uploads)
    named = dict(zip(_names([each.name for each in uploads]), uploads, strict=True))
    reading = files_folder.written_readings({name: each.reading for name, each in named.items()})
    digest = hashlib.sha256(reading)
    for each in named.values():
        digest.update(hashlib.sha256(each.content).digest())
    target = uploads_of(settings) / digest.hexdigest()[:16]
    if target.is_symlink():  # not made here: what it leads to is no upload
        target.unlink()
    if not target.is_dir():
        with build_lock(Path(settings.index.dir), lambda: None, name=".uploads.lock"), new_folder(target) as partial:
            for name, each in named.items():
                (partial / name).write_bytes(each.content)
            (partial / files_folder.NAME).write_bytes(reading)
    return target


def _names(given: Sequence[str]) -> list[str]:
    """File names of their own for uploaded files: "a.csv" and "a.csv" are "a.csv" and "a (2).csv"."""
    taken: set[str] = set()
    names = []
    for each in map(safe_name, given):
        path, number, name = Path(each), 1, each
        while name.casefold() in taken or name == files_folder.NAME:
            number += 1
            name = f"{path.stem} ({number}){path.suffix}"
        taken.add(name.casefold())
        names.append(name)
    return names


def safe_name(name: str) -> str:
    """A file's name as it was given, without what a file system, a page or a shell takes for anything else."""
    path = Path(name.replace("\\", "/"))
    stem = " ".join(re.sub(r"[^\w .()-]+( [^\w .()-]+)*", "-", path.stem).split()).strip("-. ")[:60].rstrip("-. ")
    if re.fullmatch(r"(?i)con|prn|aux|nul|com\d|lpt\d", stem):  # names of devices on Windows
        stem = f"{stem}-file"
    return f"{stem or 'upload'}.{re.sub(r'[^a-z0-9]', '', path.suffix.lower())[:8] or 'csv'}"


def title(folder: Path) -> str:
    """The name of an upload in lists: that of its file, or of the first of several."""
    return files_folder.title_of([file.name for file in files_folder.files_of(folder)])


def forget_unused(settings: Settings) -> None:
    """Remove uploads that no build that is kept was made of, and that the last job is not about."""
    uploads, folder = uploads_of(settings), Path(settings.index.dir)
    if not uploads.is_dir() or not folder.is_dir():
        return
    with build_lock(folder, lambda: None, name=".uploads.lock"):
        needed = {Path(each.csv_path) for each in kept_builds(folder)}
        if job := read_job(folder / JOB):
            needed.add(Path(job.source))
        for kept in uploads.iterdir():
            # An upload of an earlier version was a file in a folder, and it is the file that its build names.
            if not needed & {kept.absolute(), *(each.absolute() for each in kept.glob("*"))}:
                if kept.is_dir() and not kept.is_symlink():
                    shutil.rmtree(kept, ignore_errors=True)
                else:
                    kept.unlink(missing_ok=True)


def in_page(error: CiteWellError | OSError | str, uploads: Path) -> str:
    """An error's message for readers of the page, who have no terminal and know no path on the server."""
    text = error if isinstance(error, str) else explained(error)
    for root in {str(uploads), str(uploads.absolute())}:
        text = re.sub(re.escape(root) + r"/[0-9a-f]{16}/?", "", text)
    parts = [re.sub(r" \((?=--|[^()]*citewell )[^()]*+\)", "", part) for part in text.split("; ")]
    told = [part for part in parts if not re.search(r"--\w|\bcitewell \w|\bgunzip\b|\bgit \w+|\brun it again", part)]
    return "; ".join(told) or "it cannot be used"


def chosen(upload: Upload, **reading: str) -> Upload:
    """The upload with another reading, such as `question="q"`."""
    return dataclasses.replace(upload, reading=dataclasses.replace(upload.reading, **reading))
