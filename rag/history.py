"""Conversations that stay: kept with all that their answers rest on, so that a reload shows the same citations."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from core.errors import DataError
from rag.answer import Answer
from rag.database import database
from rag.receipt import read_receipt, receipt

TITLE = 60
"""Characters of the first question that name a conversation."""


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


class History:
    """The conversations of one database; every method raises HistoryError as `rag.database.database` does."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, conversation: str, turn: StoredTurn) -> int:
        """Keep a turn at the end of a conversation, and the conversation with its first one; returns its number."""
        now = _now()
        with database(self._path) as db:
            row = {"id": conversation, "title": turn.question[:TITLE], "created": now, "updated": now}
            db.table("conversations").insert(row, ignore=True)
            db.table("conversations").update(conversation, {"updated": now})
            last = "select coalesce(max(number), -1) from turns where conversation = ?"
            number = int(db.execute(last, [conversation]).fetchone()[0]) + 1
            db.table("turns").insert({"conversation": conversation, "number": number, **_row(turn)})
            return number

    def finish(self, conversation: str, number: int, turn: StoredTurn) -> None:
        """Keep what became of a turn that was added; nothing where the conversation was deleted meanwhile."""
        with database(self._path) as db:
            where = "conversation = ? and number = ? and question = ?"
            if db.table("turns").count_where(where, [conversation, number, turn.question]):
                db.table("turns").update((conversation, number), _row(turn))
                db.table("conversations").update(conversation, {"updated": _now()})

    def conversations(self, search: str = "") -> list[Conversation]:
        """Those in whose title, questions or answers all the words of `search` stand, the latest first."""
        words = [f"%{word}%" for word in search.replace("%", " ").replace("_", " ").split()]
        said = "(title || ' ' || coalesce((select group_concat(question || ' ' || said) from turns "
        said += "where conversation = conversations.id), ''))"
        where = " and ".join([f"{said} like ?"] * len(words)) or None
        with database(self._path, writes=False) as db:
            rows = db.table("conversations").rows_where(where, words, order_by="updated desc, rowid desc")
            return [Conversation(row["id"], row["title"], row["updated"]) for row in rows]

    def turns(self, conversation: str) -> list[StoredTurn]:
        """A conversation's turns in order; none if it is not there.

        An answer that cannot be read (it was altered, or is of another version) is a turn with an error.
        """
        with database(self._path, writes=False) as db:
            rows = list(db.table("turns").rows_where("conversation = ?", [conversation], order_by="number"))
        return [self._turn(row) for row in rows]

    def _turn(self, row: dict[str, str]) -> StoredTurn:
        if not row["receipt"]:
            return StoredTurn(row["question"], error=row["error"])
        try:
            return StoredTurn(
                row["question"], read_receipt(row["receipt"], "the answer kept here").answer, row["error"]
            )
        except DataError as error:
            return StoredTurn(row["question"], error=str(error))

    def rename(self, conversation: str, title: str) -> None:
        """Give it another title; an empty one changes nothing."""
        with database(self._path) as db:
            if title.strip():
                db.table("conversations").update(conversation, {"title": title.strip()[:200]})

    def delete(self, conversation: str) -> None:
        """Delete a conversation and its turns."""
        with database(self._path) as db:
            db.table("turns").delete_where("conversation = ?", [conversation])
            db.table("conversations").delete_where("id = ?", [conversation])

    def forget(self, days: int) -> int:
        """Delete conversations that were not touched for so many days, and return how many."""
        before = _now(-timedelta(days=days))
        old = [each.id for each in self.conversations() if each.updated < before]
        for conversation in old:
            self.delete(conversation)
        return len(old)

    def export(self, conversation: str) -> str:
        """A conversation as JSON: each turn with the receipt of its answer, as text where a damaged one is no JSON."""
        with database(self._path, writes=False) as db:
            about = db.table("conversations").get(conversation)
            turns = list(db.table("turns").rows_where("conversation = ?", [conversation], order_by="number"))
        return json.dumps(
            {
                "schema": "citewell.conversation/1",
                **about,
                "turns": [
                    {
                        "question": turn["question"],
                        "receipt": _parsed(turn["receipt"]),
                        "error": turn["error"],
                    }
                    for turn in turns
                ],
            },
            ensure_ascii=False,
            indent=2,
        )


def _row(turn: StoredTurn) -> dict[str, str]:
    return {
        "question": turn.question,
        "said": turn.answer.text if turn.answer is not None else "",
        "receipt": receipt(turn.answer).to_json() if turn.answer is not None else "",
        "error": turn.error,
    }


def _parsed(kept: str) -> Any:
    try:
        return json.loads(kept) if kept else None
    except ValueError:
        return kept


def _now(later: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) + later).isoformat(timespec="seconds")
