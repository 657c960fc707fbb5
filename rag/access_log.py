"""The audit log: who did what and when, with which index and model, and how the answer was judged. It holds no text.

One JSON object a line, in a file beside the history (`history.audit.jsonl`) that only CiteWell's user may read. A full
file becomes `….1`, that one `….2`, and so on; the oldest is deleted.
"""

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from core.errors import explained
from core.files import write_atomic
from core.progress import log
from core.settings import Settings
from rag.answer import Answer

Event = Literal[
    "asked", "deleted", "exported", "shared", "withdrawn", "judged", "signed in", "refused", "uploaded", "rolled back"
]
NOBODY = "erased"
"""Stands in the place of an owner about whom everything was erased."""


def file_of(settings: Settings) -> Path:
    """The file that is written to now."""
    return Path(settings.history.file).with_suffix(".audit.jsonl")


def note(settings: Settings, event: Event, owner: str, answer: Answer | None = None, **more: str | int) -> None:
    """Write a line; where that fails, a warning says so and the work continues.

    Args:
        answer: whose index, model, outcome and verdicts are written; none of its words are.
        more: further names and numbers, such as the build that was published.
    """
    if not settings.audit.keep:
        return
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, "owner": owner, **more}
    if answer is not None:
        line |= _of(answer)
    file = file_of(settings)
    try:
        with _locked(file):
            if file.is_file() and file.stat().st_size >= settings.audit.mib << 20:
                _rotate(file, settings.audit.files)
            handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(handle, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as error:
        log.warning(f"notice: the audit log could not be written: {explained(error)}")


def lines_of(settings: Settings, owner: str) -> list[dict[str, Any]]:
    """The lines about an owner, the oldest first; what is no JSON is passed over."""
    return [line for file in reversed(_files(file_of(settings))) for line in _read(file) if line.get("owner") == owner]


def forget(settings: Settings, owner: str) -> int:
    """Put `NOBODY` in an owner's place in every line, and return in how many.

    Raises:
        OSError: a file cannot be written; it is then as it was before.
    """
    changed = 0
    with _locked(file_of(settings)):
        for file in _files(file_of(settings)):
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [_without(line, owner) for line in lines]
            if kept != lines:
                changed += sum(old != new for old, new in zip(lines, kept, strict=True))
                write_atomic(file, "".join(kept), mode=0o600)
    return changed


def _of(answer: Answer) -> dict[str, Any]:
    verdicts = Counter(sentence.verdict for sentence in answer.sentences)
    return {
        "outcome": answer.outcome,
        "notice": answer.notice.kind if answer.notice else "",
        "build": answer.index.get("build", ""),
        "csv_sha256": answer.index.get("csv_sha256", ""),
        "model": answer.model.get("model", ""),
        "model_sha256": answer.model.get("sha256", ""),
        "adapter": answer.model.get("adapter", ""),
        "verdicts": {name: verdicts[name] for name in ("supported", "weak", "unsupported")},
        "seconds": round(answer.timings.total_s, 2),
    }


def _without(line: str, owner: str) -> str:
    try:
        values = json.loads(line)
    except ValueError:
        return line
    if not isinstance(values, dict) or values.get("owner") != owner:
        return line
    return json.dumps({**values, "owner": NOBODY}, ensure_ascii=False) + "\n"


def _read(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            values = json.loads(line)
            if isinstance(values, dict):
                yield values


def _files(file: Path) -> list[Path]:
    """The file and those before it, the newest first."""
    before = [path for path in file.parent.glob(f"{file.name}.*") if path.suffix[1:].isdigit()]
    return [path for path in (file, *sorted(before, key=lambda path: int(path.suffix[1:]))) if path.is_file()]


def _rotate(file: Path, most: int) -> None:
    for path in reversed(_files(file)):
        number = int(path.suffix[1:]) if path != file else 0
        if number + 1 >= most:
            path.unlink()
        else:
            os.replace(path, file.with_name(f"{file.name}.{number + 1}"))


def _locked(file: Path) -> FileLock:
    file.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(f"{file}.lock", mode=0o600)
