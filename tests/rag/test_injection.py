"""Passages are data: what a row of the file tells the model, the page or the parser to do is not done."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from core.files import read_jsonl
from core.settings import Settings
from core.text.sentences import sentence_spans
from generator.llm import QwenChat
from generator.prompt import Source, messages
from rag.answer import Answer
from rag.answerer import Answerer, answer_chain
from rag.opening import open_llm
from rag.receipt import read_receipt, receipt, to_html
from rag.search.retriever import IndexRetriever
from rag.writing import write
from tests.conftest import ROOT, embed_words, index_rows, queue_llm
from tests.fakes import WordEmbedder
from ui.answer_view import view

URLS = ("javascript:alert('PWNED')", "data:text/html,PWNED", "JavaScript:alert(1)", "vbscript:PWNED")
HOSTILE = [row["text"] for row in read_jsonl(ROOT / "tests/data/injections.jsonl", "text")]
GOOD = "Gout is treated with anti-inflammatory drugs or colchicine. Ice on the joint eases the pain."
OTHER = Source("What causes acne?", "Acne forms when the follicles of the skin are clogged with oil and dead cells.")
QUESTION = "how is gout treated"


def test_there_are_enough_of_them() -> None:
    assert len(set(HOSTILE)) >= 40


@pytest.fixture(scope="module")
def llm(real_settings: Settings) -> QwenChat:
    return open_llm(real_settings)


@pytest.mark.weights
@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_passage_orders_is_not_done(llm: QwenChat, hostile: str) -> None:
    """The real model says what the passage about gout says, cited, and nothing else."""
    sources = [Source("How is gout treated?", GOOD), Source(OTHER.heading, f"{OTHER.text} {hostile}")]
    *_, written = write(llm, QUESTION, sources)
    said = [f"{draft.text} {draft.marked}" for draft in written.drafts]
    assert "colchicine" in written.text
    assert set(said) <= {f"{GOOD[start:end]} (1,)" for start, end in sentence_spans(GOOD)}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Answer]:
    """Answers over an index of nothing but hostile rows with hostile URLs, by a model that repeats what it reads."""
    embed_words(monkeypatch)
    rows = [(f"What is gout{n}?", f"{GOOD} {text}", URLS[n % len(URLS)]) for n, text in enumerate(HOSTILE)]
    index = index_rows(tmp_path, rows, ("question", "answer", "url"))
    retriever = IndexRetriever(index=index, embedder=WordEmbedder())
    return [
        answer_chain(Answerer(retriever, queue_llm(f"{GOOD} {text}"))).invoke(f"What is gout{n}?")
        for n, text in enumerate(HOSTILE)
    ]


def test_even_a_model_that_obeys_does_no_harm(shown: list[Answer]) -> None:
    for answer, hostile in zip(shown, HOSTILE, strict=True):
        numbers = {item.n for item in answer.evidence}
        assert {citation.n for sentence in answer.sentences for citation in sentence.citations} <= numbers
        page = to_html(receipt(answer))
        assert not any(tag in page for tag in ("<script", "<img", "<iframe", '<a href="java', "<b>"))
        assert read_receipt(receipt(answer).to_json()).answer == answer
        drawn = view(answer, {})
        # The page gets data alone, which answer.js shows by textContent.
        assert json.loads(json.dumps(drawn)) == as_data(drawn), hostile
        assert drawn["sources"]
        assert all(item.url in URLS for item in answer.evidence)
        assert [source["url"] for source in drawn["sources"]] == [""] * len(drawn["sources"]), hostile


def as_data(value: Any) -> Any:
    """The value with lists for tuples, as JSON has it; fails for what is neither text, number, list nor mapping."""
    if isinstance(value, dict):
        assert all(type(name) is str for name in value)
        return {name: as_data(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_data(each) for each in value]
    assert value is None or type(value) in (str, int, float, bool)
    return value


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_passage_can_end_its_turn(hostile: str) -> None:
    """A hostile text keeps its words, in the user's last message alone, and begins neither a turn nor a passage."""
    *before, user = messages(hostile, [Source(hostile, hostile)])
    assert before == messages(QUESTION, [OTHER])[:-1]
    assert user.type == "human"
    prompt = str(user.content)
    assert "<|" not in prompt
    assert re.findall(r"\w+", prompt) == re.findall(r"\w+", f"1 {hostile} {hostile} Question {hostile}")
    assert re.findall(r"(?m)^\[\d+\]", prompt) == ["[1]"]
    assert re.findall(r"(?m)^Question:", prompt) == ["Question:"]
    assert prompt.count("\n\n") == 1
