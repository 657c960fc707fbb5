"""Questions that are offered: in plain words, from the largest topics, and on the topic of an answer."""

import dataclasses
from pathlib import Path

import pytest

from index.rows import Rows
from rag.answerer import Answerer, answer_chain
from rag.search.retriever import IndexRetriever
from rag.suggestions import contents_of, examples, follow_ups, in_plain_words, listed
from tests.conftest import index_rows, queue_llm
from tests.fakes import WordEmbedder

GOUT = [
    ("What is (are) Gout ?", "Gout is a form of arthritis.", "NIH", "Gout"),
    ("What are the symptoms of Gout ?", "Gout begins with pain in the big toe.", "NIH", "Gout"),
    ("How to prevent Gout ?", "Drinking water prevents attacks of gout.", "CDC", "Gout"),
    ("What is (are) Acne ?", "Acne is a disease of the skin.", "NIH", "Acne"),
]
HEADER = ("question", "answer", "source", "focus")


@pytest.mark.parametrize(
    ("of_the_file", "plain"),
    [
        ("What is (are) Breast Cancer ?", "What is Breast Cancer?"),
        ("How to diagnose Gout ?", "How is Gout diagnosed?"),
        ("How to prevent Gout ?", "How can I prevent Gout?"),
        ("What to do for Gout ?", "What can I do for Gout?"),
        ("who is at risk for Gout? ?", "Who is at risk for Gout?"),
        ("Do you have information about Gout", "What should I know about Gout?"),
        ("Is Alport syndrome inherited ?", "Is Alport syndrome inherited?"),
        ("gout and diet", "Gout and diet"),
        ("¿Qué es la gota?", "¿Qué es la gota?"),
    ],
)
def test_templates_become_plain_words(of_the_file: str, plain: str) -> None:
    assert in_plain_words(of_the_file) == plain


def test_examples_come_from_the_largest_topics_and_say_who_wrote_them(
    tmp_path: Path, word_embedder: WordEmbedder
) -> None:
    index = index_rows(tmp_path, GOUT, HEADER)
    assert examples(index) == ("What is Gout?", "What is Acne?")
    held = contents_of(index)
    assert (held.topics, held.sources) == (2, ("NIH", "CDC"))


def test_a_file_without_questions_still_has_an_example(tmp_path: Path, word_embedder: WordEmbedder) -> None:
    index = index_rows(tmp_path, [("gout", "Gout is a form of arthritis.")])
    assert examples(index) == ("gout",)


def test_follow_ups_are_of_the_same_topic_and_another_aspect(tmp_path: Path, word_embedder: WordEmbedder) -> None:
    index = index_rows(tmp_path, GOUT, HEADER)
    retriever = IndexRetriever(index=index, embedder=word_embedder)
    answer = answer_chain(Answerer(retriever, queue_llm("Gout is a form of arthritis [1]."))).invoke("what is gout")
    assert follow_ups(answer, index) == ("What are the symptoms of Gout?", "How can I prevent Gout?")
    assert follow_ups(dataclasses.replace(answer, abstained=True), index) == ()


def test_follow_ups_need_no_record_in_memory(
    tmp_path: Path, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large file records are read when they are asked for, and forgotten: the same one is another object."""
    monkeypatch.setattr(Rows.__init__, "__defaults__", (0,))
    index = index_rows(tmp_path, GOUT, HEADER)
    assert index.records.rows[0] is not index.records.rows[0]
    retriever = IndexRetriever(index=index, embedder=word_embedder)
    answer = answer_chain(Answerer(retriever, queue_llm("Gout is a form of arthritis [1]."))).invoke("what is gout")
    assert follow_ups(answer, index) == ("What are the symptoms of Gout?", "How can I prevent Gout?")


def test_follow_ups_of_a_record_that_the_index_holds_no_longer_are_none(
    tmp_path: Path, word_embedder: WordEmbedder
) -> None:
    index = index_rows(tmp_path, GOUT, HEADER)
    retriever = IndexRetriever(index=index, embedder=word_embedder)
    answer = answer_chain(Answerer(retriever, queue_llm("Gout is a form of arthritis [1]."))).invoke("what is gout")
    (tmp_path / "other").mkdir()
    other = index_rows(tmp_path / "other", [("What is flu?", "Flu is an infection.")])
    assert follow_ups(answer, other) == ()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), ""),
        (("A",), "A"),
        (("A", "B"), "A and B"),
        (("A", "B", "C", "D", "E", "F"), "A, B, C, D and 2 more"),
    ],
)
def test_names_stand_in_a_sentence(names: tuple[str, ...], said: str) -> None:
    assert listed(names) == said
