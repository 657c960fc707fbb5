"""The one SQLite file of conversations and feedback, opened for each use: two pages or a deleted file do no harm.

Only the user who runs CiteWell may read the file (mode 0600), and what is deleted is overwritten with zeros.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from sqlite_utils import Database, Migrations

from core.errors import DataError, HistoryError
from core.progress import log
from rag.receipt import read_receipt, sealed_receipt

WAIT_S = 5.0
"""Seconds that a writer waits for another one."""

NUMBERS = frozenset({"number", "good", "keep"})
"""The columns of numbers, of all tables; every other one holds text."""

EARLIER = "earlier"
"""The owner of what was kept before conversations had owners, and of what is kept without a page."""

_checked: set[tuple[str, int]] = set()
"""The files, by path and inode, that this process has found whole."""

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


@migrations()
def owners(db: Database) -> None:
    """Each conversation and each judgement belongs to somebody, who may share an answer by a link."""
    db.execute(f"alter table conversations add column owner text not null default '{EARLIER}'")
    db.table("conversations").create_index(["owner", "updated"])
    db.execute("alter table feedback rename to feedback_before")
    db.table("feedback").create(
        {"owner": str, "seal": str, "created": str, "good": int, "reason": str, "better": str, "receipt": str},
        pk=("owner", "seal"),
    )
    db.execute(
        "insert into feedback (owner, seal, created, good, reason, better, receipt) "
        "select ?, seal, created, good, reason, better, receipt from feedback_before order by rowid",
        [EARLIER],
    )
    db.table("feedback_before").drop()
    db.table("owners").create({"id": str, "name": str, "keep": int, "seen": str}, pk="id")
    db.table("shares").create(
        {"token": str, "owner": str, "conversation": str, "seal": str, "created": str, "receipt": str}, pk="token"
    )


@contextlib.contextmanager
def database(path: Path, *, writes: bool = True, erases: bool = False) -> Iterator[Database]:
    """The database, made and migrated where that is due; what the block changes is kept whole or not at all.

    Args:
        writes: take the write lock before the block begins. A transaction that reads first and takes the lock when it
            writes is refused without a wait if another process wrote meanwhile (https://sqlite.org/isolation.html).
        erases: empty the write-ahead log after the block, so that no copy of what it deleted stays there.

    Raises:
        HistoryError: it is locked, damaged, no database, from a newer CiteWell, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _for_its_user_alone(path)
        connection = sqlite3.connect(path, timeout=WAIT_S)
    except (OSError, sqlite3.Error) as error:
        raise HistoryError(f"cannot open {path} ({error}); name another file: CITEWELL_HISTORY_FILE=…") from error
    with contextlib.ExitStack() as opened:
        opened.callback(connection.close)
        try:
            db = Database(connection)
            try:
                _prepare(db, path)
            except sqlite3.OperationalError as error:
                if writes or not _is_full(error) or not _is_closed(path):
                    raise
                db = Database(opened.enter_context(contextlib.closing(_as_it_stands(path))))
            with _transaction(db, "IMMEDIATE" if writes else "DEFERRED"):
                yield db
            if erases:
                db.execute("pragma wal_checkpoint(truncate)").fetchone()
        except (sqlite3.Error, UnicodeDecodeError) as error:  # the second: a flipped bit in a name of a column or table
            raise HistoryError(_explained(path, error)) from error


def as_kept(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows as they were kept: text in every column of texts, whatever SQLite found there, which keeps to no types."""
    return [{name: value if name in NUMBERS else _text(value) for name, value in row.items()} for row in rows]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value)


def _prepare(db: Database, path: Path) -> None:
    # Not every SQLite is built so: https://sqlite.org/pragma.html#pragma_secure_delete
    db.execute("pragma secure_delete = on").fetchone()
    db.enable_wal()
    _check_once(db, path)
    _migrate(db, path)


def _is_closed(path: Path) -> bool:
    """Whether all that was kept is in the file itself, and nothing in its write-ahead log."""
    log_of_writes = path.with_name(f"{path.name}-wal")
    return path.stat().st_size > 0 and (not log_of_writes.exists() or log_of_writes.stat().st_size == 0)


def _as_it_stands(path: Path) -> sqlite3.Connection:
    """Open the file to be read alone, without the index of its log, which a full disk has no room for
    (https://sqlite.org/uri.html#uriimmutable)."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)


def _check_once(db: Database, path: Path) -> None:
    """Refuse a file whose tables and indexes contradict each other, as turns would be missing without a word; looked
    at once by each process, as it reads the whole file (1 s for 300 MB)."""
    file = (str(path.resolve()), path.stat().st_ino)
    if file in _checked:
        return
    (found,) = db.execute("pragma integrity_check(1)").fetchone()
    if found != "ok":
        raise HistoryError(
            f"{path} is damaged ({found}); put a copy in its place, or take out what can be read: "
            f"sqlite3 {path.name} .recover | sqlite3 recovered.sqlite; or move it away, and a new one is made"
        )
    _checked.add(file)


def _for_its_user_alone(path: Path) -> None:
    """Make the file with mode 0600 whatever the umask is; SQLite gives its log and index of the log the same mode."""
    os.close(os.open(path, os.O_CREAT | os.O_RDONLY, 0o600))
    with contextlib.suppress(OSError):  # of another user's file, whose mode is not ours to change
        if path.stat().st_mode & 0o077:
            for each in (path, *path.parent.glob(f"{path.name}-*")):
                each.chmod(0o600)


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
        was_used = bool(migrations.applied(db))
        with _transaction(db, "IMMEDIATE"):  # of two processes, the second one finds nothing left to migrate
            migrations.apply(db)
        if was_used:  # an earlier version did not overwrite what it deleted
            try:
                db.execute("vacuum")
            except sqlite3.Error as error:
                log.warning(f"notice: {path} was not compacted ({error}); it may hold words that were deleted")


def _explained(path: Path, error: sqlite3.Error | UnicodeDecodeError) -> str:
    said = str(error)
    if "locked" in said or "busy" in said:
        return f"{path} is locked by another process for more than {WAIT_S:.0f} s; close it there, then try again"
    if _is_full(error):
        return f"the disk of {path} is full or fails ({said}), so nothing new is kept; free space, then try again"
    if "not a database" in said or "malformed" in said or isinstance(error, UnicodeDecodeError):
        return f"{path} is damaged or no database ({said}); move it away, and a new one is made"
    return f"{path} cannot be used: {said}; name another file: CITEWELL_HISTORY_FILE=…"


def _is_full(error: Exception) -> bool:
    return "full" in str(error) or "disk I/O" in str(error)
