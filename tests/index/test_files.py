"""Files as people have them: tests/data/files holds one of each kind, and expected.json what must come out of it."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.errors import DataError
from core.settings import IndexSettings, Settings
from index.build import build
from index.corpus import read_corpus
from index.files.columns import read_names
from index.files.encoding import decode
from index.files.folder import Reading
from index.files.read import read_sheet
from index.files.sheet import listed
from index.opening import open_index
from rag.admin import overview
from rag.uploads import Upload, in_page, keep, preview, uploads_of
from tests.conftest import ROOT
from tests.fakes import WordEmbedder

FILES = ROOT / "tests/data/files"
EXPECTED: dict[str, dict[str, Any]] = json.loads((FILES / "expected.json").read_text(encoding="utf-8"))
READ = sorted(name for name, each in EXPECTED.items() if "error" not in each)
REFUSED = sorted(name for name, each in EXPECTED.items() if "error" in each)


def test_every_file_is_expected_and_there_are_enough() -> None:
    assert {path.name for path in FILES.iterdir()} == {*EXPECTED, "expected.json"}
    assert len(READ) >= 40
    assert len(REFUSED) >= 12


@pytest.mark.parametrize("name", READ)
def test_a_file_gives_its_rows_and_the_counts_add_up(name: str) -> None:
    wanted = EXPECTED[name]
    corpus = read_corpus(FILES / name, **wanted.get("arguments", {}))
    assert [[record.question, record.answer] for record in corpus.records] == wanted["records"]
    assert [[refusal.line, refusal.reason] for refusal in corpus.refused] == wanted.get("refused", [])
    assert corpus.merged == wanted.get("merged", 0)
    assert corpus.rows == len(corpus.records) + corpus.merged + len(corpus.refused)
    assert len(corpus.notes) == len(wanted.get("notes", []))
    for note, part in zip(corpus.notes, wanted.get("notes", []), strict=True):
        assert part in note
    if "columns" in wanted:
        assert [dict(record.metadata) for record in corpus.records] == wanted["columns"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_read_is_named_for_what_it_is(name: str) -> None:
    with pytest.raises(DataError) as error:
        read_corpus(FILES / name, **EXPECTED[name].get("arguments", {}))
    message = str(error.value)
    assert EXPECTED[name]["error"] in message
    assert len(message) < 600
    assert message.isprintable()


@pytest.mark.parametrize("name", READ)
def test_a_file_is_built_and_uploaded_alike(name: str, tmp_path: Path, word_embedder: WordEmbedder) -> None:
    wanted = EXPECTED[name]
    given_columns = wanted.get("arguments", {})
    index = IndexSettings(csv=str(FILES / name), dir=str(tmp_path / "built" / "index"), **given_columns)
    assert build(index)
    built = open_index(Path(index.dir)).manifest
    uploaded = Settings(index=replace(index, dir=str(tmp_path / "uploaded" / "index"), **given_columns))
    content = (FILES / name).read_bytes()
    reading = Reading(*(given_columns.get(key, "") for key in ("question_column", "answer_column", "encoding")))
    kept = keep(uploaded, [Upload(name if name.count(".") else f"{name}.csv", content, reading)])
    assert build(replace(uploaded.index, csv=str(kept), question_column="", answer_column="", encoding=""))
    again = open_index(Path(uploaded.index.dir)).manifest
    counts = (len(wanted["records"]) + wanted.get("merged", 0) + len(wanted.get("refused", [])), len(wanted["records"]))
    for manifest in (built, again):
        assert (manifest.rows, manifest.kept) == counts
        assert manifest.merged == wanted.get("merged", 0)
        assert sum(manifest.refused.values()) == len(wanted.get("refused", []))
    assert [
        [row["line"], row["reason"]] for row in overview(open_index(Path(uploaded.index.dir))).refused
    ] == wanted.get("refused", [])
    if not given_columns:
        found = preview(Upload(name, content))
        assert found.question in found.columns
        assert found.answer in found.columns


@pytest.mark.parametrize("name", REFUSED)
def test_an_upload_that_cannot_be_read_is_refused_in_words_for_the_page(name: str, small_index: IndexSettings) -> None:
    arguments = EXPECTED[name].get("arguments", {})
    settings = Settings(index=small_index)
    reading = Reading(*(arguments.get(key, "") for key in ("question_column", "answer_column", "encoding")))

    def upload() -> None:
        kept = keep(settings, [Upload(name, (FILES / name).read_bytes(), reading)])
        build(replace(small_index, csv=str(kept)))

    with pytest.raises(DataError) as error:
        upload()
    told = in_page(error.value, uploads_of(settings))
    assert name in told
    assert not re.search(r"--|citewell|uploads|/", told.replace("CSV/", "")), told
    assert open_index(Path(small_index.dir)).manifest.csv == "small.csv"


CELLS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp", "Co", "Cn"]), max_size=30
)
TABLES = st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6)


@given(
    table=TABLES,
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]),
    breaks=st.booleans(),
)
def test_what_was_written_is_read(
    table: list[tuple[str, str, str]], delimiter: str, quoting: int, ends: str, encoding: str, breaks: bool
) -> None:
    """Whatever the dialect; or a note says what was taken for a mistake and repaired."""
    if breaks and ends == "\r":
        quoting = csv.QUOTE_ALL  # Python's writer leaves a line feed without quotes in lines that end otherwise
    rows = [[f"q{n} {a}", f"{b}\nline two" if breaks else b, f"z{c}"] for n, (a, b, c) in enumerate(table)]
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=delimiter, quoting=quoting, lineterminator=ends).writerows(  # type: ignore[arg-type]
        [["question", "answer", "note"], *rows]
    )
    sheet = read_sheet(target.getvalue().encode(encoding), "made.csv")
    assume(not any("saved in UTF-8 twice" in note for note in sheet.notes))
    assert sheet.columns == ("question", "answer", "note")
    assert [list(row.cells) for row in sheet.rows] == rows
    assert not any(row.problem for row in sheet.rows)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_bytes_of_any_kind_are_read_or_refused_in_one_line(content: bytes) -> None:
    message, sheet = "", None
    try:
        sheet = read_sheet(content, "made.csv")
    except DataError as error:
        message = str(error)
    assert "\n" not in message
    assert sheet is None or all(len(row.cells) == len(sheet.columns) for row in sheet.rows if not row.problem)


def test_an_unknown_encoding_names_the_nearest() -> None:
    with pytest.raises(DataError, match=r"unknown encoding 'cp1253x'; did you mean 'cp125\d'\?"):
        decode(b"x", "mine.csv", "cp1253x")
    with pytest.raises(DataError, match="unknown encoding 'zzzz'; such as utf-8, cp1252"):
        decode(b"x", "mine.csv", "zzzz")


def test_names_are_listed_short_and_printable() -> None:
    shown = listed(["a" * 99, "b\x1b[31m", "c", "d", "e", "f"])
    assert shown == f"{'a' * 40}…, b\ufffd[31m, c, d, e and 1 more"


def test_a_file_of_names_with_a_fault_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "columns.toml"
    file.write_text('question = ["q", "q"]\nanswer = ["a"]\nplaceholder = ["n/a"]\n')
    with pytest.raises(DataError, match=r"columns\.toml, line 1: question holds 'q' twice"):
        read_names(file)
