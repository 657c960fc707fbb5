"""The back end of the page's Data view: what is indexed, which builds are kept, and how far its vectors are."""

import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core.command import of_its_own
from core.settings import Settings
from index.builds import read_manifest
from index.keeping import kept_builds
from index.published import published_build
from index.reader import Index, Manifest
from index.refused import read_refused
from index.status import EmbeddingStatus, read_status
from index.topics import record_topic

SHOWN = 25
"""Topics, and refused rows, that are listed."""


@dataclass(frozen=True)
class Overview:
    """The file behind an index. Counts of records, the largest first."""

    sources: Mapping[str, int]
    types: Mapping[str, int]
    files: Mapping[str, int]
    """Where the index is made of several files, the records of each."""
    topics: Mapping[str, int]
    """The topics with the most records."""
    topic_count: int
    shared_answers: Mapping[str, int]
    """Question -> how many rows gave the same answer, where that is more than one."""
    refused: Sequence[Mapping[str, Any]] = ()
    """The first rows that the build left out, each with its line and reason."""


def overview(index: Index) -> Overview:
    """Count what an index holds."""
    topics: Counter[str] = Counter()
    shared: Counter[str] = Counter()
    columns: dict[str, Counter[str]] = {"source": Counter(), "question_type": Counter(), "file": Counter()}
    for record in index.records.values():  # once: each of them is read from the disk
        topics[record_topic(record)] += 1
        if len(record.questions) > 1:
            shared[record.question] = len(record.questions)
        for column, counts in columns.items():
            if value := record.metadata.get(column, ""):
                counts[value] += 1
    several = Path(index.manifest.csv_path).is_dir()
    return Overview(
        dict(columns["source"].most_common()),
        dict(columns["question_type"].most_common()),
        dict(columns["file"].most_common()) if several else {},
        dict(topics.most_common(SHOWN)),
        len(topics),
        dict(shared.most_common(SHOWN)),
        read_refused(index.folder / "builds" / index.manifest.build)[:SHOWN],
    )


def builds(settings: Settings) -> list[Manifest]:
    """The builds that can be published, the newest first."""
    return kept_builds(Path(settings.index.dir))


def described(manifest: Manifest) -> str:
    """A build as people know it: "health_qa.csv (228 answers, 27 Nov 2026, 14:02)"."""
    answers = "1 answer" if manifest.kept == 1 else f"{manifest.kept:,} answers"
    return f"{manifest.csv} ({answers}, {built_at(manifest)})"


def built_at(manifest: Manifest) -> str:
    """When a build was made, in the time of this machine: "27 Nov 2026, 14:02"."""
    return f"{datetime.fromisoformat(manifest.built).astimezone():%d %b %Y, %H:%M}"


def published(settings: Settings) -> Manifest:
    """The manifest of the published build.

    Raises:
        IndexFolderError: there is no index, or it is damaged.
    """
    return read_manifest(published_build(Path(settings.index.dir)))


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
    manifest = published(settings)
    if manifest.complete:
        return False
    command = of_its_own("build", "--background", "--csv", manifest.csv_path, "--index", str(folder))
    for name, value in manifest.reading.items():
        command += [f"--{name.replace('_', '-')}", value]
    with (folder / "build.log").open("wb") as log:
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    return True
