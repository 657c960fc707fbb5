"""Conversations that stay: kept with all that their answers rest on, so that a reload shows the same citations."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from core.errors import DataError, HistoryError
from rag.answer import Answer
from rag.database import EARLIER, as_kept, database
from rag.receipt import read_receipt, receipt

TITLE = 60
"""Most characters of the first question that name a conversation."""
LONGEST_TITLE = 200
"""Most characters of a title that somebody types."""
PARTS = ("turns", "shares", "feedback")
"""The tables that hold something of a conversation, beside its own."""


@dataclass(frozen=True)
class Conversation:
    """An entry of the list of conversations."""

    id: str
    title: str
    updated: str
    """Time in UTC, ISO 8601."""


@dataclass(frozen=True)
class StoredTurn:
    """A question that was asked, with its answer or its error."""

    question: str
    answer: Answer | None = None
    error: str = ""


@dataclass(frozen=True)
class Deleted:
    """What was taken out of the database: table -> its rows. It stays in memory alone, so that it can be put back."""

    title: str
    rows: dict[str, list[dict[str, Any]]]


class History:
    """The conversations of one owner in a database; every method raises HistoryError as `rag.database.database` does.

    No method reads or changes what belongs to another owner: it is treated as if it were not there.
    """

    def __init__(self, path: Path, owner: str = EARLIER) -> None:
        self._path, self._owner = path, owner

    def add(self, conversation: str, turn: StoredTurn) -> int:
        """Keep a turn at the end of a conversation, and the conversation with its first one; returns its number.

        Raises:
            HistoryError: there is a conversation of that id, and it is somebody else's.
        """
        now = _now()
        with database(self._path) as db:
            row = {"id": conversation, "title": title_of(turn.question), "created": now, "updated": now}
            db.table("conversations").insert({**row, "owner": self._owner}, ignore=True)
            if not self._is_mine(db, conversation):
                raise HistoryError("this conversation is not yours, so nothing is kept in it; begin a new one")
            db.table("conversations").update(conversation, {"updated": now})
            last = "select coalesce(max(number), -1) from turns where conversation = ?"
            number = int(db.execute(last, [conversation]).fetchone()[0]) + 1
            db.table("turns").insert({"conversation": conversation, "number": number, **_row(turn)})
            return number

    def finish(self, conversation: str, number: int, turn: StoredTurn) -> None:
        """Keep what became of a turn that was added; nothing where the conversation was deleted meanwhile."""
        with database(self._path) as db:
            where = "conversation = ? and number = ? and question = ?"
            there = db.table("turns").count_where(where, [conversation, number, turn.question])
            if there and self._is_mine(db, conversation):
                db.table("turns").update((conversation, number), _row(turn))
                db.table("conversations").update(conversation, {"updated": _now()})

    def conversations(self, search: str = "") -> list[Conversation]:
        """Those in whose title, questions or answers all the words of `search` stand, the latest first."""
        words = [f"%{word}%" for word in search.replace("%", " ").replace("_", " ").split()]
        said = "(title || ' ' || coalesce((select group_concat(question || ' ' || said) from turns "
        said += "where conversation = conversations.id), ''))"
        where = " and ".join(["owner = ?", *[f"{said} like ?"] * len(words)])
        with database(self._path, writes=False) as db:
            found = db.table("conversations").rows_where(
                where, [self._owner, *words], order_by="updated desc, rowid desc"
            )
            return [Conversation(row["id"], row["title"], row["updated"]) for row in as_kept(found)]

    def find(self, conversation: str) -> Conversation | None:
        """The entry of a conversation; None if there is none of that id among the owner's."""
        with database(self._path, writes=False) as db:
            for row in as_kept(
                db.table("conversations").rows_where("id = ? and owner = ?", [conversation, self._owner])
            ):
                return Conversation(row["id"], row["title"], row["updated"])
        return None

    def turns(self, conversation: str) -> list[StoredTurn]:
        """A conversation's turns in order; none if it is not there.

        An answer that cannot be read (it was altered, or is of another version) is a turn with an error.
        """
        with database(self._path, writes=False) as db:
            mine = self._is_mine(db, conversation)
            rows = _of(db, "turns", conversation, "number") if mine else []
        return [_turn(row) for row in as_kept(rows)]

    def rename(self, conversation: str, title: str) -> None:
        """Give it another title; an empty one changes nothing."""
        with database(self._path, erases=True) as db:
            if title.strip() and self._is_mine(db, conversation):
                db.table("conversations").update(conversation, {"title": " ".join(title.split())[:LONGEST_TITLE]})

    def delete(self, conversation: str) -> Deleted | None:
        """Delete a conversation with its turns, its shared links, and the owner's feedback on its questions.

        Nothing of it stays in the file or in its write-ahead log.

        Returns:
            what was deleted, which `restore` puts back; None if it was not there.
        """
        with database(self._path, erases=True) as db:
            if not self._is_mine(db, conversation):
                return None
            about = list(db.table("conversations").rows_where("id = ?", [conversation]))
            asked = {row["question"] for row in as_kept(_of(db, "turns", conversation, "number"))}
            judged = [row for row in _rows(db, "feedback", "owner", self._owner) if _asks(str(row["receipt"]), asked)]
            rows = {
                "conversations": about,
                "turns": _of(db, "turns", conversation, "number"),
                "shares": _of(db, "shares", conversation, "rowid"),
                "feedback": judged,
            }
            for row in judged:
                db.table("feedback").delete_where("owner is ? and seal is ?", [row["owner"], row["seal"]])
            for table in ("turns", "shares"):
                db.table(table).delete_where("conversation = ?", [conversation])
            db.table("conversations").delete(conversation)
        return Deleted(as_kept(about)[0]["title"], rows)

    def restore(self, deleted: Deleted) -> None:
        """Put back what was deleted; what was kept under the same keys meanwhile stays."""
        with database(self._path) as db:
            for table in ("conversations", *PARTS):
                db.table(table).insert_all(deleted.rows[table], ignore=True)

    def forget(self, days: int) -> int:
        """Delete conversations that were not touched for so many days, and return how many."""
        before = _now(-timedelta(days=days))
        old = [each.id for each in self.conversations() if each.updated < before]
        return sum(self.delete(conversation) is not None for conversation in old)

    def _is_mine(self, db: Database, conversation: str) -> bool:
        return bool(db.table("conversations").count_where("id = ? and owner = ?", [conversation, self._owner]))


def title_of(question: str, most: int = TITLE) -> str:
    """A question's beginning, cut at the end of a word: the title of the conversation that it begins."""
    line = " ".join(question.split())
    if len(line) <= most:
        return line
    cut = line[: most - 1]
    return f"{cut.rpartition(' ')[0] or cut} …" if " " in cut else f"{cut}…"


def _asks(kept: str, questions: set[str]) -> bool:
    """Whether a kept receipt is of one of these questions; one that is damaged is searched for their words."""
    try:
        return json.loads(kept)["answer"]["question"] in questions
    except (ValueError, KeyError, TypeError, RecursionError):
        return any(question and json.dumps(question, ensure_ascii=False)[1:-1] in kept for question in questions)


def _rows(db: Database, table: str, column: str, value: str, order: str = "rowid") -> list[dict[str, Any]]:
    return list(db.table(table).rows_where(f"{column} = ?", [value], order_by=order))


def _of(db: Database, table: str, conversation: str, order: str) -> list[dict[str, Any]]:
    return _rows(db, table, "conversation", conversation, order)


def _turn(row: dict[str, str]) -> StoredTurn:
    if not row["receipt"]:
        return StoredTurn(row["question"], error=row["error"])
    try:
        answer = read_receipt(row["receipt"], "the answer kept here").answer
        return StoredTurn(row["question"], answer, row["error"])
    except DataError as error:
        return StoredTurn(row["question"], error=str(error))


def _row(turn: StoredTurn) -> dict[str, str]:
    return {
        "question": turn.question,
        "said": turn.answer.text if turn.answer is not None else "",
        "receipt": receipt(turn.answer).to_json() if turn.answer is not None else "",
        "error": turn.error,
    }


def _now(later: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) + later).isoformat(timespec="seconds")
