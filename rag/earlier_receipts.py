"""Receipts of earlier versions of the format, read as those of today.

Version 1 kept notes as sentences alone, evidence as a hit whose text was cut to what the model was shown, and of a
dropped hit neither text nor record.
"""

from collections.abc import Callable, Mapping
from typing import Any

from rag.answer import NoteKind

NOTES_OF_1: Mapping[str, NoteKind] = {
    "understood as: ": "follow-up",
    "the message is long; ": "condensed",
    "searched for ": "corrected",
    "the vectors of this file are still being made; ": "by-words",
    "the model found no answer in these passages; quoted ": "quoted",
    "most of what the model wrote is not in these passages; quoted ": "quoted",
    "a sentence was added that limits the one before it ": "caveat",
    "the passages answer only a part of this question": "partly",
}
"""How a note began, and its kind. These are texts of the past: they stay as they are where those of today change."""


def from_1(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a receipt of version 1 in the form of version 2; its schema and its seal stay its own.

    Raises:
        KeyError, TypeError, AttributeError: the values are not of version 1.
    """
    answer = values["answer"]
    upgraded = {
        **answer,
        "notes": [_note(text) for text in answer["notes"]],
        "evidence": [_evidence(item) for item in answer["evidence"]],
        "dropped": [_dropped(item) for item in answer["dropped"]],
    }
    return {**values, "answer": upgraded}


UPGRADES: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {"citewell.receipt/1": from_1}
"""Version -> how its values become those of today."""


def _note(text: str) -> dict[str, Any]:
    kinds = (kind for begin, kind in NOTES_OF_1.items() if text.startswith(begin))
    return {"kind": next(kinds, "other"), "text": text}


def _evidence(item: Mapping[str, Any]) -> dict[str, Any]:
    hit = {name: value for name, value in item.items() if name != "n"}
    return {"hit": hit, "n": item["n"], "text": item["text"], "start": item["start"]}


def _dropped(item: Mapping[str, Any]) -> dict[str, Any]:
    hit = {name: value for name, value in item.items() if name != "reason"}
    return {"hit": {**hit, "record_id": "", "text": ""}, "reason": item["reason"]}
