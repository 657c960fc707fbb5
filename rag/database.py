"""The one SQLite file of conversations and feedback, opened for each use: two pages or a deleted file do no harm."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from sqlite_utils import Database, Migrations

from core.errors import DataError, HistoryError
from rag.receipt import read_receipt, sealed_receipt

WAIT_S = 5.0
"""Seconds that a writer waits for another one."""

migrations = Migrations("citewell")


@migrations()
def conversations(db: Database) -> None:
    """Conversations and their turns; an answer is kept as its receipt."""
    db.table("conversations").create({"id": str, "title": str, "created": str, "updated": str}, pk="id")
    db.table("turns").create(
        {"conversation": str, "number": int, "question": str, "said": str, "receipt": str, "error": str},
        pk=("conversation", "number"),
        foreign_keys=[("conversation", "conversations", "id")],
    )


@migrations()
def feedback(db: Database) -> None:
    """Judgements of answers, one of each answer."""
    db.table("feedback").create(
        {"seal": str, "created": str, "good": int, "reason": str, "better": str, "receipt": str}, pk="seal"
    )


@migrations()
def feedback_by_receipt_2(db: Database) -> None:
    """A judgement's key is the seal of its answer, which version 2 of the receipt writes otherwise: one kept before is
    found by its new key, so that a second judgement of the same answer still takes its place.
    """
    for row in list(db.table("feedback").rows):
        with contextlib.suppress(DataError):  # an altered one keeps its key, and is refused when it is read
            answer = read_receipt(row["receipt"]).answer
            db.table("feedback").update(row["seal"], {"seal": sealed_receipt(answer, "").sha256})


@contextlib.contextmanager
def database(path: Path, *, writes: bool = True) -> Iterator[Database]:
    """The database, made and migrated where that is due; what the block changes is kept whole or not at all.

    Args:
        writes: take the write lock before the block begins. A transaction that reads first and takes the lock when it
            writes is refused without a wait if another process wrote meanwhile (https://sqlite.org/isolation.html).

    Raises:
        HistoryError: it is locked, damaged, no database, from a newer CiteWell, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=WAIT_S)
    except (OSError, sqlite3.Error) as error:
        raise HistoryError(f"cannot open {path} ({error}); name another file: CITEWELL_HISTORY_FILE=…") from error
    with contextlib.closing(connection):
        try:
            db = Database(connection)
            db.enable_wal()
            _migrate(db, path)
            with _transaction(db, "IMMEDIATE" if writes else "DEFERRED"):
                yield db
        except sqlite3.Error as error:
            raise HistoryError(_explained(path, error)) from error


@contextlib.contextmanager
def _transaction(db: Database, kind: Literal["IMMEDIATE", "DEFERRED"]) -> Iterator[None]:
    db.execute(f"BEGIN {kind}")
    try:
        yield
    except BaseException:
        db.rollback()
        raise
    db.commit()


def _migrate(db: Database, path: Path) -> None:
    known = {each.name for each in migrations._migrations}
    if newer := {each.name for each in migrations.applied(db)} - known:
        raise HistoryError(
            f"{path} is from a newer CiteWell (it has {', '.join(sorted(newer))}); update CiteWell, or name another "
            "file: CITEWELL_HISTORY_FILE=…"
        )
    if migrations.pending(db):
        with _transaction(db, "IMMEDIATE"):  # of two processes, the second one finds nothing left to migrate
            migrations.apply(db)


def _explained(path: Path, error: sqlite3.Error) -> str:
    said = str(error)
    if "locked" in said or "busy" in said:
        return f"{path} is locked by another process for more than {WAIT_S:.0f} s; close it there, then try again"
    if "full" in said or "disk I/O" in said:
        return f"the disk of {path} is full or fails ({said}), so nothing new is kept; free space, then try again"
    if "not a database" in said or "malformed" in said:
        return f"{path} is damaged or no database ({said}); move it away, and a new one is made"
    return f"{path} cannot be used: {said}; name another file: CITEWELL_HISTORY_FILE=…"
