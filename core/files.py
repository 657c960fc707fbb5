"""Files that are either whole or not there: hashes, atomic writes, folders that appear in one step."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from core.errors import DataError

CHUNK = 1 << 20


def sha256_file(path: Path, progress: Callable[[int], object] | None = None) -> str:
    """SHA-256 of a file as a hex string; `progress` is called with the number of bytes of each chunk.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            if progress is not None:
                progress(len(chunk))
    return digest.hexdigest()


def write_atomic(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Replace `path` in one rename, so that a reader sees the old content or the new and never a part.

    Args:
        mode: who may read it; 0o600, for its user alone, where it holds people's words.

    Raises:
        OSError: the disk is full or the folder cannot be written; `path` is then as it was before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode != 0o600:  # mkstemp's own, which would hide the file from other users of a shared machine
            Path(temporary).chmod(mode)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Yield a path beside `target` to write to; it becomes `target` when the block ends, or vanishes if it fails.

    As with `new_folder`, what a killed process leaves is removed by the next call, and calls for one target must be
    serialised by the caller.

    Raises:
        OSError: the disk is full or the folder cannot be written; `target` is then as it was before.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".partial")
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o644)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(target: Path, ours: str = "") -> Iterator[Path]:
    """Yield an empty folder beside `target` that becomes `target` when the block ends, or vanishes if it fails.

    A killed process leaves only a hidden `.name.*.partial` folder, which the next call removes. An existing
    `target` is replaced. Calls for one target must be serialised by the caller (see `filelock`).

    Args:
        ours: where the user names the folder, a glob pattern of a file in it that shows that CiteWell made it.

    Raises:
        DataError: `target` exists, holds something, and nothing that is `ours`.
        OSError: the disk is full or the folder cannot be written; `target` is then as it was before.
    """
    if ours and target.exists() and not _is_ours(target, ours):
        raise DataError(
            f"{target} exists and holds no {ours}: it is not replaced, as CiteWell did not make it; "
            "name a folder that does not exist: --to DIR"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".partial"))
    partial.chmod(0o755)  # mkdtemp's 0700 would hide the result from other users of a shared machine
    try:
        yield partial
        if target.exists():
            shutil.rmtree(target)
        os.replace(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _is_ours(target: Path, ours: str) -> bool:
    return target.is_dir() and (not any(target.iterdir()) or any(target.glob(ours)))


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left in a folder of `new_folder`s of ever new names; its lock must be held."""
    _remove(folder.glob(".*.partial"))


def _remove_leftovers(target: Path) -> None:
    _remove(target.parent.glob(f".{target.name}.*.partial"))


def _remove(leftovers: Iterable[Path]) -> None:
    for leftover in leftovers:
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def jsonl_lines(text: str) -> list[str]:
    """The lines of JSON Lines, which line feeds alone end: `splitlines` cuts at U+2028 and its like inside strings."""
    return text.removesuffix("\n").split("\n") if text else []


def read_jsonl(path: Path, *needed: str) -> list[dict[str, Any]]:
    """Rows of a JSONL file, each with the keys that are needed.

    Raises:
        DataError: the file is missing, or names the line that is no such row.
    """
    if not path.is_file():
        raise DataError(f"no file at {path}; expected JSONL with {', '.join(needed)} on each line")
    try:
        lines = jsonl_lines(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 ({error}); save it as UTF-8") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            missing = [key for key in needed if key not in row]
        except (ValueError, TypeError) as error:
            raise DataError(f"{path}, line {number} is no JSON object ({error})") from error
        if missing:
            raise DataError(f"{path}, line {number} has no {missing[0]!r}; expected {', '.join(needed)}")
        rows.append(row)
    if not rows:
        raise DataError(f"{path} is empty; expected JSONL with {', '.join(needed)} on each line")
    return rows
