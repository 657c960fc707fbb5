from pathlib import Path

import pytest

from core.errors import IndexFolderError, QuestionError
from core.settings import IndexSettings, RagSettings
from index.opening import open_index
from rag.search.retriever import CALL_WORDS, NO_HELP, IndexRetriever
from tests.conftest import index_rows
from tests.fakes import WordEmbedder


def test_hits_carry_their_scores_and_dropped_ones_the_reason(retriever: IndexRetriever) -> None:
    found = retriever.search("  what is\n measles  disease ")
    assert found.search_query == "what is measles disease"
    assert found.hits[0].question == "What is measles?"
    assert found.hits[0].source == "fever"
    assert found.hits[0].ranks == {"headed": 1, "question": 1, "lexical": 1}
    assert set(found.hits[0].scores) == {"headed", "question", "lexical"}
    assert found.hits[0].score == pytest.approx(1)
    assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)
    assert len(found.hits) + len(found.dropped) == 4
    assert {hit.passage_id for hit in found.hits}.isdisjoint(drop.hit.passage_id for drop in found.dropped)
    assert all(drop.reason == "beyond the first 2" or "is below 0.20" in drop.reason for drop in found.dropped)


def test_the_same_text_counts_once(tmp_path: Path, word_embedder: WordEmbedder) -> None:
    # Two records, of which a passage each is the same.
    rows = [["Is it?", "Same words here."], ["Was it?", "SAME  words here.\n"]]
    retriever = IndexRetriever(index=index_rows(tmp_path, rows), embedder=word_embedder)
    found = retriever.search("same words here")
    assert len(found.hits) == 1
    assert found.dropped[0].reason == f"same text as {found.hits[0].passage_id}"


def test_nothing_near_is_no_evidence(retriever: IndexRetriever) -> None:
    found = retriever.search("train timetable Basel")
    assert found.hits == ()
    assert all("is below" in drop.reason for drop in found.dropped)


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("", "the question is empty; type a question in words"),
        (" \n?!", "the question is empty"),
        ("x" * 20_000, "the question has 20,000 characters, at most 2,000 are searched; shorten it"),
    ],
)
def test_questions_that_cannot_be_searched(retriever: IndexRetriever, question: str, message: str) -> None:
    with pytest.raises(QuestionError, match=message.replace("?", r"\?")):
        retriever.search(question)


def test_markup_is_searched_as_text(retriever: IndexRetriever) -> None:
    assert retriever.search("<b>measles</b> disease & <script>").hits[0].question == "What is measles?"


def test_under_an_emergency_only_what_says_to_get_help_answers(tmp_path: Path, word_embedder: WordEmbedder) -> None:
    """A heart attack was answered with what a panic attack feels like."""
    rows = [
        ("What happens during a panic attack?", "Crushing chest pain and sweating are felt in a panic attack."),
        ("What to do in a heart attack?", "With crushing chest pain, call the emergency number at once."),
        ("What is heartburn?", "Pain behind the breastbone after a meal."),
    ]
    settings = RagSettings(min_score=0.0)
    over = IndexRetriever(index=index_rows(tmp_path, rows), embedder=word_embedder, settings=settings)
    asked = "crushing chest pain and sweating"
    assert over.search(asked).hits[0].question == "What happens during a panic attack?"
    urgent = over.search(asked, urgent=True)
    assert [hit.question for hit in urgent.hits] == ["What to do in a heart attack?"]
    assert {each.reason for each in urgent.dropped} == {NO_HELP}


def test_a_long_story_is_answered_as_it_was_asked_under_a_notice_too(retriever: IndexRetriever) -> None:
    story = "My aunt had crushing pain in the chest last spring and was taken to hospital, and she is well again. "
    assert len(story.split()) == CALL_WORDS
    found = retriever.search(f"{story}What is measles disease?", urgent=True)
    assert found.hits[0].question == "What is measles?"


def test_under_an_emergency_a_file_without_such_a_passage_has_no_answer(retriever: IndexRetriever) -> None:
    found = retriever.search("what is measles disease", urgent=True)
    assert found.abstain
    assert found.hits == ()
    assert found.nearest[0].question == "What is measles?"


def test_it_is_a_langchain_retriever(retriever: IndexRetriever) -> None:
    documents = retriever.invoke("what causes acne")
    assert documents[0].page_content.startswith("Acne forms")
    assert documents[0].id == retriever.search("what causes acne").hits[0].passage_id
    assert documents[0].metadata["question"] == "What causes acne?"
    assert set(documents[0].metadata) == {"record_id", "question", "source", "url", "score"}


def test_an_index_of_another_embedder_is_refused(small_index: IndexSettings, word_embedder: WordEmbedder) -> None:
    word_embedder.identity = "other@2"
    with pytest.raises(
        IndexFolderError, match="was built with the embedder words@1, the settings name other@2; build it"
    ):
        IndexRetriever(index=open_index(Path(small_index.dir)), embedder=word_embedder, settings=RagSettings())
