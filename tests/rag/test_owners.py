"""Everything about one owner by command, the audit log, and links to one answer."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import DataError
from core.settings import AuditSettings, HistorySettings, Settings
from rag import access_log, owners
from rag.answer import Answer
from rag.answerer import Answerer, answer_chain
from rag.feedback import give
from rag.history import History, StoredTurn
from rag.owners import Owners
from rag.search.retriever import IndexRetriever
from rag.shares import share, shared, shares, withdraw
from tests.conftest import queue_llm
from tests.rag.test_answerer import GOOD, QUESTION


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


@pytest.fixture
def settings(file: Path) -> Settings:
    return Settings(history=HistorySettings(file=str(file)), audit=AuditSettings(mib=1, files=3))


@pytest.fixture
def answer(retriever: IndexRetriever) -> Answer:
    return answer_chain(Answerer(retriever, queue_llm(GOOD))).invoke(QUESTION)


def test_everything_about_one_owner_is_exported_and_erased_and_nothing_of_another(
    file: Path, answer: Answer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITEWELL_HISTORY_FILE", str(file))
    for owner in ("person-1", "person-2"):
        Owners(file).seen(owner, f"{owner}@example.org")
        History(file, owner).add(f"of {owner}", StoredTurn(QUESTION, answer))
        give(file, answer, good=True, owner=owner)
        share(file, owner, f"of {owner}", answer)
        access_log.note(settings, "asked", owner, answer)
    to = tmp_path / "out.json"
    assert owners.main(["export", "--owner", "person-1@example.org", "--to", str(to)]) == 0
    taken = json.loads(to.read_text())
    assert to.stat().st_mode & 0o777 == 0o600
    assert [each["id"] for each in taken["conversations"]] == ["of person-1"]
    assert taken["conversations"][0]["turns"][0]["receipt"]["answer"]["text"] == answer.text
    assert (len(taken["feedback"]), len(taken["shares"]), len(taken["audit"])) == (1, 1, 1)
    assert "person-2" not in to.read_text()
    assert owners.main(["erase", "--owner", "person-1", "--yes"]) == 0
    assert [each.id for each in Owners(file).all()] == ["person-2"]
    assert History(file, "person-2").turns("of person-2") == [StoredTurn(QUESTION, answer)]
    held = b"".join(path.read_bytes() for path in file.parent.glob("history.*"))
    assert b"person-1" not in held
    assert access_log.NOBODY.encode() in held
    with pytest.raises(DataError, match="no owner has.*citewell history list"):
        owners.main(["erase", "--owner", "person-1", "--yes"])


def test_erasing_asks_first(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    History(file, "ana").add("one", StoredTurn("one?"))
    monkeypatch.setattr("builtins.input", lambda _: "")
    assert owners.main(["erase", "--owner", "ana", "--history", str(file)]) == 1
    assert "nothing was erased" in capsys.readouterr().out
    assert len(History(file, "ana").conversations()) == 1


def test_a_choice_stays_with_its_owner(file: Path) -> None:
    known = Owners(file)
    assert known.keeps("ana", True)
    known.choose("ana", keep=False)
    known.seen("ana", "ana@example.org")
    assert not known.keeps("ana", True)
    assert known.keeps("ben", True)


def test_old_conversations_of_those_who_never_come_back_are_forgotten(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.history._now", lambda *_: "2026-01-01T00:00:00+00:00")
    History(file, "ana").add("old", StoredTurn("old?"))
    monkeypatch.undo()
    History(file, "ben").add("new", StoredTurn("new?"))
    assert Owners(file).forget(30) == 1
    assert [each.id for each in Owners(file).all()] == ["ben"]


def test_the_audit_log_says_who_and_with_what_and_none_of_the_words(
    settings: Settings, file: Path, answer: Answer
) -> None:
    access_log.note(settings, "asked", "ana", answer)
    log = access_log.file_of(settings)
    (line,) = [json.loads(each) for each in log.read_text().splitlines()]
    assert (line["event"], line["owner"], line["outcome"]) == ("asked", "ana", answer.outcome)
    assert line["build"] == answer.index["build"]
    assert sum(line["verdicts"].values()) == len(answer.sentences)
    words = {word for word in f"{QUESTION} {answer.text}".lower().split() if len(word) > 5}
    assert words
    assert not [word for word in words if word in log.read_text().lower()]
    assert log.stat().st_mode & 0o777 == 0o600


def test_the_audit_log_rotates_and_loses_no_line_but_those_of_the_oldest_file(settings: Settings) -> None:
    log = access_log.file_of(settings)
    for number in range(4):
        if log.is_file():
            os.truncate(log, settings.audit.mib << 20)  # full
        access_log.note(settings, "asked", f"owner {number}")
    assert sorted(path.name for path in log.parent.glob("*.jsonl*") if path.suffix != ".lock") == [
        "history.audit.jsonl",
        "history.audit.jsonl.1",
        "history.audit.jsonl.2",
    ]
    assert [len(access_log.lines_of(settings, f"owner {number}")) for number in range(4)] == [0, 1, 1, 1]


def test_a_full_disk_of_the_audit_log_is_reported_and_stops_nothing(
    settings: Settings, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "history.audit.jsonl")

    monkeypatch.setattr("rag.access_log.os.open", full)
    access_log.note(settings, "asked", "ana")
    assert any("audit log could not be written: the disk is full" in line for line in told)


def test_no_line_is_written_where_the_settings_say_so(settings: Settings) -> None:
    quiet = replace(settings, audit=AuditSettings(keep=False))
    access_log.note(quiet, "asked", "ana")
    assert not access_log.file_of(quiet).exists()


def test_a_link_shows_one_answer_until_its_owner_withdraws_it(file: Path, answer: Answer) -> None:
    made = share(file, "ana", "one", answer)
    assert share(file, "ana", "one", answer) == made  # the same answer has one link
    found = shared(file, made.token)
    assert found is not None
    assert found.answer == answer
    withdraw(file, "ben", made.token)
    assert shares(file, "ben") == []
    assert shares(file, "ana") == [made]
    withdraw(file, "ana", made.token)
    assert shared(file, made.token) is None
    assert shared(file, "") is None
    assert answer.text.encode() not in file.read_bytes()
