"""The back end of the page's Data view: what is indexed, and how to index another file."""

import contextlib
import dataclasses
import hashlib
import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.command import of_its_own
from core.errors import DataError, IndexFolderError
from core.files import jsonl_lines, write_atomic
from core.progress import Listener, heard_by
from core.settings import Settings
from index.build import build
from index.files.columns import choose_columns
from index.files.read import read_sheet
from index.published import build_lock, previous_build, published_build
from index.reader import Index
from index.status import EmbeddingStatus, read_status
from index.store import read_manifest, rollback
from index.topics import record_topic

UPLOAD_MIB = 100
"""Largest file that the page takes."""
UPLOADS = "uploads"
"""Folder beside the index in which uploaded files are kept, each in one that its content names."""
PREVIEWED = 3
"""Rows of an uploaded file that are shown before it is indexed."""
SHOWN = 25
"""Topics, and refused rows, that are listed."""


@dataclass(frozen=True)
class Overview:
    """The file behind an index. Counts of records, the largest first."""

    sources: Mapping[str, int]
    types: Mapping[str, int]
    topics: Mapping[str, int]
    """The topics with the most records."""
    topic_count: int
    shared_answers: Mapping[str, int]
    """Question -> how many rows gave the same answer, where that is more than one."""
    previous: str
    """The build that a roll-back would publish; empty if there is none."""


def overview(index: Index) -> Overview:
    """Count what an index holds."""
    records = index.records.values()
    topics = Counter(record_topic(record) for record in records)
    shared = Counter({record.question: len(record.questions) for record in records if len(record.questions) > 1})
    return Overview(
        _counted(index, "source"),
        _counted(index, "question_type"),
        dict(topics.most_common(SHOWN)),
        len(topics),
        dict(shared.most_common(SHOWN)),
        previous_build(index.folder),
    )


def _counted(index: Index, column: str) -> dict[str, int]:
    named = (record.metadata.get(column, "") for record in index.records.values())
    return dict(Counter(name for name in named if name).most_common())


def refused_rows(settings: Settings) -> list[dict[str, Any]]:
    """The first rows that the last rebuild from the page left out, each with its line and reason."""
    report = _report(settings)
    lines = jsonl_lines(report.read_text(encoding="utf-8")) if report.is_file() else []
    return [json.loads(line) for line in lines[:SHOWN]]


def is_complete(settings: Settings) -> bool:
    """Whether the published index has its vectors.

    Raises:
        IndexFolderError: there is no index.
    """
    return read_manifest(published_build(Path(settings.index.dir))).complete


def embedding(settings: Settings) -> EmbeddingStatus | None:
    """How far the vectors of an index are that is not complete; None if nothing was made yet."""
    return read_status(Path(settings.index.dir))


def embed_in_background(settings: Settings) -> bool:
    """Start a process that makes the vectors of the published index, where it has none; whether it was started.

    It uses idle processor time only, ends with this process, and writes a log to `build.log` in the index folder.

    Raises:
        IndexFolderError: there is no index.
        OSError: the log cannot be written.
    """
    folder = Path(settings.index.dir)
    manifest = read_manifest(published_build(folder))
    if manifest.complete:
        return False
    command = of_its_own("build", "--background", "--csv", manifest.csv_path, "--index", str(folder))
    for name, value in manifest.reading.items():
        command += [f"--{name.replace('_', '-')}", value]
    with (folder / "build.log").open("wb") as log:
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    return True


@dataclass(frozen=True)
class Preview:
    """A preview of an uploaded file, as it would be read."""

    columns: tuple[str, ...]
    question: str
    """The column of questions; empty if it was not found."""
    answer: str
    rows: tuple[tuple[str, ...], ...]
    """The first rows that can be used, a cell a column."""
    notes: tuple[str, ...]


def preview(name: str, content: bytes, encoding: str = "") -> Preview:
    """Read the beginning of an uploaded file.

    Raises:
        DataError: it is too large, or no file that can be read.
    """
    _check_size(name, content)
    sheet = read_sheet(content, name, encoding=encoding)
    rows = tuple(row.cells for row in sheet.rows if not row.problem)[:PREVIEWED]
    try:
        chosen = choose_columns(sheet, name)
    except DataError:
        return Preview(sheet.columns, "", "", rows, sheet.notes)
    return Preview(sheet.columns, chosen.question, chosen.answer, rows, sheet.notes)


def rebuild(settings: Settings, name: str, content: bytes, listener: Listener) -> Path:
    """Index an uploaded file in the place of the one before, which stays for a roll-back; returns where it is kept.

    A large file can be searched by words when this returns, and its vectors are made in the background. Files are kept
    by their content, so that two of one name are two, and a roll-back finds the one that it needs.

    Args:
        settings: with the columns and the encoding of the file, where they are known.

    Raises:
        DataError: it is too large, of another kind, or has not the columns; the index is then as it was before.
        WeightsError, IndexFolderError, OSError: see `index.build.build`.
    """
    _check_size(name, content)
    uploads = Path(settings.index.dir).parent / UPLOADS
    kept = uploads / hashlib.sha256(content).hexdigest()[:16] / _safe(name)
    is_new = not kept.is_file()
    write_atomic(kept, content)
    try:
        with heard_by(listener):
            index = dataclasses.replace(settings.index, csv=str(kept))
            build(index, words_only=True, report=_report(settings))
    except BaseException:
        if is_new:
            shutil.rmtree(kept.parent, ignore_errors=True)
        raise
    _forget_others(uploads, Path(settings.index.dir))
    embed_in_background(settings)
    return kept


def _check_size(name: str, content: bytes) -> None:
    if len(content) > UPLOAD_MIB << 20:
        raise DataError(
            f"{name} has {len(content) >> 20} MiB, the page takes {UPLOAD_MIB}; build it on the command line: "
            "citewell build --csv FILE"
        )


def _forget_others(uploads: Path, folder: Path) -> None:
    """Remove uploaded files that neither the published build nor the one before it was made of."""
    needed = set()
    with build_lock(folder, lambda: None):
        for find in (lambda: published_build(folder), lambda: folder / "builds" / previous_build(folder)):
            with contextlib.suppress(IndexFolderError):
                needed.add(Path(read_manifest(find()).csv_path).parent.absolute())
        for kept in uploads.iterdir():
            if kept.is_dir() and kept.absolute() not in needed:
                shutil.rmtree(kept, ignore_errors=True)


def roll_back(settings: Settings) -> str:
    """Publish the build before this one again; returns its name.

    Raises:
        IndexFolderError: there is none, or it is damaged.
    """
    folder = Path(settings.index.dir)
    with build_lock(folder, lambda: None):
        return rollback(folder)


def _report(settings: Settings) -> Path:
    return Path(settings.index.dir).parent / UPLOADS / "refused.jsonl"


def _safe(name: str) -> str:
    """A file name of letters of any script, figures and hyphens, with an ending."""
    path = Path(name.replace("\\", "/"))
    stem, ending = (re.sub(r"[^\w]+", "-", part.casefold()).strip("-_") for part in (path.stem, path.suffix))
    return f"{stem[:60] or 'upload'}.{ending[:8] or 'csv'}"
