"""What is indexed, and how to index something else: what the page's Data view shows and does."""

import dataclasses
import json
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.command import of_its_own
from core.errors import DataError
from core.files import write_atomic
from core.progress import Listener, heard_by
from core.settings import Settings
from index.build import build
from index.published import build_lock, previous_build, published_build
from index.reader import Index
from index.status import EmbeddingStatus, read_status
from index.store import read_manifest, rollback
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
    lines = report.read_text(encoding="utf-8").splitlines() if report.is_file() else []
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
    for name in ("question_column", "answer_column"):
        command += [f"--{name.replace('_', '-')}", str(manifest.settings[name])]
    with (folder / "build.log").open("wb") as log:
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    return True


def rebuild(settings: Settings, name: str, content: bytes, listener: Listener) -> Path:
    """Index an uploaded CSV in the place of the one before, which stays for a roll-back; returns where the CSV is kept.

    A large file can be searched by words when this returns, and its vectors are made in the background.

    Raises:
        DataError: it is too large, no CSV, or has not the columns; the index is then as it was before.
        WeightsError, IndexFolderError, OSError: see `index.build.build`.
    """
    if len(content) > UPLOAD_MIB << 20:
        raise DataError(
            f"{name} has {len(content) >> 20} MiB, the page takes {UPLOAD_MIB}; build it on the command line: "
            "citewell build --csv FILE"
        )
    kept = Path(settings.index.dir).parent / "uploads" / f"{_safe(name)}.csv"
    before = kept.read_bytes() if kept.is_file() else None
    write_atomic(kept, content)
    try:
        with heard_by(listener):
            index = dataclasses.replace(settings.index, csv=str(kept))
            build(index, words_only=True, report=_report(settings))
    except BaseException:
        if before is None:
            kept.unlink()
        else:
            write_atomic(kept, before)
        raise
    embed_in_background(settings)
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
