import contextlib
import dataclasses
import json
from pathlib import Path

import pytest

from core.errors import EngineError, QuestionError
from core.processor import processor
from generator.llm import QwenChat
from generator.prompt import REFUSAL, REST, messages
from rag.answer import Answer
from rag.answerer import LEFT_OUT, Answerer, answer_chain
from rag.checks.caveats import CAVEAT
from rag.checks.quoting import CERTAIN, NEAREST
from rag.finishing import NOT_FOUND, PARTLY
from rag.search.retriever import IndexRetriever
from tests.conftest import index_rows, queue_llm
from tests.fakes import QueueEngine

QUESTION = "what is measles, a disease?"
GOOD = "Measles is a very contagious disease [1]. A vaccine prevents it in 97 percent of people [1]."


def ask(retriever: IndexRetriever, *replies: str, question: str = QUESTION, max_tokens: int = 200) -> Answer:
    return answer_chain(Answerer(retriever, queue_llm(*replies, max_tokens=max_tokens))).invoke(question)


def test_an_answer_carries_all_it_rests_on(retriever: IndexRetriever) -> None:
    answer = ask(retriever, GOOD)
    assert answer.finished
    assert not answer.abstained
    assert answer.text == (
        "Measles is a very contagious disease. [1] A vaccine prevents it in 97 percent of people. [1]"
    )
    assert [sentence.verdict for sentence in answer.sentences] == ["supported", "supported"]
    assert [item.n for item in answer.evidence] == [1, 2]
    assert [item.n for item in answer.cited] == [1]
    assert answer.generated == GOOD
    assert answer.prompt.endswith(f"Question: {QUESTION}")
    assert answer.model["engine"] == "queue"
    assert answer.model["processor"] == processor().label
    assert answer.index["csv"] == "small.csv"
    assert answer.timings.total_s >= answer.timings.first_token_s >= answer.timings.search_s > 0
    assert answer.timings.answer_tokens == len(GOOD.split())
    fields = json.loads(answer.to_json())
    assert "\n" not in answer.to_json()
    assert {
        "question",
        "search_query",
        "text",
        "abstained",
        "sentences",
        "evidence",
        "dropped",
        "prompt",
    } <= fields.keys()
    assert fields["evidence"][0].keys() == {"hit", "n", "text", "start"}
    hit = {"passage_id", "record_id", "question", "text", "source", "url", "score", "scores", "ranks", "start"}
    assert fields["evidence"][0]["hit"].keys() == fields["dropped"][0]["hit"].keys() == hit
    citation = fields["sentences"][0]["citations"][0]
    assert {"n", "passage_id", "start", "end", "quote"} == citation.keys()
    assert fields["evidence"][0]["text"][citation["start"] : citation["end"]] == citation["quote"]


def test_a_stream_shows_evidence_first_then_text_and_ends_with_what_invoke_returns(retriever: IndexRetriever) -> None:
    snapshots = list(answer_chain(Answerer(retriever, queue_llm(GOOD))).stream(QUESTION))
    assert snapshots[0].evidence
    assert snapshots[0].text == ""
    assert len(snapshots) > 10
    assert not any(snapshot.finished for snapshot in snapshots[:-1])
    assert any(len(snapshot.sentences) == 1 for snapshot in snapshots)
    for snapshot in snapshots:
        for sentence in snapshot.sentences:
            assert snapshot.text[sentence.start : sentence.end] == sentence.text
    last, invoked = snapshots[-1], ask(retriever, GOOD)
    assert (last.text, last.sentences, last.finished) == (invoked.text, invoked.sentences, True)


def test_closing_the_stream_stops_the_engine(retriever: IndexRetriever) -> None:
    llm = queue_llm(GOOD * 20)
    with contextlib.closing(answer_chain(Answerer(retriever, llm)).stream(QUESTION)) as snapshots:  # type: ignore[type-var]
        for snapshot in snapshots:
            if snapshot.text:
                break
    assert isinstance(llm.engine, QueueEngine)
    assert llm.engine.closed == 1
    assert len(llm.engine.sent) < 20


def test_without_evidence_the_model_is_not_asked(retriever: IndexRetriever) -> None:
    llm = queue_llm()
    answer = answer_chain(Answerer(retriever, llm)).invoke("Zug nach Basel")
    assert answer.abstained
    assert answer.text == NOT_FOUND
    assert answer.dropped
    assert llm.engine.asked == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("reply", [REFUSAL, f"[1] {REFUSAL}", "The passage does not answer this question", "[1] [2]"])
def test_a_refusal_is_an_abstention(retriever: IndexRetriever, reply: str) -> None:
    answer = ask(retriever, reply)
    assert answer.abstained
    assert (answer.text, answer.sentences) == (NOT_FOUND, ())
    assert answer.generated == reply


@pytest.mark.parametrize("probability", [0.9, 0.7, 0.3])
def test_a_refusal_that_the_search_does_not_believe_is_answered_with_quotes(
    retriever: IndexRetriever, monkeypatch: pytest.MonkeyPatch, probability: float
) -> None:
    """Only where the search is certain that the file holds an answer: its own bar, 0.5 here, is not enough."""
    monkeypatch.setattr("rag.search.retriever.probability", lambda *_: probability)
    monkeypatch.setattr("rag.search.retriever.NEAR_ALL", 1.0)  # texts of a few words all share the likes of "what is"
    fitted = dataclasses.replace(retriever.index.ranking.answerability, signals=("headed",), threshold=0.5)
    ranking = dataclasses.replace(retriever.index.ranking, answerability=fitted)
    sure = retriever.model_copy(
        update={
            "index": dataclasses.replace(retriever.index, ranking=ranking),
            "settings": dataclasses.replace(retriever.settings, abstain=False),
        }
    )
    answer = ask(sure, REFUSAL)
    assert answer.generated == REFUSAL
    if probability < CERTAIN:
        assert answer.abstained
        return
    assert not answer.abstained
    assert answer.notes == (NEAREST,)
    assert answer.noted("quoted")
    assert answer.text.startswith("Measles is a very contagious disease. [1]")
    for sentence in answer.sentences:
        assert sentence.verdict == "supported"
        (citation,) = sentence.citations
        assert citation.quote == sentence.text
        evidence = answer.evidence[citation.n - 1]
        assert evidence.text[citation.start : citation.end] == citation.quote


def test_a_refusal_behind_an_answer_is_left_out(retriever: IndexRetriever) -> None:
    answer = ask(retriever, f"Measles is contagious [1]. {REFUSAL}")
    assert not answer.abstained
    assert answer.text == "Measles is contagious. [1]"


def test_an_answer_to_a_part_of_the_question_is_noted(retriever: IndexRetriever) -> None:
    answer = ask(retriever, f"Measles is contagious [1]. {REST}")
    assert answer.text == "Measles is contagious. [1]"
    assert answer.notes == (PARTLY,)
    assert answer.noted("partly")
    assert not answer.noted("quoted")
    assert ask(retriever, REST).abstained


def test_a_caveat_that_the_model_left_out_is_added(retriever: IndexRetriever, tmp_path: Path) -> None:
    rows = [("What is measles?", "Measles, a disease, is caught once. However, a second time is possible. It hurts.")]
    limited = retriever.model_copy(update={"index": index_rows(tmp_path, rows)})
    answer = ask(limited, "Measles, a disease, is caught once [1].")
    assert answer.text == "Measles, a disease, is caught once. [1] However, a second time is possible. [1]"
    assert [sentence.verdict for sentence in answer.sentences] == ["supported", "supported"]
    assert answer.notes == (CAVEAT,)


def test_a_loop_is_stopped_and_said_once(retriever: IndexRetriever) -> None:
    llm = queue_llm("Measles is contagious [1]. A vaccine prevents it [1]. " * 30, max_tokens=1000)
    answer = answer_chain(Answerer(retriever, llm)).invoke(QUESTION)
    assert answer.text == "Measles is contagious. [1] A vaccine prevents it. [1]"
    assert llm.engine.closed == 1  # type: ignore[attr-defined]
    assert len(llm.engine.sent) < 200  # type: ignore[attr-defined]


def test_a_heading_repeated_is_no_answer(retriever: IndexRetriever) -> None:
    assert ask(retriever, "[1] What is measles?").abstained
    assert ask(retriever, "What is measles? It is contagious [1].").text == "It is contagious. [1]"


def test_an_answer_at_its_limit_is_cut_back_to_whole_sentences(retriever: IndexRetriever) -> None:
    answer = ask(retriever, GOOD, max_tokens=10)
    assert answer.text == "Measles is a very contagious disease. [1]"
    assert ask(retriever, GOOD, max_tokens=6).text == "Measles is a very contagious … [1]"


def test_whoever_waits_is_told_the_place_in_the_queue(retriever: IndexRetriever) -> None:
    llm = QwenChat(engine=QueueEngine(GOOD, ahead=(2, 1)), max_tokens=200)
    snapshots = list(answer_chain(Answerer(retriever, llm)).stream(QUESTION))
    assert [snapshot.ahead for snapshot in snapshots][:4] == [0, 0, 2, 1]
    assert snapshots[-1].ahead == 0
    assert snapshots[-1].text


def test_sentences_that_have_nothing_to_do_with_the_question_make_room(retriever: IndexRetriever) -> None:
    tight = retriever.model_copy(update={"settings": dataclasses.replace(retriever.settings, evidence_tokens=28)})
    answer = answer_chain(Answerer(tight, queue_llm(GOOD))).invoke(
        "how many percent of people does the vaccine keep from measles"
    )
    assert answer.evidence[0].text == "A vaccine prevents it in 97 percent of people."
    for item in answer.evidence:
        assert item.hit.text == retriever.index.by_id[item.passage_id].text
        begin = item.start - item.hit.start
        assert item.hit.text[begin : begin + len(item.text)] == item.text


def test_evidence_is_fitted_into_the_context(retriever: IndexRetriever) -> None:
    llm = queue_llm(GOOD, max_tokens=50)
    limit = llm.get_num_tokens_from_messages(messages(QUESTION, [])) + 50 + 15  # room for one sentence and its heading
    answer = answer_chain(Answerer(retriever, llm, context_tokens=limit)).invoke(QUESTION)
    assert answer.timings.prompt_tokens + 50 <= limit
    assert [item.text for item in answer.evidence] == ["Measles is a very contagious disease."]
    (left_out,) = [each for each in answer.dropped if each.reason == LEFT_OUT]
    assert left_out.hit.text == retriever.index.by_id[left_out.hit.passage_id].text


def test_errors_reach_the_caller(retriever: IndexRetriever) -> None:
    with pytest.raises(QuestionError, match="is empty"):
        ask(retriever, question=" ")

    class Broken(QueueEngine):
        def stream(self, chat, *, max_new_tokens, temperature):  # type: ignore[no-untyped-def]
            raise EngineError("no answer from the server; start it")
            yield

    llm = queue_llm().model_copy(update={"engine": Broken()})
    with pytest.raises(EngineError, match="start it"):
        answer_chain(Answerer(retriever, llm)).invoke(QUESTION)
