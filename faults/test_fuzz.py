"""Inputs that nobody wrote: whatever reads a file, a model's text or a row refuses them with CiteWell's own errors.

Each target is tried for `--fuzz-seconds`, with other examples in each run unless `--seed` is given the same. An example
that falls is shrunk and printed; keep it as a test beside the module that it fell in.
"""

import contextlib
import io
import json
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import openpyxl
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as some

from core.errors import CiteWellError
from core.settings import flat, load
from faults.counts import Count
from index.clean import clean_text
from index.corpus import read_corpus
from rag import feedback
from rag.answer import Answer, Citation, Evidence, Hit, NumberedSource, Sentence
from rag.checks.citations import Verifier, read_markers
from rag.database import EARLIER
from rag.exports import to_json, to_markdown
from rag.history import History, StoredTurn
from rag.receipt import read_receipt, receipt, to_html
from rag.shares import share, shared, shares
from rag.uploads import Upload, preview
from tests.core.text.test_rules import READERS

EXAMPLES = 100
"""Examples between two looks at the clock."""
Body = Callable[[Any], None]

TEXTS = some.text(max_size=60) | some.sampled_from(
    [
        "",
        "[1]",
        "[1, 2]",
        "[9999999999]",
        "【1】",
        "\n- ",
        "\u2028",
        "\x00",
        "\ud800",
        "e\u0301",
        "=1+1",
        "a" * 5000,
        '"',
        ";",
    ]
)
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | TEXTS,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture
def fuzz(request: pytest.FixtureRequest, count: Count) -> Callable[[str, Any, Body], None]:
    """Try a body with examples of a strategy until the time is over."""
    lasts = float(request.config.getoption("--fuzz-seconds"))
    first = int(request.config.getoption("--seed")) * 100_000

    def run(kind: str, examples: Any, body: Body) -> None:
        counts = count(f"fuzzing {kind}")

        @hypothesis.settings(
            max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck)
        )
        @given(examples)
        def each(example: Any) -> None:
            try:
                body(example)
            except CiteWellError:
                counts.refused += 1
            else:
                counts.unharmed += 1
            counts.tried += 1

        ends, number = time.monotonic() + lasts, first
        while time.monotonic() < ends and not counts.crashed:
            number += 1
            try:
                hypothesis.seed(number)(each)()
            except Exception as error:
                counts.tried += 1
                counts.crashed += 1
                counts.remark = f"seed {number}: {type(error).__name__}: {error}"[:160].replace("\n", " ")
                raise

    return run


def _mutated(originals: list[bytes]) -> Any:
    """Copies of files with some of their bytes replaced, left out, doubled, or cut at the end."""

    def change(drawn: tuple[bytes, list[tuple[int, int, bytes]], int]) -> bytes:
        content, changes, cut = drawn
        for at, length, put in changes:
            at = at % (len(content) + 1)
            content = content[:at] + put + content[at + length :]
        return content[: len(content) - cut] if cut < 100 else content

    edits = some.lists(some.tuples(some.integers(0, 1 << 16), some.integers(0, 8), some.binary(max_size=6)), max_size=6)
    return some.tuples(some.sampled_from(originals), edits, some.integers(0, 2000)).map(change)


def _files() -> list[bytes]:
    """A small file of each kind that is read."""
    rows = [["question", "answer", "url"], ["What is a boil?", "A lump, <b>full</b> of pus.", "https://example.org/a"]]
    rows.append(["What is gout?", '"Arthritis"; of\nthe toe &amp; foot\n\n- one\n- two', ""])
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    named = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    book, sheet, parquet = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(sheet)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(named), parquet)
    text = "\r\n".join(quoted)
    return [
        *(text.encode(encoding) for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252")),
        text.replace('","', '"\t"').encode(),
        json.dumps(named).encode(),
        json.dumps({"data": named}).encode(),
        "\n".join(json.dumps(row) for row in named).encode(),
        sheet.getvalue(),
        parquet.getvalue(),
    ]


def test_any_file_is_read_or_refused(fuzz: Any, tmp_path: Path) -> None:
    def body(drawn: tuple[bytes, str]) -> None:
        content, ending = drawn
        path = tmp_path / f"rows.{ending}"
        path.write_bytes(content)
        try:
            preview(Upload(path.name, content))
        finally:
            for record in read_corpus(path).records:
                assert record.answer == clean_text(record.answer) != ""

    endings = some.sampled_from(["csv", "tsv", "txt", "json", "jsonl", "xlsx", "parquet"])
    lines = some.lists(some.lists(TEXTS, max_size=4).map(",".join), max_size=6).map(
        lambda each: "\n".join(["question,answer", *each]).encode("utf-8", "surrogatepass")
    )
    fuzz("files to index", some.tuples(_mutated(_files()) | lines | some.binary(max_size=300), endings), body)


def test_any_text_of_a_model_is_cut_into_sentences_with_markers(fuzz: Any) -> None:
    sources = [NumberedSource(n, "What is gout?", f"Gout is arthritis {n}. It hurts.", str(n)) for n in (1, 2)]
    verifier = Verifier(sources)

    def body(text: str) -> None:
        text = text.encode("utf-8", "replace").decode()  # engines give no halves of characters (core.text.plain)
        drafts = read_markers(text)
        said, sentences = verifier.verify(drafts)
        for sentence in sentences:
            assert said[sentence.start : sentence.end] == sentence.text
            for citation in sentence.citations:
                assert sources[citation.n - 1].text[citation.start : citation.end] == citation.quote

    pieces = TEXTS | some.sampled_from(["Gout is arthritis 1.", " [1]", "[1][2]", " [Passage 2].", "\n\n", "* ", "3. "])
    fuzz("markers", some.lists(pieces, max_size=12).map("".join), body)


def _answer() -> Answer:
    hit = Hit("p", "r", "What is gout?", "Gout is arthritis.", "s", "https://example.org", 0.5, {"headed": 0.5}, {}, 0)
    citation = Citation(1, "p", 0, 18, "Gout is arthritis.")
    sentence = Sentence("Gout is arthritis.", 0, 18, "supported", 0.9, (citation,))
    return Answer(
        "what is gout",
        "gout",
        text="Gout is arthritis. [1]",
        sentences=(sentence,),
        evidence=(Evidence(hit, 1, hit.text, 0),),
    )


def _altered(values: Any, rng: random.Random, put: Any) -> Any:
    """The values with one of them, anywhere within, replaced, or left out where it is of a mapping or a list."""
    if not isinstance(values, dict | list) or not values or rng.random() < 0.15:
        return put
    key = rng.choice(list(values) if isinstance(values, dict) else range(len(values)))
    changed = dict(values) if isinstance(values, dict) else list(values)
    if rng.random() < 0.2:
        del changed[key]
    else:
        changed[key] = _altered(values[key], rng, put)
    return changed


def _sealed(values: Any) -> Any:
    """What a forger does who altered a receipt."""
    from core.seals import seal_of

    with contextlib.suppress(UnicodeEncodeError, TypeError):  # half of a character has no seal, nor has a list
        values = {**values, "sha256": seal_of({name: each for name, each in values.items() if name != "sha256"})}
    return values


def test_any_receipt_is_read_or_refused(fuzz: Any) -> None:
    whole = json.loads(receipt(_answer()).to_json())

    def body(drawn: tuple[random.Random, Any, bool]) -> None:
        rng, put, seals = drawn
        values = _altered(whole, rng, put)
        if seals:
            values = _sealed(json.loads(json.dumps(values)))  # a forger seals what they altered
        made = read_receipt(json.dumps(values))
        assert read_receipt(made.to_json()).answer == made.answer
        to_html(made)

    fuzz("receipts", some.tuples(some.randoms(use_true_random=False), VALUES, some.booleans()), body)


def test_any_file_of_rules_is_read_or_refused(fuzz: Any, tmp_path: Path) -> None:
    contents = {path: path.read_bytes() for path in READERS}

    def body(drawn: tuple[Path, list[tuple[int, int, bytes]]]) -> None:
        path, changes = drawn
        content = contents[path]
        for at, length, put in changes:
            at = at % (len(content) + 1)
            content = content[:at] + put + content[at + length :]
        target = tmp_path / path.name
        target.write_bytes(content)
        READERS[path](target)

    snippets = some.binary(max_size=4) | some.sampled_from(
        [
            b'"',
            b"'",
            b"[",
            b"]",
            b"(",
            b")",
            b"{t}",
            b"{",
            b"=",
            b"\n",
            b"\t",
            b"\\",
            b"|",
            b"(?P<a>",
            b"{9999999999}",
            b"*",
            b"[x]\n",
        ]
    )
    changes = some.lists(some.tuples(some.integers(0, 1 << 16), some.integers(0, 12), snippets), min_size=1, max_size=4)
    fuzz("files of rules", some.tuples(some.sampled_from(sorted(READERS)), changes), body)


def test_any_settings_are_read_or_refused(fuzz: Any, tmp_path: Path) -> None:
    keys = list(flat(load(environ={}, file=tmp_path / "none")))

    def body(drawn: tuple[bytes, dict[str, str], dict[str, Any]]) -> None:
        content, environ, overrides = drawn
        file = tmp_path / "citewell.toml"
        file.write_bytes(content)
        load(overrides, file=file, environ={f"CITEWELL_{name}": value for name, value in environ.items()})

    toml = some.binary(max_size=60) | some.lists(some.tuples(some.sampled_from(keys), VALUES), max_size=4).map(
        lambda pairs: "\n".join(
            f"[{key.split('.')[0]}]\n{key.split('.')[1]} = {value!r}" for key, value in pairs
        ).encode("utf-8", "surrogatepass")
    )
    environ = some.dictionaries(
        some.sampled_from([key.upper().replace(".", "_", 1) for key in keys]) | TEXTS, TEXTS, max_size=3
    )
    overrides = some.dictionaries(some.sampled_from(keys) | TEXTS, VALUES, max_size=3)
    fuzz("settings", some.tuples(toml, environ, overrides), body)


def test_any_row_of_the_history_is_read_or_refused(fuzz: Any, tmp_path: Path) -> None:
    original, path = tmp_path / "original.sqlite", tmp_path / "history.sqlite"
    history = History(original)
    number = history.add("0" * 32, StoredTurn("what is gout"))
    history.finish("0" * 32, number, StoredTurn("what is gout", _answer()))
    feedback.give(original, _answer(), good=False, reason="wrong", better="Gout hurts.")
    token = share(original, EARLIER, "0" * 32, _answer()).token
    with sqlite3.connect(original) as db:
        db.execute("pragma wal_checkpoint(truncate)")
    content = original.read_bytes()
    columns = [
        *(("conversations", name) for name in ("id", "title", "created", "updated", "owner")),
        *(("turns", name) for name in ("conversation", "number", "question", "said", "receipt", "error")),
        *(("feedback", name) for name in ("owner", "seal", "created", "good", "reason", "better", "receipt")),
        *(("shares", name) for name in ("token", "owner", "conversation", "seal", "created", "receipt")),
    ]

    def body(changes: list[tuple[tuple[str, str], Any]]) -> None:
        for each in tmp_path.glob("history.sqlite*"):
            each.unlink()
        path.write_bytes(content)
        with sqlite3.connect(path) as db:
            for (table, column), value in changes:
                with contextlib.suppress(sqlite3.IntegrityError):  # of a column that refuses it
                    db.execute(f"update {table} set {column} = ?", [value])
        db.close()
        reads: list[Callable[[], Any]] = [
            lambda: History(path).conversations("gout"),
            lambda: History(path).turns("0" * 32),
            lambda: to_json(path, "0" * 32, EARLIER),
            lambda: to_markdown(path, "0" * 32, EARLIER),
            lambda: feedback.pairs(feedback.given(path)),
            lambda: feedback.by_day(feedback.given(path)),
            lambda: [*shares(path, EARLIER), shared(path, token)],
            lambda: History(path).forget(1),
            lambda: History(path).delete("0" * 32),
        ]
        refusals = []
        for read in reads:
            try:
                read()
            except CiteWellError as error:
                refusals.append(error)
        if refusals:
            raise refusals[0]

    texts = TEXTS.map(lambda text: text.encode("utf-8", "replace").decode())
    cells = some.none() | some.integers(-(1 << 62), 1 << 62) | some.binary(max_size=20) | some.floats() | texts
    fuzz(
        "rows of the history", some.lists(some.tuples(some.sampled_from(columns), cells), min_size=1, max_size=3), body
    )
