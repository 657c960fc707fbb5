"""What a build of shards is made from: its files, each with its hash, and everything that decides what comes out."""

import dataclasses
import glob
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import DataError
from core.settings import IndexSettings
from index.files.folder import ENDINGS, Reading, files_of, readings_of
from index.store import Recipe


@dataclass(frozen=True)
class InputFile:
    """A file to read; its number says where its records stand among those of the others."""

    number: int
    path: str
    sha256: str = ""
    reading: Reading | None = None
    """How it is read, where `reading.json` of its folder says so; else as the settings say."""


@dataclass(frozen=True)
class Plan:
    """A build of shards. `work` is where its steps leave what they made; all machines of a cluster must see it."""

    work: Path
    files: tuple[InputFile, ...]
    shards: int
    settings: IndexSettings
    recipe: Recipe

    @property
    def key(self) -> str:
        """SHA-256 over everything that decides what is built: the same input has the same key."""
        return plan_key(self.files, self.shards, self.recipe)


def plan_key(files: Sequence[InputFile], shards: int, recipe: Recipe) -> str:
    facts = dataclasses.asdict(recipe)
    facts["ranking"] = hashlib.sha256(recipe.ranking).hexdigest()
    facts["files"] = [
        [Path(file.path).name, file.sha256, *(vars(file.reading).values() if file.reading else ())] for file in files
    ]
    return hashlib.sha256(json.dumps([facts, shards], sort_keys=True).encode()).hexdigest()


def find_files(given: Sequence[str]) -> tuple[InputFile, ...]:
    """The files that paths, folders and patterns such as `data/*.csv` name: in their order, those of one by name.

    Raises:
        DataError: one of them names no file.
    """
    found: dict[Path, Reading | None] = {}
    for each in given:
        path = Path(each).absolute()
        if path.exists():
            readings = readings_of(path)
            found.update({file: readings.get(file.name) for file in files_of(path)})
        elif matching := sorted(file for name in glob.glob(str(path)) if (file := Path(name)).is_file()):  # noqa: PTH207 - a pattern may be absolute
            found.update(dict.fromkeys(matching))
        else:
            raise DataError(
                f"no file at {each}; expected a file, a folder of files that end in {', '.join(ENDINGS)}, or a pattern "
                "such as 'data/*.csv' (--csv FILE)"
            )
    return tuple(InputFile(number, str(path), reading=how) for number, (path, how) in enumerate(found.items()))
