"""What is shown as a label is words alone; `make faults` looks at all of it in a browser."""

import html
import re
from typing import Any

import pytest
import streamlit as st
from markdown_it import MarkdownIt

from core.files import read_jsonl
from rag.answer import Evidence, Hit
from tests.conftest import ROOT
from ui import shared
from ui.shared import JOINER, plain

ATTACKS = [row["text"] for row in read_jsonl(ROOT / "faults/attacks.jsonl", "text")]
LATE = re.compile(
    r"(https?://|www(?=\.))[-.\w]+|[-.\w+]+@[-\w]+(?:\.[-\w]+)+|:material/\w+:|:streamlit:|:[a-z]\w*:|<-|->|--|>=|<=",
    re.I,
)
"""What Streamlit and remark make links, icons and arrows of, once Markdown is parsed."""
render = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render


def test_a_label_shows_the_words_and_nothing_else() -> None:
    for text in ATTACKS:
        rendered = render(plain(text)).strip()
        assert (rendered.startswith("<p>"), rendered.endswith("</p>")) == (True, True), text
        assert "<" not in rendered[3:-4], text
        said = html.unescape(rendered.removeprefix("<p>").removesuffix("</p>"))
        words = " ".join(text.replace("\0", "\ufffd").split())
        assert said.replace(JOINER, "") == words.replace(JOINER, ""), text
        assert not LATE.search(said), text


def test_ordinary_words_are_left_whole() -> None:
    assert JOINER not in plain("Gout: 12:30, a - b, p < 0.05, 3.5 mg (10 %) & more")


def test_the_head_of_a_table_is_no_markup_either(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(st, "table", lambda rows, **_: drawn.extend(rows))
    shared.table([{"![x](http://127.0.0.1:9/x.png)": None, "b": "*c*"}])
    assert drawn == [{plain("![x](http://127.0.0.1:9/x.png)"): "", "b": r"\*c\*"}]


def test_an_address_of_another_scheme_is_no_link() -> None:
    for text in ATTACKS:
        expected = text if text.startswith("http://") else ""
        assert Evidence(Hit("p", "r", "q", "t", url=text), 1, "t", 0).link == expected, text
    assert Evidence(Hit("p", "r", "q", "t", url="https://example.org/a"), 1, "t", 0).link == "https://example.org/a"
