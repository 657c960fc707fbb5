"""A folder of files that become one index, each read in its own way.

`reading.json` in the folder, where it is there, tells how to read each file: {"NAME": {"question": "…", "answer": "…",
"encoding": "…", "delimiter": "…"}}. What it leaves out is found.
"""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import DataError
from core.files import sha256_file

NAME = "reading.json"
ENDINGS = ("csv", "tsv", "txt", "json", "jsonl", "xlsx", "parquet")
"""How the names of files end that are taken from a folder or an upload. A file that is named itself may be called
anything: what it is shows in its first bytes (`index.files.kinds`)."""
COLUMN = "file"
"""The column in which each row of several files keeps the name of its own."""


@dataclass(frozen=True)
class Reading:
    """How a file is read: names of its columns, its encoding, its delimiter; empty for what is to be found."""

    question: str = ""
    answer: str = ""
    encoding: str = ""
    delimiter: str = ""


def has_known_ending(name: str) -> bool:
    """Whether the name of a file ends as those do that are read."""
    return Path(name).suffix.lower().removeprefix(".") in ENDINGS


def files_of(path: Path) -> list[Path]:
    """The file itself, or the files of a folder that have a known ending, in the order of their names; hidden ones are
    left out.

    Raises:
        DataError: there is no such file, or none in the folder that is read.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"no file at {path}; expected one with a question and an answer column (--csv FILE)")
    files = [each for each in _visible(path) if has_known_ending(each.name)]
    if not files:
        raise DataError(
            f"the folder {path} holds no file that is read; expected files with a question and an answer column whose "
            f"names end in {', '.join(ENDINGS)}"
        )
    return files


def left_out(path: Path) -> list[str]:
    """The names of the files of a folder that are not read, because of their ending; none of a file."""
    return [each.name for each in _visible(path) if not has_known_ending(each.name)] if path.is_dir() else []


def _visible(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.is_file() and each.name != NAME and each.name[0] != ".")


def readings_of(folder: Path) -> dict[str, Reading]:
    """File name -> how it is read, for those that reading.json names.

    Raises:
        DataError: that file is damaged.
    """
    file = folder / NAME
    if not file.is_file():
        return {}
    try:
        return {name: Reading(**given) for name, given in json.loads(file.read_text(encoding="utf-8")).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{file} is damaged ({error}); remove it, and the files are read as they are found") from error


def written_readings(readings: dict[str, Reading]) -> bytes:
    """The content of reading.json."""
    return json.dumps({name: dataclasses.asdict(each) for name, each in readings.items()}, indent=2).encode()


def content_sha256(path: Path) -> str:
    """SHA-256 of a file; of a folder, that of its files' names and hashes and of how they are read.

    Raises:
        DataError: there is no such file.
        OSError: it cannot be read.
    """
    if path.is_file():
        return sha256_file(path)
    read = path / NAME
    parts = [f"{each.name}\0{sha256_file(each)}" for each in (*files_of(path), *[read] * read.is_file())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def title_of(names: Sequence[str]) -> str:
    """The name of an index of these files: "a.csv", "a.csv and b.csv", "a.csv and 2 more files"."""
    if len(names) <= 2:
        return " and ".join(names)
    return f"{names[0]} and {len(names) - 1} more files"
