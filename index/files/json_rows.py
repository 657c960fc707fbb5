"""JSON and JSON Lines -> a sheet: objects of questions and answers, prompts and completions, or chats."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from core.errors import DataError
from core.files import jsonl_lines
from index.files.sheet import Row, Sheet

CHATS = ("messages", "conversations", "conversation")
"""Keys of a list of turns, of which the first question and the first answer are used."""
ASKS, ANSWERS = ("user", "human", "prompter"), ("assistant", "gpt", "bot")
CHAT_COLUMNS = ("question", "answer")
NO_OBJECT = "no JSON object"


def read_json(text: str, name: str) -> Sheet:
    """Read an array of objects, an object that holds one, or JSON Lines.

    Raises:
        DataError: it is neither.
    """
    stripped = text.lstrip()
    if stripped.startswith("["):
        return _sheet("JSON", enumerate(_array(text, name), start=1))
    lines = [(number, line) for number, line in enumerate(jsonl_lines(text), start=1) if line.strip()]
    values = [(number, _parsed(line)) for number, line in lines]
    if len(lines) > 1 and values[0][1] is None:  # one object over many lines
        return _sheet("JSON", enumerate(_held(text, name), start=1))
    if len(lines) == 1 and isinstance(values[0][1], dict) and (rows := _inner(values[0][1])):
        return _sheet("JSON", enumerate(rows, start=1))
    return _sheet("JSON Lines", values)


def _array(text: str, name: str) -> list[Any]:
    try:
        return list(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} is damaged JSON ({error}); export it again") from error


def _held(text: str, name: str) -> list[Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} is neither JSON nor JSON Lines ({error}); export it again") from error
    return (_inner(value) or [value]) if isinstance(value, dict) else [value]


def _inner(value: dict[str, Any]) -> list[Any]:
    """The list of objects that an object holds: "data", "rows", whatever its key."""
    lists = [each for key, each in value.items() if key not in CHATS and _is_rows(each)]
    return lists[0] if len(lists) == 1 else []


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _sheet(kind: str, values: Iterable[tuple[int, Any]]) -> Sheet:
    numbered = [(number, _flat(value) if isinstance(value, dict) else None) for number, value in values]
    columns = tuple(dict.fromkeys(key for _, cells in numbered if cells for key in cells))
    rows = tuple(
        Row(number, tuple(cells.get(column, "") for column in columns))
        if cells is not None
        else Row(number, ("",) * len(columns), NO_OBJECT)
        for number, cells in numbered
    )
    return Sheet(kind, columns, rows)


def _flat(value: dict[str, Any]) -> dict[str, str]:
    chat = next((value[key] for key in CHATS if _is_rows(value.get(key))), None)
    cells = {key: _text(each) for key, each in value.items() if key not in CHATS or not _is_rows(each)}
    return {**dict(zip(CHAT_COLUMNS, _first_pair(chat), strict=True)), **cells} if chat else cells


def _first_pair(turns: Sequence[dict[str, Any]]) -> tuple[str, str]:
    question = ""
    for turn in turns:
        who = str(turn.get("role", turn.get("from", ""))).lower()
        said = _text(turn.get("content", turn.get("value")))
        if who in ASKS:
            question = question or said
        elif who in ANSWERS and question:
            return question, said
    return question, ""


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "\n".join(f"- {_text(each)}" for each in value) if len(value) != 1 else _text(value[0])
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
