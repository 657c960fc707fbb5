"""The record of an answer: read back whole, refused where altered, checked against the index."""

import dataclasses
import json
from pathlib import Path

import hypothesis.strategies as st
import jsonschema
import pytest
from hypothesis import given

from core.errors import DataError
from core.settings import IndexSettings
from index.build import build
from index.opening import open_index
from rag import receipt as module
from rag.answer import Answer, Note, Notice
from rag.answerer import Answerer, answer_chain
from rag.receipt import check, read_receipt, receipt, to_html
from rag.search.retriever import IndexRetriever
from tests.conftest import ROOT, queue_llm
from tests.fakes import ROWS, write_csv
from tests.rag.test_answerer import GOOD, QUESTION


@pytest.fixture
def answer(retriever: IndexRetriever) -> Answer:
    return answer_chain(Answerer(retriever, queue_llm(GOOD))).invoke(QUESTION)


def test_a_receipt_is_read_back_as_it_was_made(answer: Answer) -> None:
    made = receipt(dataclasses.replace(answer, notice=Notice("limit", "Ask a doctor.")))
    again = read_receipt(made.to_json())
    assert again == made
    assert again.answer.evidence[0].hit.ranks
    assert again.sha256 == json.loads(made.to_json())["sha256"]


def test_the_published_schema_is_the_one_that_is_written(answer: Answer) -> None:
    published = (ROOT / "docs/receipt.schema.json").read_text(encoding="utf-8")
    assert published == module.schema(), "run: citewell receipt schema > docs/receipt.schema.json"
    jsonschema.validate(json.loads(receipt(answer).to_json()), json.loads(published))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"answer": {}}, json.loads(published))


SAMPLE = receipt(
    Answer("what is gout?", "what is gout?", text="Gout lasts 3 days.", model={"engine": "none"})
).to_json()


@given(place=st.integers(0, len(SAMPLE) - 1), char=st.sampled_from('x7"{'))
def test_a_receipt_altered_in_one_place_is_refused(place: int, char: str) -> None:
    altered = SAMPLE[:place] + char + SAMPLE[place + 1 :]
    try:
        same = json.loads(altered) == json.loads(SAMPLE)
    except ValueError:
        same = False
    if same:
        return
    with pytest.raises(DataError, match="altered|no receipt|schema"):
        read_receipt(altered)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "is no receipt"),
        (b"[]", "is no receipt"),
        (
            b'{"schema": "citewell.receipt/9", "sha256": ""}',
            "reads citewell.receipt/1 and citewell.receipt/2; .*git pull",
        ),
        (b'{"schema": ["citewell.receipt/1"], "sha256": ""}', "this CiteWell reads"),
        (b'{"schema": "citewell.receipt/1", "sha256": null}', "was altered: .*make app"),
    ],
)
def test_what_is_no_receipt_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_receipt(content)


def test_every_quote_stands_in_the_index_that_it_is_from(answer: Answer, retriever: IndexRetriever) -> None:
    findings = check(receipt(answer), retriever.index)
    assert [finding.what for finding in findings] == ["passage [1]", "passage [2]", "citation [1]", "citation [1]"]
    assert all(finding.stands for finding in findings)
    for item in answer.evidence:
        whole = retriever.index.records[item.record_id].answer
        assert whole[item.start : item.start + len(item.text)] == item.text


def test_a_quote_that_is_not_in_the_file_is_found(answer: Answer, retriever: IndexRetriever) -> None:
    (first, *rest) = answer.sentences
    citation = dataclasses.replace(first.citations[0], quote="Measles is harmless.")
    forged = dataclasses.replace(answer, sentences=(dataclasses.replace(first, citations=(citation,)), *rest))
    assert [finding.detail for finding in check(receipt(forged), retriever.index) if not finding.stands] == [
        "Measles is harmless."
    ]


def test_after_a_rebuild_it_says_what_changed(answer: Answer, small_index: IndexSettings, tmp_path: Path) -> None:
    rows = [(question, f"New. {text}", source) for question, text, source in ROWS]
    write_csv(Path(small_index.csv), rows, ("question", "answer", "source"))
    build(small_index)
    findings = check(receipt(answer), open_index(Path(small_index.dir)))
    assert {finding.detail.split(" was ")[0] for finding in findings if finding.what == "index"} == {
        "csv_sha256",
        "build",
    }
    said = [finding.detail for finding in findings if finding.what.startswith("passage")]
    assert all("no longer in the index" in each or "moved" in each for each in said)
    assert not any(finding.stands for finding in findings if finding.what.startswith(("passage", "citation")))


def test_the_page_of_a_receipt_loads_nothing_and_runs_nothing(answer: Answer) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    evidence = tuple(
        dataclasses.replace(item, hit=dataclasses.replace(item.hit, question=hostile, url=hostile))
        for item in answer.evidence
    )
    notes = (Note("other", hostile),)
    page = to_html(receipt(dataclasses.replace(answer, question=hostile, evidence=evidence, notes=notes)))
    assert "<script" not in page
    assert "<img" not in page
    assert "default-src 'none'" in page
    assert '<a href="#e1">[1]</a>' in page
    assert "<mark>Measles is a very contagious disease.</mark>" in page


def test_the_command_line_verifies_and_writes_a_page(
    answer: Answer, small_index: IndexSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "answer.json"
    file.write_text(receipt(answer).to_json(), encoding="utf-8")
    assert module.main(["verify", str(file), "--index", small_index.dir]) == 0
    assert "4 checks, 0 changed" in capsys.readouterr().out
    assert module.main(["html", str(file), "--to", str(tmp_path / "answer.html")]) == 0
    assert "<h1>" in (tmp_path / "answer.html").read_text(encoding="utf-8")
    with pytest.raises(DataError, match="cannot read"):
        module.main(["verify", str(tmp_path / "none.json"), "--index", small_index.dir])


def test_of_several_receipts_only_what_changed_is_shown(
    answer: Answer, small_index: IndexSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(receipt(answer).to_json(), encoding="utf-8")
    assert module.main(["verify", str(good), str(good), "--index", small_index.dir]) == 0
    assert "2 receipts, 0 unreadable, 8 checks, 0 changed" in capsys.readouterr().out
    bad.write_text(receipt(answer).to_json().replace("contagious", "harmless"), encoding="utf-8")
    assert module.main(["verify", str(bad), str(good), "--index", small_index.dir]) == 1
    told = capsys.readouterr().out
    assert "bad.json was altered" in told
    assert "2 receipts, 1 unreadable, 4 checks, 0 changed" in told
