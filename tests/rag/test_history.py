"""Conversations that stay, and what happens to the database."""

import json
import os
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.errors import HistoryError
from rag import database as module
from rag.answer import Answer
from rag.answerer import Answerer, answer_chain
from rag.database import EARLIER, database
from rag.exports import file_name, to_json, to_markdown
from rag.feedback import give, given
from rag.history import TITLE, History, StoredTurn, title_of
from rag.owners import Owners
from rag.receipt import receipt, sealed_receipt
from rag.search.retriever import IndexRetriever
from rag.shares import share, shares
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


def test_conversations_are_searched_renamed_exported_and_deleted(history: History, file: Path, answer: Answer) -> None:
    history.add("one", StoredTurn(QUESTION, answer))
    history.add("two", StoredTurn("how long does gout last? 100% sure"))
    assert [each.id for each in history.conversations()] == ["two", "one"]
    assert [each.id for each in history.conversations("contagious VACCINE")] == ["one"]
    assert [each.id for each in history.conversations("100%")] == ["two"]
    assert history.conversations("' or 1=1 --") == []
    history.rename("two", "  about gout ")
    history.rename("one", " ")
    assert [each.title for each in history.conversations()] == ["about gout", QUESTION]
    exported = json.loads(to_json(file, "one", EARLIER))
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
    assert json.loads(to_json(file, "one", EARLIER))["turns"][0]["receipt"] == "torn {"
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


def test_turns_that_an_index_lost_are_not_passed_over_in_silence(history: History, file: Path, answer: Answer) -> None:
    """A flipped bit in an index hides rows of its table; SQLite gives fewer rows, and no error."""
    for number in range(3):
        history.add("a", StoredTurn(f"question {number}", answer))
    with closing(sqlite3.connect(file)) as damaged:
        damaged.execute("pragma writable_schema = on")
        root = damaged.execute("select rootpage from sqlite_master where type = 'index' and tbl_name = 'turns'")
        page, size = root.fetchone()[0], damaged.execute("pragma page_size").fetchone()[0]
        damaged.execute("pragma wal_checkpoint(truncate)")
    content = bytearray(file.read_bytes())
    content[page * size - 10] ^= 0x40  # in the last key of the index
    file.write_bytes(content)
    module._checked.clear()
    with pytest.raises(HistoryError, match=r"is damaged \(.*\); put a copy in its place, or take out what can be read"):
        history.turns("a")


def test_a_name_that_is_no_text_any_more_is_told(history: History, file: Path, answer: Answer) -> None:
    history.add("a", StoredTurn("question", answer))
    with closing(sqlite3.connect(file)) as open_:
        open_.execute("pragma wal_checkpoint(truncate)")
    content = file.read_bytes()
    file.write_bytes(
        content.replace(b"CREATE TABLE [shares]", b"CREATE TABLE [sha\xf4es]").replace(
            b'CREATE TABLE "shares"', b'CREATE TABLE "sha\xf4es"'
        )
    )
    assert file.read_bytes() != content
    module._checked.clear()
    with pytest.raises(HistoryError, match="is damaged"):
        history.turns("a")


def test_a_full_disk_keeps_what_was_there(history: History, file: Path, answer: Answer) -> None:
    history.add("one", StoredTurn("one?"))
    with pytest.raises(HistoryError, match="is full"):
        _fill(file)
    assert [each.id for each in history.conversations()] == ["one"]


def test_a_disk_without_room_for_the_index_of_the_log_still_shows_what_was_kept(
    history: History, file: Path, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read a database with a write-ahead log, SQLite writes 32 KiB beside it."""
    history.add("a", StoredTurn("question", answer))

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(module, "_prepare", full)
    assert [turn.question for turn in history.turns("a")] == ["question"]
    with pytest.raises(HistoryError, match="is full or fails"):
        history.add("a", StoredTurn("another", answer))


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="cannot open.*CITEWELL_HISTORY_FILE"):
        History(tmp_path).conversations()


def test_no_owner_sees_or_changes_what_belongs_to_another(file: Path, answer: Answer) -> None:
    ana, ben = History(file, "ana"), History(file, "ben")
    number = ana.add("one", StoredTurn(QUESTION))
    assert ben.conversations() == []
    assert ben.find("one") is None
    assert ben.turns("one") == []
    ben.rename("one", "taken")
    assert ben.delete("one") is None
    ben.finish("one", number, StoredTurn(QUESTION, answer))
    with pytest.raises(HistoryError, match="not yours.*begin a new one"):
        ben.add("one", StoredTurn("and mine?"))
    for export in (to_json, to_markdown):
        with pytest.raises(HistoryError, match="no such conversation"):
            export(file, "one", "ben")
    assert ana.turns("one") == [StoredTurn(QUESTION)]
    assert ana.conversations()[0].title == QUESTION


def test_a_deleted_conversation_is_in_no_byte_of_any_file_and_can_be_put_back(file: Path, answer: Answer) -> None:
    """Also while another process has the database open, so that its log stays; feedback and links go with it."""
    secret = "I think I have quokkapox after a one night stand"
    asked = replace(answer, question=secret)
    history = History(file, "ana")
    history.add("other", StoredTurn(QUESTION, answer))
    history.add("one", StoredTurn(secret, asked))
    history.rename("one", "quokkapox again")
    give(file, asked, good=False, reason="wrong", better="quokkapox is no disease", owner="ana")
    give(file, answer, good=True, owner="ana")
    share(file, "ana", "one", asked)
    other = sqlite3.connect(file)
    assert other.execute("select count(*) from turns").fetchone() == (2,)
    assert "quokkapox" in _bytes(file)
    deleted = history.delete("one")
    assert "quokkapox" not in _bytes(file)
    other.close()
    assert [each.receipt.answer.question for each in given(file)] == [QUESTION]
    assert shares(file, "ana") == []
    assert deleted is not None
    history.restore(deleted)
    assert history.turns("one") == [StoredTurn(secret, asked)]
    assert [each.id for each in history.conversations("quokkapox again")] == ["one"]
    assert len(given(file)) == 2
    Owners(file).erase("ana")
    assert "quokkapox" not in _bytes(file)
    assert QUESTION not in _bytes(file)


def _bytes(file: Path) -> str:
    """The bytes of everything beside the database, as text."""
    return "".join(path.read_bytes().decode("latin-1") for path in file.parent.rglob("*") if path.is_file())


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_nobody_else_can_read_the_file_under_any_umask(history: History, file: Path) -> None:
    file.parent.mkdir()
    before = os.umask(0)
    try:
        history.add("one", StoredTurn("one?"))
        other = sqlite3.connect(file)
        other.execute("select * from turns").fetchall()
        history.add("one", StoredTurn("two?"))
        assert {path.stat().st_mode & 0o777 for path in file.parent.iterdir()} == {0o600}
        other.close()
        file.chmod(0o644)  # as versions before left it
        history.conversations()
        assert file.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


def test_a_file_from_before_owners_loses_nothing_and_is_handed_over(file: Path, answer: Answer) -> None:
    file.parent.mkdir()
    db = Database(sqlite3.connect(file))
    for migration in module.migrations._migrations[:3]:
        migration.fn(db)
    now = "2026-11-01T00:00:00+00:00"
    db.table("conversations").insert({"id": "one", "title": "old", "created": now, "updated": now})
    db.table("turns").insert(
        {"conversation": "one", "number": 0, "question": QUESTION, "said": "", "receipt": "", "error": ""}
    )
    db.table("feedback").insert(
        {
            "seal": sealed_receipt(answer, "").sha256,
            "created": now,
            "good": 1,
            "reason": "",
            "better": "",
            "receipt": receipt(answer).to_json(),
        }
    )
    db.conn.execute("create table _sqlite_migrations (migration_set text, name text, applied_at text)")
    for migration in module.migrations._migrations[:3]:
        row = {"migration_set": "citewell", "name": migration.name, "applied_at": now}
        db.table("_sqlite_migrations").insert(row)
    db.conn.commit()
    db.conn.close()
    assert [each.id for each in History(file).conversations()] == ["one"]  # of nobody, until they are handed over
    assert History(file, "ana").conversations() == []
    assert Owners(file).move(EARLIER, "ana") == 1
    assert History(file, "ana").turns("one") == [StoredTurn(QUESTION)]
    assert History(file).conversations() == []
    give(file, answer, good=False, reason="wrong", owner="ana")  # the key of before is this one's
    assert [each.good for each in given(file)] == [False]


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("what is gout", "what is gout"),
        ("  what\n is   gout ", "what is gout"),
        (
            "I think I have HIV after a one night stand, what are the first signs of it?",
            "I think I have HIV after a one night stand, what are the …",
        ),
        ("x" * 80, "x" * (TITLE - 1) + "…"),
    ],
)
def test_a_title_ends_with_a_word(question: str, title: str) -> None:
    assert title_of(question) == title
    assert len(title) <= TITLE + 1


def test_markdown_shows_every_answer_with_its_cited_passages_and_no_markup_of_theirs(
    file: Path, answer: Answer
) -> None:
    history = History(file, "ana")
    history.add("one", StoredTurn("what about <b>measles</b> [x](http://127.0.0.1:9)?", answer))
    history.add("one", StoredTurn("and then?", error="The engine is away."))
    text = to_markdown(file, "one", "ana")
    assert r"\<b\>measles\</b\> \[x\]\(http" in text
    assert "The engine is away." in text
    cited = {citation.n for sentence in answer.sentences for citation in sentence.citations}
    for number in cited:
        assert f"\n[{number}] " in text
    about = history.find("one")
    assert about is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\d what about b measles b x http 127 0 0 1 9\.md", file_name(about, "md"))


def _fill(file: Path) -> None:
    """Write more than the database may hold."""
    with database(file) as db:
        (pages,) = db.execute("pragma page_count").fetchone()
        db.execute(f"pragma max_page_count = {pages}")
        for number in range(200):
            db.table("conversations").insert({"id": str(number), "title": "x" * 500, "created": "", "updated": ""})
