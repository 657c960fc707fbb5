"""What is indexed, and how to index something else: what the page's Data view shows and does."""

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import DataError
from core.files import write_atomic
from core.progress import Listener, Say, heard_by
from core.settings import Settings
from index.build import build
from index.opened import Index
from index.published import build_lock, previous_build
from index.store import rollback
from index.topics import record_topic

UPLOAD_MIB = 100
"""Largest CSV that the page takes."""
SHOWN = 25
"""Topics, and refused rows, that are listed."""


@dataclass(frozen=True)
class Overview:
    """The file behind an index. Counts of records, the largest first."""

    sources: Mapping[str, int]
    types: Mapping[str, int]
    topics: Mapping[str, int]
    """The largest ones."""
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
    lines = report.read_text(encoding="utf-8").splitlines() if report.is_file() else []
    return [json.loads(line) for line in lines[:SHOWN]]


def rebuild(settings: Settings, name: str, content: bytes, listener: Listener, say: Say) -> Path:
    """Index an uploaded CSV in the place of the one before, which stays for a roll-back; returns where the CSV is kept.

    Raises:
        DataError: it is too large, no CSV, or has not the columns; the index is then as it was before.
        WeightsError, IndexFolderError, OSError: see `index.build.build`.
    """
    if len(content) > UPLOAD_MIB << 20:
        raise DataError(
            f"{name} has {len(content) >> 20} MiB, the page takes {UPLOAD_MIB}; build it on the command line: "
            "python -m index.build --csv FILE"
        )
    kept = Path(settings.index.dir).parent / "uploads" / f"{_safe(name)}.csv"
    before = kept.read_bytes() if kept.is_file() else None
    write_atomic(kept, content)
    try:
        with heard_by(listener):
            build(dataclasses.replace(settings.index, csv=str(kept)), report=_report(settings), say=say)
    except BaseException:
        if before is None:
            kept.unlink()
        else:
            write_atomic(kept, before)
        raise
    return kept


def roll_back(settings: Settings) -> str:
    """Publish the build before this one again; returns its name.

    Raises:
        IndexFolderError: there is none, or it is damaged.
    """
    folder = Path(settings.index.dir)
    with build_lock(folder, lambda: None):
        return rollback(folder)


def _report(settings: Settings) -> Path:
    return Path(settings.index.dir).parent / "uploads" / "refused.jsonl"


def _safe(name: str) -> str:
    """A file name of letters, figures and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", Path(name).stem.casefold()).strip("-")[:60] or "upload"
