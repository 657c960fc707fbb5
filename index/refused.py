"""The rows that a build left out, kept beside it: what is shown of a build is its own, whichever is published."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.files import jsonl_lines, write_atomic
from index.corpus import Refusal

NAME = "refused.jsonl"
MOST = 1000
"""Most rows that are kept; the manifest counts them all."""


def row(refusal: Refusal) -> dict[str, Any]:
    """A row that was left out: its line, the reason, and its file where there are several."""
    return {**({"file": refusal.file} if refusal.file else {}), "line": refusal.line, "reason": refusal.reason}


def write_refused(build: Path, refused: Sequence[Refusal]) -> None:
    """Keep the first rows that a build left out; raises OSError where the disk is full."""
    write_atomic(build / NAME, "".join(json.dumps(row(each)) + "\n" for each in refused[:MOST]))


def carry_refused(words: Path, build: Path) -> None:
    """Take them over from the build of words to that with vectors."""
    if (words / NAME).is_file():
        shutil.copyfile(words / NAME, build / NAME)


def read_refused(build: Path) -> list[dict[str, Any]]:
    """The first rows that a build left out; none where it kept no list of them."""
    try:
        return [json.loads(line) for line in jsonl_lines((build / NAME).read_text(encoding="utf-8"))]
    except (OSError, ValueError):
        return []
