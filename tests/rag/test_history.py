"""Conversations that stay, and what happens to the database."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import HistoryError
from rag import database as module
from rag.answer import Answer
from rag.answerer import Answerer, answer_chain
from rag.database import database
from rag.history import History, StoredTurn
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
    assert history.add("one", StoredTurn(QUESTION)) == 0
    history.finish("one", 0, StoredTurn(QUESTION, answer))
    assert history.add("one", StoredTurn("and then?", error="The engine is away.")) == 1
    assert history.turns("one") == [StoredTurn(QUESTION, answer), StoredTurn("and then?", error="The engine is away.")]
    assert history.turns("none") == []


def test_conversations_are_searched_renamed_exported_and_deleted(history: History, answer: Answer) -> None:
    history.add("one", StoredTurn(QUESTION, answer))
    history.add("two", StoredTurn("how long does gout last? 100% sure"))
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
    history.add("old", StoredTurn("old?"))
    monkeypatch.undo()
    history.add("new", StoredTurn("new?"))
    assert history.forget(30) == 1
    assert [each.id for each in history.conversations()] == ["new"]


def test_an_answer_altered_in_the_database_is_not_shown(history: History, file: Path, answer: Answer) -> None:
    history.add("one", StoredTurn(QUESTION, answer))
    with database(file) as db:
        db.execute("update turns set receipt = replace(receipt, '97 percent', '79 percent')")
    history.add("one", StoredTurn("and then?"))
    altered, after = history.turns("one")
    assert altered.question == QUESTION
    assert altered.answer is None
    assert "was altered" in altered.error
    assert after == StoredTurn("and then?")  # what can be read is


def test_one_whose_answer_is_no_json_is_exported_as_it_is(history: History, file: Path, answer: Answer) -> None:
    history.add("one", StoredTurn(QUESTION, answer))
    with database(file) as db:
        db.execute("update turns set receipt = 'torn {'")
    assert json.loads(history.export("one"))["turns"][0]["receipt"] == "torn {"
    assert "is no receipt" in history.turns("one")[0].error


def test_two_tabs_of_one_conversation_keep_each_others_turns(history: History, answer: Answer) -> None:
    """Each tab counts what it has seen; the database counts what there is."""
    history.add("one", StoredTurn("what is gout"))
    first, second = (
        history.add("one", StoredTurn("A asks about measles")),
        history.add("one", StoredTurn("B asks about acne")),
    )
    history.finish("one", first, StoredTurn("A asks about measles", answer))
    history.finish("one", second, StoredTurn("B asks about acne", error="The engine is away."))
    assert history.turns("one") == [
        StoredTurn("what is gout"),
        StoredTurn("A asks about measles", answer),
        StoredTurn("B asks about acne", error="The engine is away."),
    ]


def test_a_turn_is_kept_after_the_last_one_and_never_over_another(history: History, file: Path) -> None:
    for question in ("one?", "two?", "three?"):
        history.add("one", StoredTurn(question))
    with database(file) as db:
        db.table("turns").delete(("one", 1))
    assert history.add("one", StoredTurn("four?")) == 3
    history.finish("one", 2, StoredTurn("another question", error="lost"))
    assert [turn.question for turn in history.turns("one")] == ["one?", "three?", "four?"]


def test_what_was_deleted_while_it_was_answered_stays_deleted(history: History, answer: Answer) -> None:
    number = history.add("one", StoredTurn(QUESTION))
    history.delete("one")
    history.finish("one", number, StoredTurn(QUESTION, answer))
    assert history.conversations() == []
    assert history.turns("one") == []


def test_many_writers_lose_no_turn(file: Path) -> None:
    """Each opens the database for itself, a new one among them, as the threads of the page do."""
    with ThreadPoolExecutor(16) as pool:
        kept = [pool.submit(History(file).add, f"c{n % 4}", StoredTurn(f"question {n}")) for n in range(320)]
        assert all(each.result() >= 0 for each in kept)
    turns = [turn.question for n in range(4) for turn in History(file).turns(f"c{n}")]
    assert sorted(turns) == sorted(f"question {n}" for n in range(320))


def test_a_database_deleted_while_in_use_is_made_again(history: History, file: Path) -> None:
    history.add("one", StoredTurn("one?"))
    for part in file.parent.iterdir():
        part.unlink()
    assert history.conversations() == []
    history.add("one", StoredTurn("two?"))
    assert [turn.question for turn in history.turns("one")] == ["two?"]


def test_one_that_another_process_holds_is_told(history: History, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history.add("one", StoredTurn("one?"))
    monkeypatch.setattr(module, "WAIT_S", 0.1)
    other = sqlite3.connect(file)
    other.execute("begin immediate")
    with pytest.raises(HistoryError, match="locked by another process.*try again"):
        history.add("one", StoredTurn("two?"))
    other.rollback()
    other.close()
    history.add("one", StoredTurn("two?"))
    assert len(history.turns("one")) == 2


def test_one_from_a_newer_version_is_left_as_it_is(history: History, file: Path) -> None:
    history.add("one", StoredTurn("one?"))
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
    history.add("one", StoredTurn("one?"))
    with pytest.raises(HistoryError, match="is full"):
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
