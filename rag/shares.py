"""Answers that their owners share by a link: one answer with its evidence, until the link is withdrawn."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.errors import DataError
from rag.answer import Answer
from rag.database import as_kept, database
from rag.receipt import Receipt, read_receipt, receipt, sealed_receipt

BYTES = 24
"""Random bytes of a link's token: it cannot be guessed."""


@dataclass(frozen=True)
class Share:
    """A link to one answer."""

    token: str
    created: str
    """Time in UTC, ISO 8601."""
    question: str
    """What was asked; empty where the answer cannot be read."""


def share(path: Path, owner: str, conversation: str, answer: Answer) -> Share:
    """Share an answer by a new link, or return the link by which the owner shares it already.

    Raises:
        HistoryError: see `rag.database.database`.
    """
    seal = sealed_receipt(answer, "").sha256  # of the answer alone: the same one has one link
    row = {
        "token": secrets.token_urlsafe(BYTES),
        "owner": owner,
        "conversation": conversation,
        "seal": seal,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "receipt": receipt(answer).to_json(),
    }
    with database(path) as db:
        there = as_kept(db.table("shares").rows_where("owner = ? and seal = ?", [owner, seal]))
        if not there:
            db.table("shares").insert(row)
    return _share((there or [row])[0])


def shares(path: Path, owner: str) -> list[Share]:
    """The links of an owner, the newest first. Raises as `share` does."""
    with database(path, writes=False) as db:
        rows = db.table("shares").rows_where("owner = ?", [owner], order_by="created desc, rowid desc")
        return [_share(row) for row in as_kept(rows)]


def withdraw(path: Path, owner: str, token: str) -> None:
    """Make a link of the owner's lead nowhere, and delete what it showed. Raises as `share` does."""
    with database(path, erases=True) as db:
        db.table("shares").delete_where("token = ? and owner = ?", [token, owner])


def shared(path: Path, token: str) -> Receipt | None:
    """What a link shows; None where it was withdrawn, never was, or cannot be read. Raises as `share` does."""
    with database(path, writes=False) as db:
        rows = as_kept(db.table("shares").rows_where("token = ?", [token]))
    return _read(rows[0]["receipt"]) if rows else None


def _share(row: dict[str, str]) -> Share:
    made = _read(row["receipt"])
    return Share(row["token"], row["created"], made.answer.question if made else "")


def _read(kept: str) -> Receipt | None:
    try:
        return read_receipt(kept)
    except DataError:
        return None
