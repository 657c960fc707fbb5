"""What the version before kept stays readable: a receipt of schema 1, and the database of such receipts.

The files in tests/data/earlier were written by that version over the small index of tests/conftest.py.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from core.errors import DataError
from core.settings import IndexSettings
from rag import database
from rag import receipt as module
from rag.answerer import BY_WORDS
from rag.checks.caveats import CAVEAT
from rag.earlier_receipts import from_1
from rag.exports import to_json
from rag.feedback import give, given, pairs
from rag.history import History
from rag.receipt import SCHEMA, read_receipt, receipt
from tests.conftest import ROOT

EARLIER = ROOT / "tests/data/earlier"
RECEIPT = EARLIER / "receipt-1.json"
PARTLY = "the passages answer only a part of this question"
"""A note as it was written then."""


@pytest.fixture
def history_file(tmp_path: Path) -> Path:
    """The database that the version before left behind."""
    file = tmp_path / "history.sqlite"
    connection = sqlite3.connect(file)
    connection.executescript((EARLIER / "history-1.sql").read_text(encoding="utf-8"))
    connection.close()
    return file


def test_a_receipt_of_schema_1_is_read_as_one_of_today() -> None:
    kept = json.loads(RECEIPT.read_text(encoding="utf-8"))
    made = read_receipt(RECEIPT.read_bytes())
    assert (made.schema, made.sha256, made.created) == ("citewell.receipt/1", kept["sha256"], kept["created"])
    answer = made.answer
    assert [(note.kind, note.text) for note in answer.notes] == [
        ("corrected", "searched for 'measles' in place of 'meazles'"),
        ("partly", PARTLY),
    ]
    assert [item.text for item in answer.evidence] == [item["text"] for item in kept["answer"]["evidence"]]
    assert [(item.n, item.question, item.hit.ranks) for item in answer.evidence] == [
        (item["n"], item["question"], item["ranks"]) for item in kept["answer"]["evidence"]
    ]
    assert [(each.reason, each.hit.question, each.hit.score) for each in answer.dropped] == [
        (each["reason"], each["question"], each["score"]) for each in kept["answer"]["dropped"]
    ]
    for sentence in answer.sentences:
        for citation in sentence.citations:
            assert answer.evidence[citation.n - 1].text[citation.start : citation.end] == citation.quote


def test_it_is_written_again_in_the_schema_of_today() -> None:
    made = read_receipt(RECEIPT.read_bytes())
    again = read_receipt(made.to_json())
    assert (again.schema, again.answer, again.created) == (SCHEMA, made.answer, made.created)
    jsonschema.validate(json.loads(made.to_json()), json.loads(module.schema()))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(RECEIPT.read_bytes()), json.loads(module.schema()))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("understood as: what causes measles", "follow-up"),
        ("the message is long; searched were the sentences that ask and tell most", "condensed"),
        (BY_WORDS.text, BY_WORDS.kind),
        ("the model found no answer in these passages; quoted is what comes nearest", "quoted"),
        ("most of what the model wrote is not in these passages; quoted is what comes nearest", "quoted"),
        (CAVEAT.text, CAVEAT.kind),
        ("something that nobody wrote", "other"),
    ],
)
def test_the_kind_of_an_earlier_note_is_known_by_its_words(text: str, kind: str) -> None:
    values: dict[str, Any] = {"answer": {"notes": [text], "evidence": [], "dropped": []}}
    assert from_1(values)["answer"]["notes"] == [{"kind": kind, "text": text}]


def test_verify_and_html_read_it(
    small_index: IndexSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert module.main(["verify", str(RECEIPT), "--index", small_index.dir]) == 0
    printed = capsys.readouterr().out
    assert f"sealed {json.loads(RECEIPT.read_bytes())['sha256'][:12]}" in printed
    assert "ok       passage [1]: word for word at 0 of record" in printed
    assert ", 0 changed" in printed
    assert module.main(["html", str(RECEIPT), "--to", str(tmp_path / "answer.html")]) == 0
    assert "<mark>Measles is a very contagious disease.</mark>" in (tmp_path / "answer.html").read_text()


@pytest.mark.parametrize("damage", [{"evidence": [1]}, {"notes": None}, {"evidence": [{}]}, {"dropped": [{}]}, {}])
def test_one_that_is_sealed_but_not_of_its_schema_is_refused(damage: dict[str, Any]) -> None:
    values = json.loads(RECEIPT.read_bytes())
    values.pop("sha256")
    values["answer"] = {**values["answer"], **damage} if damage else "an answer"
    values["sha256"] = module.seal_of(values)
    with pytest.raises(DataError, match="does not follow schema 'citewell.receipt/1' .*citewell receipt schema"):
        read_receipt(json.dumps(values), "old.json")


def test_an_altered_one_is_refused() -> None:
    with pytest.raises(DataError, match="old.json was altered"):
        read_receipt(RECEIPT.read_text(encoding="utf-8").replace("97 percent", "79 percent"), "old.json")


def test_conversations_of_the_version_before_open_and_continue(history_file: Path) -> None:
    history = History(history_file)
    assert [each.id for each in history.conversations("contagious VACCINE")] == ["one"]
    first, second, third = history.turns("one")
    assert first.answer == read_receipt(RECEIPT.read_bytes()).answer
    assert second.answer is not None
    assert [note.kind for note in second.answer.notes] == ["follow-up"]
    assert third.error == "The engine is away."
    history.finish("one", 1, second)
    assert history.turns("one") == [first, second, third]
    exported = [turn["receipt"] for turn in json.loads(to_json(history_file, "one", database.EARLIER))["turns"]]
    assert [kept and kept["schema"] for kept in exported] == ["citewell.receipt/1", SCHEMA, None]


def test_judgements_of_the_version_before_are_read_and_replaced(history_file: Path) -> None:
    (judged,) = given(history_file)
    assert (judged.good, judged.reason, judged.better) == (False, "wrong", "Nobody knows.")
    (pair,) = pairs([judged])
    assert pair["chosen"] == [{"role": "assistant", "content": "Nobody knows."}]
    second = History(history_file).turns("one")[1].answer
    assert second is not None
    give(history_file, second, good=True)
    (replaced,) = given(history_file)
    assert replaced.good
    assert replaced.receipt.schema == SCHEMA


def test_an_altered_judgement_does_not_close_the_database(history_file: Path) -> None:
    connection = sqlite3.connect(history_file)
    connection.execute("update feedback set receipt = replace(receipt, 'cold feet', 'warm feet')")
    connection.commit()
    connection.close()
    assert len(History(history_file).turns("one")) == 3
    with pytest.raises(DataError, match="was altered"):
        given(history_file)


def test_todays_receipt_holds_whole_passages_and_kinds(history_file: Path) -> None:
    (first, *_) = History(history_file).turns("one")
    assert first.answer is not None
    written = json.loads(receipt(first.answer).to_json())
    assert written["answer"]["notes"][1] == {"kind": "partly", "text": PARTLY}
    assert written["answer"]["evidence"][0]["hit"]["text"] == first.answer.evidence[0].hit.text
