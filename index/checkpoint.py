"""Vectors kept while they are made, so that a build that is stopped, killed or finds the disk full loses seconds.

The file is SQLite's: what was committed survives a killed process and a power cut, and two processes may write at once.
"""

import contextlib
import hashlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from core.errors import IndexFolderError
from core.progress import log

NAME = "embedded.sqlite"
COMMIT_S = 2.0
"""Seconds between two commits: what a killed build computes again at most."""
_TABLE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"
_DTYPE = np.dtype("<f2")
"""The number format of the vectors, as wide as the index keeps them."""


class Checkpoint:
    """The vectors that an embedder has made so far of the texts of an index folder.

    A vector is found by the hash of its text and of the embedder's identity, so one of another embedder never is. A
    file that is damaged is begun again, and a line reports it.

    Raises:
        OSError: the folder cannot be written.
        IndexFolderError: also in `add` and when it is closed, the file cannot be written: the disk is full.
    """

    def __init__(self, folder: Path, embedder: str, dimension: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / NAME
        self._embedder, self._dimension = embedder.encode(), dimension
        try:
            with _writing(self.file):  # a full disk, which is no damage: what is there stays
                self._database = _opened(self.file)
        except sqlite3.DatabaseError as error:
            log.warning(f"notice: {self.file} is damaged ({error}); it is begun again")
            Checkpoint.remove(folder)
            with _writing(self.file):
                self._database = _opened(self.file)
        self._committed = time.monotonic()

    def __enter__(self) -> "Checkpoint":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit what was added, also on the way out of Ctrl-C, and close the file."""
        with contextlib.closing(self._database), _writing(self.file):
            self._database.commit()

    def __len__(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM vectors").fetchone()[0])

    def known(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """The texts that were embedded before, each with its vector of shape (dimension,), float16."""
        found = {}
        for text in texts:
            row = self._database.execute("SELECT vector FROM vectors WHERE key = ?", (self._key(text),)).fetchone()
            if row is not None and len(row[0]) == self._dimension * _DTYPE.itemsize:
                found[text] = np.frombuffer(row[0], dtype=_DTYPE)
        return found

    def add(self, texts: Sequence[str], vectors: np.ndarray) -> bool:
        """Keep the vectors of texts, shape (texts, dimension); returns whether all so far is on the disk now."""
        rows = [(self._key(text), vector.astype(_DTYPE).tobytes()) for text, vector in zip(texts, vectors, strict=True)]
        with _writing(self.file):
            self._database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            if time.monotonic() - self._committed < COMMIT_S:
                return False
            self._database.commit()
        self._committed = time.monotonic()
        return True

    @staticmethod
    def exists(folder: Path) -> bool:
        """Whether an unfinished build of this folder left vectors."""
        return (folder / NAME).is_file()

    @staticmethod
    def remove(folder: Path) -> None:
        """Delete the vectors, which an index holds now."""
        for name in (NAME, f"{NAME}-wal", f"{NAME}-shm"):
            (folder / name).unlink(missing_ok=True)

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(self._embedder + b"\0" + text.encode()).digest()[:16]


def _opened(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, timeout=30)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(_TABLE)
        problem = database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise sqlite3.DatabaseError(problem)
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database


@contextlib.contextmanager
def _writing(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise IndexFolderError(
            f"{file} cannot be written ({error}); what was embedded before is kept; free space on the disk, then run "
            "the build again: it continues from there"
        ) from error
