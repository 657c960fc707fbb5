"""Conversations that stay: kept with all that their answers rest on, so that a reload shows the same citations."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
class Kept:
    """A question that was asked, with its answer or its error."""

    question: str
    answer: Answer | None = None
    error: str = ""


class History:
    """The conversations of one database; every method raises HistoryError as `rag.database.database` does."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(self, conversation: str, number: int, turn: Kept) -> None:
        """Keep a turn, the first of a conversation with it; one that is there is replaced."""
        now = _now()
        with database(self._path) as db:
            row = {"id": conversation, "title": turn.question[:TITLE], "created": now, "updated": now}
            db.table("conversations").insert(row, ignore=True)
            db.table("conversations").update(conversation, {"updated": now})
            kept = receipt(turn.answer).to_json() if turn.answer is not None else ""
            db.table("turns").insert(
                {
                    "conversation": conversation,
                    "number": number,
                    "question": turn.question,
                    "said": turn.answer.text if turn.answer is not None else "",
                    "receipt": kept,
                    "error": turn.error,
                },
                replace=True,
            )

    def conversations(self, search: str = "") -> list[Conversation]:
        """Those in whose title, questions or answers all the words of `search` stand, the latest first."""
        words = [f"%{word}%" for word in search.replace("%", " ").replace("_", " ").split()]
        said = "(title || ' ' || coalesce((select group_concat(question || ' ' || said) from turns "
        said += "where conversation = conversations.id), ''))"
        where = " and ".join([f"{said} like ?"] * len(words)) or None
        with database(self._path) as db:
            rows = db.table("conversations").rows_where(where, words, order_by="updated desc, rowid desc")
            return [Conversation(row["id"], row["title"], row["updated"]) for row in rows]

    def turns(self, conversation: str) -> list[Kept]:
        """A conversation's turns in order; none if it is not there.

        Raises:
            DataError: a kept answer was altered, or is of another version.
        """
        with database(self._path) as db:
            rows = list(db.table("turns").rows_where("conversation = ?", [conversation], order_by="number"))
        return [
            Kept(
                row["question"],
                read_receipt(row["receipt"], f"an answer kept in {self._path}").answer if row["receipt"] else None,
                row["error"],
            )
            for row in rows
        ]

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
        """A conversation as JSON: each turn with the receipt of its answer."""
        with database(self._path) as db:
            about = db.table("conversations").get(conversation)
            turns = list(db.table("turns").rows_where("conversation = ?", [conversation], order_by="number"))
        return json.dumps(
            {
                "schema": "citewell.conversation/1",
                **about,
                "turns": [
                    {
                        "question": turn["question"],
                        "receipt": json.loads(turn["receipt"]) if turn["receipt"] else None,
                        "error": turn["error"],
                    }
                    for turn in turns
                ],
            },
            ensure_ascii=False,
            indent=2,
        )


def _now(later: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) + later).isoformat(timespec="seconds")
