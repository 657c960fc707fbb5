"""Conversations that stay, and what happens to the database."""

import json
import sqlite3
from pathlib import Path

import pytest

from core.errors import DataError, HistoryError
from rag import database as module
from rag.answer import Answer
from rag.answerer import Answerer, answer_chain
from rag.database import database
from rag.history import History, Kept
from rag.search.retriever import IndexRetriever
from tests.conftest import queue_llm
from tests.rag.test_answerer import GOOD, QUESTION


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "history.sqlite"


@pytest.fixture
def history(file: Path) -> History:
    return History(file)


@pytest.fixture
def answer(retriever: IndexRetriever) -> Answer:
    return answer_chain(Answerer(retriever, queue_llm(GOOD))).invoke(QUESTION)


def test_a_conversation_comes_back_with_the_same_citations(history: History, answer: Answer) -> None:
    history.save("one", 0, Kept(QUESTION))
    history.save("one", 0, Kept(QUESTION, answer))
    history.save("one", 1, Kept("and then?", error="The engine is away."))
    assert history.turns("one") == [Kept(QUESTION, answer), Kept("and then?", error="The engine is away.")]
    assert history.turns("none") == []


def test_conversations_are_searched_renamed_exported_and_deleted(history: History, answer: Answer) -> None:
    history.save("one", 0, Kept(QUESTION, answer))
    history.save("two", 0, Kept("how long does gout last? 100% sure"))
    assert [each.id for each in history.conversations()] == ["two", "one"]
    assert [each.id for each in history.conversations("contagious VACCINE")] == ["one"]
    assert [each.id for each in history.conversations("100%")] == ["two"]
    assert history.conversations("' or 1=1 --") == []
    history.rename("two", "  about gout ")
    history.rename("one", " ")
    assert [each.title for each in history.conversations()] == ["about gout", QUESTION]
    exported = json.loads(history.export("one"))
    assert exported["turns"][0]["receipt"]["answer"]["text"] == answer.text
    history.delete("one")
    assert [each.id for each in history.conversations()] == ["two"]
    assert history.turns("one") == []


def test_what_is_older_than_the_days_to_keep_is_forgotten(
    history: History, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.history._now", lambda *_: "2026-01-01T00:00:00+00:00")
    history.save("old", 0, Kept("old?"))
    monkeypatch.undo()
    history.save("new", 0, Kept("new?"))
    assert history.forget(30) == 1
    assert [each.id for each in history.conversations()] == ["new"]


def test_an_answer_altered_in_the_database_is_not_shown(history: History, file: Path, answer: Answer) -> None:
    history.save("one", 0, Kept(QUESTION, answer))
    with database(file) as db:
        db.execute("update turns set receipt = replace(receipt, '97 percent', '79 percent')")
    with pytest.raises(DataError, match="was altered"):
        history.turns("one")


def test_a_database_deleted_while_in_use_is_made_again(history: History, file: Path) -> None:
    history.save("one", 0, Kept("one?"))
    for part in file.parent.iterdir():
        part.unlink()
    assert history.conversations() == []
    history.save("one", 1, Kept("two?"))
    assert [turn.question for turn in history.turns("one")] == ["two?"]


def test_one_that_another_process_holds_is_told(history: History, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history.save("one", 0, Kept("one?"))
    monkeypatch.setattr(module, "WAIT_S", 0.1)
    other = sqlite3.connect(file)
    other.execute("begin immediate")
    with pytest.raises(HistoryError, match="locked by another process.*try again"):
        history.save("one", 1, Kept("two?"))
    other.rollback()
    other.close()
    history.save("one", 1, Kept("two?"))
    assert len(history.turns("one")) == 2


def test_one_from_a_newer_version_is_left_as_it_is(history: History, file: Path) -> None:
    history.save("one", 0, Kept("one?"))
    with database(file) as db:
        row = {"migration_set": "citewell", "name": "holograms", "applied_at": "2030-01-01"}
        db.table("_sqlite_migrations").insert(row)
    with pytest.raises(HistoryError, match="newer CiteWell.*holograms.*CITEWELL_HISTORY_FILE"):
        history.conversations()


def test_what_is_no_database_is_told(history: History, file: Path) -> None:
    file.parent.mkdir()
    file.write_text("question,answer\n" * 500)
    with pytest.raises(HistoryError, match="damaged or no database.*move it away"):
        history.conversations()


def test_a_full_disk_keeps_what_was_there(history: History, file: Path, answer: Answer) -> None:
    history.save("one", 0, Kept("one?"))
    with pytest.raises(HistoryError, match="the disk is full"):
        _fill(file)
    assert [each.id for each in history.conversations()] == ["one"]


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="cannot open.*CITEWELL_HISTORY_FILE"):
        History(tmp_path).conversations()


def _fill(file: Path) -> None:
    """Write more than the database may hold."""
    with database(file) as db:
        (pages,) = db.execute("pragma page_count").fetchone()
        db.execute(f"pragma max_page_count = {pages}")
        for number in range(200):
            db.table("conversations").insert({"id": str(number), "title": "x" * 500, "created": "", "updated": ""})
