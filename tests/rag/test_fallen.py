"""Inputs that fell when `make faults` fuzzed whatever reads them, kept here."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from core.errors import DataError
from rag import feedback
from rag.answer import Answer
from rag.database import EARLIER
from rag.exports import to_json, to_markdown
from rag.history import History, StoredTurn
from rag.owners import Owners
from rag.receipt import SCHEMA, read_receipt
from rag.shares import share, shared, shares

ONE = "0" * 32
COLUMNS = [
    *(("conversations", name) for name in ("title", "created", "updated")),
    *(("turns", name) for name in ("question", "said", "receipt", "error")),
    *(("feedback", name) for name in ("created", "reason", "better")),
    *(("shares", name) for name in ("created", "receipt")),
]


def test_half_a_character_in_a_receipt_is_refused() -> None:
    content = json.dumps({"schema": SCHEMA, "sha256": "0", "created": "\ud800"})
    with pytest.raises(DataError, match="is no receipt"):
        read_receipt(content)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / "history.sqlite"
    history, answer = History(path), Answer("what is gout", "gout", text="Gout is arthritis.")
    number = history.add(ONE, StoredTurn("what is gout"))
    history.finish(ONE, number, StoredTurn("what is gout", answer))
    feedback.give(path, answer, good=False, reason="wrong", better="Gout hurts.")
    share(path, EARLIER, ONE, answer)
    return path


@pytest.mark.parametrize("value", [None, 7, 0.5, b"\xff\x00"], ids=["nothing", "a number", "a fraction", "bytes"])
def test_a_cell_that_is_no_text_is_read_as_one(kept: Path, value: Any) -> None:
    (link,) = shares(kept, EARLIER)
    with sqlite3.connect(kept) as db:
        for table, column in COLUMNS:
            db.execute(f"update {table} set {column} = ?", [value])
    db.close()
    history = History(kept)
    (about,) = history.conversations()
    assert isinstance(about.title, str)
    assert isinstance(about.updated, str)
    (turn,) = history.turns(ONE)
    assert isinstance(turn.question, str)
    assert turn.answer is None
    assert json.loads(to_json(kept, ONE, EARLIER))["turns"]
    assert to_markdown(kept, ONE, EARLIER)
    assert all(isinstance(each.reason, str) for each in feedback.given(kept))
    assert shared(kept, link.token) is None
    assert json.dumps(Owners(kept).export(EARLIER))
    assert history.forget(1) == int(str(value or "") < "2")  # "" and "0.5" are earlier than any day
    assert history.delete(ONE) is not None or not history.conversations()


def test_deleting_a_conversation_without_words_spares_feedback_that_is_damaged(kept: Path) -> None:
    with sqlite3.connect(kept) as db:
        db.execute("update turns set question = null")
        db.execute("update feedback set receipt = 'no JSON'")
    db.close()
    assert History(kept).delete(ONE) is not None
    with sqlite3.connect(kept) as db:
        assert db.execute("select count(*) from feedback").fetchone() == (1,)
    db.close()
