"""A conversation as a file that its owner takes away: JSON with every receipt, or Markdown to read and print."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import HistoryError
from rag.answer import Answer
from rag.database import as_kept, database
from rag.history import Conversation, History, StoredTurn

SCHEMA = "citewell.conversation/1"
NAME = 50
"""Most characters of a title in a file's name."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-!<>~|$&])")
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?!\S)")
"""The beginning of a line that Markdown takes for an item of a list."""


def to_json(path: Path, conversation: str, owner: str) -> str:
    """A conversation as JSON: each turn with the receipt of its answer, as text where a damaged one is no JSON.

    Raises:
        HistoryError: the owner has no such conversation, or the database cannot be used.
    """
    with database(path, writes=False) as db:
        about = as_kept(db.table("conversations").rows_where("id = ? and owner = ?", [conversation, owner]))
        if not about:
            raise HistoryError("there is no such conversation here; it was deleted, or it is somebody else's")
        turns = as_kept(db.table("turns").rows_where("conversation = ?", [conversation], order_by="number"))
    return json.dumps(as_values(about[0], turns), ensure_ascii=False, indent=2) + "\n"


def as_values(about: dict[str, Any], turns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The values of a conversation's JSON, from its row and the rows of its turns."""
    shown = {name: value for name, value in about.items() if name != "owner"}
    rows = [
        {"question": turn["question"], "receipt": parsed(turn["receipt"]), "error": turn["error"]} for turn in turns
    ]
    return {"schema": SCHEMA, **shown, "turns": rows}


def to_markdown(path: Path, conversation: str, owner: str) -> str:
    """A conversation as Markdown: each question, its answer with the marks of its citations, and the cited passages.

    Raises:
        HistoryError: the owner has no such conversation, or the database cannot be used.
    """
    history = History(path, owner)
    about = history.find(conversation)
    if about is None:
        raise HistoryError("there is no such conversation here; it was deleted, or it is somebody else's")
    parts = [f"# {_plain(about.title)}\n\n{about.updated[:10]}\n"]
    parts += [_section(turn) for turn in history.turns(conversation)]
    parts.append("CiteWell repeats what its file says. It is information, no medical advice.\n")
    return "\n".join(parts)


def file_name(about: Conversation, ending: str) -> str:
    """A readable name of a conversation's file, such as `2026-11-28 what are the signs of gout.md`."""
    words = re.sub(r"[^\w\- ]+", " ", about.title)
    title = " ".join(words.split())[:NAME].rstrip() or "conversation"
    return f"{about.updated[:10]} {title}.{ending}"


def parsed(kept: str) -> Any:
    """A kept receipt as values, or as the text that it is where it is no JSON; None where there is none."""
    try:
        return json.loads(kept) if kept else None
    except (ValueError, RecursionError):
        return kept


def _section(turn: StoredTurn) -> str:
    parts = [f"## {_plain(turn.question)}\n"]
    if turn.answer is not None:
        parts += _answer(turn.answer)
    if turn.error:
        parts.append(f"*{_plain(turn.error)}*\n")
    return "\n".join(parts)


def _answer(answer: Answer) -> list[str]:
    parts = [f"**{_plain(answer.notice.text)}**\n"] if answer.notice else []
    parts += [f"*{_plain(note.text)}*\n" for note in answer.notes]
    said = [
        _plain(sentence.text) + "".join(f" [{citation.n}]" for citation in sentence.citations)
        for sentence in answer.sentences
    ]
    parts.append(" ".join(said or [_plain(answer.text)]) + "\n")
    cited = {citation.n for sentence in answer.sentences for citation in sentence.citations}
    for item in answer.evidence:
        if item.n in cited:
            origin = ", ".join(part for part in (item.source, item.url) if part)
            quoted = "\n".join(f"> {_plain(line)}" for line in item.text.splitlines())
            parts.append(f"[{item.n}] {_plain(item.question)}{f' ({_plain(origin)})' if origin else ''}\n\n{quoted}\n")
    return parts


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _NUMBERED.sub(r"\1\\\2", _MARKDOWN.sub(r"\\\1", " ".join(text.split())))
