"""The page's states without a browser: streamlit's own AppTest, and what is sent to the component."""

import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.errors import DataError, EngineError
from core.settings import IndexSettings
from generator.engines.base import Chat, Chunk
from generator.llm import QwenChat
from generator.prompt import REST
from rag import opening
from rag.answer import Answer
from rag.answerer import UNCHECKED, Answerer, answer_chain
from rag.feedback import given
from rag.history import History
from rag.search.retriever import IndexRetriever
from tests.conftest import ROOT, queue_llm, queue_of
from tests.fakes import QueueEngine
from tests.rag.test_answerer import GOOD, QUESTION
from ui.answer_view import Place, view
from ui.shared import JOINER, sentence

APP = str(ROOT / "ui/app.py")


@pytest.fixture
def app(small_index: IndexSettings, word_embedder: object, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    import streamlit as st

    st.cache_resource.clear()
    monkeypatch.setenv("CITEWELL_INDEX_DIR", small_index.dir)
    monkeypatch.setenv("CITEWELL_HISTORY_FILE", str(Path(small_index.dir).parent / "history.sqlite"))
    monkeypatch.setenv("CITEWELL_RAG_MIN_SCORE", "0.2")
    monkeypatch.setattr(opening, "open_llm", lambda settings: queue_llm(GOOD, GOOD))
    monkeypatch.setattr(opening, "open_checks", lambda *_: UNCHECKED)
    return AppTest.from_file(APP, default_timeout=30)


def unescaped(markdown: str) -> str:
    """What a reader sees of a message in which Markdown is escaped."""
    return re.sub(r"\\(.)", r"\1", markdown).replace(JOINER, "")


def test_words_of_a_file_are_no_markdown_in_a_message() -> None:
    """A header such as this one, in an error about it, let the browser load the picture."""
    shown = sentence(DataError("found the columns ![x](http://127.0.0.1:9/p.png) and <b>"))
    assert unescaped(shown) == "Found the columns ![x](http://127.0.0.1:9/p.png) and <b>."
    assert re.search(r"(?<!\\)[!\[\]()<>]", shown) is None


def test_a_folder_that_cannot_be_read_is_reported_and_not_raised(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "artifacts/index/current")

    monkeypatch.setattr(opening, "open_index", refused)
    app.run()
    assert app.title[0].value == "CiteWell is not ready yet"
    assert unescaped(app.error[0].value) == "Permission denied: artifacts/index/current."


def test_with_no_index_the_page_says_how_to_build_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITEWELL_INDEX_DIR", str(tmp_path / "none"))
    app = AppTest.from_file(APP, default_timeout=30).run()
    assert app.title[0].value == "CiteWell is not ready yet"
    assert "No index at" in unescaped(app.error[0].value)
    assert "citewell build" in unescaped(app.error[0].value)
    assert not app.chat_input


def test_the_empty_page_offers_questions_of_the_file(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    offered: list[str] = []
    monkeypatch.setattr("ui.chat.show_questions", lambda questions, key: offered.extend(questions))
    app.run()
    assert not app.exception
    assert app.title[0].value == "Ask, and see the evidence"
    assert any("4 answers on 4 topics" in unescaped(each.value) for each in app.markdown)
    assert "What is measles?" in offered
    app.chat_input[0].set_value("What is measles?").run()
    assert not app.title
    assert [turn.answer.text for turn in app.session_state.turns] == [
        "Measles is a very contagious disease. [1] A vaccine prevents it in 97 percent of people. [1]"
    ]


def test_each_conversation_has_thumbs_of_its_own(app: AppTest) -> None:
    app.run()
    app.chat_input[0].set_value(QUESTION).run()
    app.feedback[0].set_value(1).run()
    next(button for button in app.button if button.label == "New conversation").click().run()
    app.chat_input[0].set_value("what causes acne").run()
    assert app.feedback[0].value is None
    assert not [caption for caption in app.caption if "This is kept" in caption.value]
    app.feedback[0].set_value(0).run()
    next(button for button in app.button if button.label == "Send").click().run()
    kept = given(Path(os.environ["CITEWELL_HISTORY_FILE"]))
    assert [(each.receipt.answer.question, each.good) for each in kept] == [
        (QUESTION, True),
        ("what causes acne", False),
    ]


def test_an_address_that_names_no_conversation_begins_a_new_one(app: AppTest) -> None:
    app.query_params["c"] = "x" * 5000
    app.run()
    assert any("no conversation at this address" in info.value for info in app.info)
    app.chat_input[0].set_value(QUESTION).run()
    (kept,) = History(Path(os.environ["CITEWELL_HISTORY_FILE"]), app.session_state.owner).conversations()
    assert re.fullmatch(r"[0-9a-f]{32}", kept.id)


def test_who_asks_too_often_finds_the_question_in_the_box_again(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITEWELL_UI_QUESTIONS_PER_MINUTE", "1")
    app.run()
    app.chat_input[0].set_value(QUESTION).run()
    app.chat_input[0].set_value("what causes acne").run()
    assert "More than 1 questions in a minute" in app.warning[0].value
    assert app.chat_input[0].proto.value == "what causes acne"
    assert [turn.question for turn in app.session_state.turns] == [QUESTION]


def test_what_could_not_be_kept_says_so_beside_the_answer(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    app.run()
    monkeypatch.setattr(History, "finish", _broken)
    app.chat_input[0].set_value(QUESTION).run()
    assert "The engine is away; start it." in [unescaped(warning.value) for warning in app.warning]
    assert app.session_state.turns[0].answer.finished


def test_without_the_model_the_evidence_is_kept_and_the_next_question_tries_to_load_it_again(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(settings: object) -> QwenChat:
        raise EngineError("the weights are damaged; prepare them again")

    working = opening.open_llm
    monkeypatch.setattr(opening, "open_llm", broken)
    app.run()
    app.chat_input[0].set_value(QUESTION).run()
    (turn,) = app.session_state.turns
    assert turn.answer.evidence
    assert not turn.answer.finished
    assert unescaped(app.error[0].value) == "The weights are damaged; prepare them again."
    assert any("could not be loaded" in each.value for each in app.caption)
    monkeypatch.setattr(opening, "open_llm", working)
    app.chat_input[0].set_value(QUESTION).run()
    assert app.session_state.turns[1].answer.finished


def test_an_error_is_told_and_the_conversation_goes_on(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    app.run()
    monkeypatch.setattr(IndexRetriever, "search", _broken)
    app.chat_input[0].set_value(QUESTION).run()
    assert unescaped(app.error[0].value) == "The engine is away; start it."
    monkeypatch.undo()
    assert len(app.session_state.turns) == 1


def test_what_was_written_before_the_engine_failed_stays_marked_incomplete(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    llm = QwenChat(engine=BreaksOff(GOOD))
    monkeypatch.setattr(opening, "open_llm", lambda settings: llm)
    app.run()
    app.chat_input[0].set_value(QUESTION).run()
    (turn,) = app.session_state.turns
    assert turn.answer.text.startswith("Measles is a very contagious disease. [1]")
    assert not turn.answer.finished
    assert unescaped(app.error[0].value) == "The engine broke off; ask again."
    assert view(turn.answer, {})["stopped"]  # the page then says that it is incomplete
    conversation = app.session_state.conversation
    again = AppTest.from_file(APP, default_timeout=30)
    again.query_params["c"] = conversation
    again.session_state.owner = app.session_state.owner
    again.run()
    (kept,) = again.session_state.turns
    assert (kept.answer.text, kept.error) == (turn.answer.text, turn.error)


def test_whoever_waits_reads_the_evidence_and_sees_the_place_in_the_queue(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []

    def shown(self: Place, answer: Answer, *, growing: bool = False, **_: bool) -> None:
        drawn = view(answer, {}, growing=growing)
        seen.append((drawn["status"], len([each for each in drawn["sources"] if each["lead"]])))

    llm = QwenChat(engine=QueueEngine(GOOD, ahead=(2, 1)))
    monkeypatch.setattr(opening, "open_llm", lambda settings: llm)
    monkeypatch.setattr(Place, "show", shown)
    monkeypatch.setattr("ui.chat.REDRAWN_S", 0.0)
    app.run()
    app.chat_input[0].set_value(QUESTION).run()
    assert list(dict.fromkeys(seen)) == [
        ("Searching the file …", 0),
        ("2 passages found; the model is reading them …", 2),
        ("2 passages found; 2 questions are being answered before yours …", 2),
        ("2 passages found; one question is being answered before yours …", 2),
        ("2 passages found; writing …", 2),
        ("", 2),
    ]
    assert app.session_state.turns[0].answer.finished


def test_an_answer_is_compared_with_that_of_the_untuned_model(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    tuned = queue_llm(GOOD)
    queue_of(tuned).identity = {**queue_of(tuned).identity, "adapter": "medquad@1234"}
    monkeypatch.setattr(opening, "open_llm", lambda settings: tuned)
    monkeypatch.setattr(
        opening, "open_untuned_llm", lambda settings: queue_llm("A vaccine prevents it in 97 percent of people.")
    )
    app.run()
    app.chat_input[0].set_value(QUESTION).run()
    next(button for button in app.button if button.label == "Compare with the untuned model").click().run()
    assert not app.exception
    (turn,) = app.session_state.turns
    assert turn.answer.text.startswith("Measles is a very contagious disease.")
    assert turn.untuned.text == "A vaccine prevents it in 97 percent of people. [1]"
    assert turn.untuned.evidence == turn.answer.evidence
    assert {"With the adapter", "Without it"} <= {caption.value for caption in app.caption}
    assert not any(button.label.startswith("Compare") for button in app.button)


def test_without_an_adapter_there_is_nothing_to_compare(app: AppTest) -> None:
    app.run()
    app.chat_input[0].set_value(QUESTION).run()
    assert app.session_state.turns[0].answer.finished
    assert not any(button.label.startswith("Compare") for button in app.button)


class BreaksOff(QueueEngine):
    """Fails after the first sentence."""

    def stream(self, chat: Chat, *, max_new_tokens: int, temperature: float) -> Iterator[Chunk]:
        for chunk in super().stream(chat, max_new_tokens=max_new_tokens, temperature=temperature):
            yield chunk
            if "[1]. A" in self.sent:
                raise EngineError("the engine broke off; ask again")


def _broken(self: IndexRetriever, *_: object, **__: object) -> None:
    raise EngineError("the engine is away; start it")


def finished(retriever: IndexRetriever, reply: str) -> Answer:
    return answer_chain(Answerer(retriever, queue_llm(reply))).invoke(QUESTION)


def test_the_view_puts_chips_where_the_markers_stand(retriever: IndexRetriever) -> None:
    seen = view(finished(retriever, f"{GOOD}\nMeasles comes from cold feet."), retriever.index.records)
    assert [note["kind"] for note in seen["remarks"]] == ["restated"]  # nothing supports the last sentence
    assert [piece["text"] for piece in seen["pieces"]] == [
        "Measles is a very contagious disease.",
        " ",
        "A vaccine prevents it in 97 percent of people.",
    ]
    assert [piece.get("verdict") for piece in seen["pieces"]] == ["supported", None, "supported"]
    source, other = seen["sources"]
    assert [source["text"][start:end] for start, end in source["spans"]] == [
        "Measles is a very contagious disease.",
        "A vaccine prevents it in 97 percent of people.",
    ]
    assert (source["n"], source["tag"]) == (1, "")
    assert (other["n"], other["tag"]) == (2, "read, but not cited")
    assert seen["title"] == "Evidence"


def test_while_an_answer_grows_its_evidence_stands_with_the_sentence_to_read_first(retriever: IndexRetriever) -> None:
    drawn = [
        view(snapshot, retriever.index.records, growing=True)
        for snapshot in answer_chain(Answerer(retriever, queue_llm(GOOD))).stream(QUESTION)
    ]
    assert [each["growing"] for each in drawn] == [True] * (len(drawn) - 1) + [False]
    assert drawn[0]["made"] is None  # nothing has been made yet
    assert drawn[-1]["made"]["prompt"]
    leads = [[source["lead"] for source in each["sources"]] for each in drawn]
    assert all(each == leads[0] for each in leads)
    for source, lead in zip(drawn[0]["sources"], leads[0], strict=True):
        assert source["text"][slice(*lead["span"])] == lead["text"]


def test_a_lead_that_was_trimmed_off_has_no_place_in_what_the_model_is_shown(retriever: IndexRetriever) -> None:
    answer = finished(retriever, GOOD)
    lead = answer.leads[0]
    short = dataclasses.replace(answer.evidence[0], start=lead.start + 5, text=lead.text[5:])
    drawn = view(dataclasses.replace(answer, evidence=(short, *answer.evidence[1:])), {})
    assert drawn["sources"][0]["lead"] == {"text": lead.text, "span": None}


def test_notes_go_to_the_page_with_their_kind(retriever: IndexRetriever) -> None:
    seen = view(finished(retriever, f"{GOOD} {REST} how long it lasts."), retriever.index.records)
    assert seen["lacks"] == [{"kind": "partly", "text": "the passages do not say how long it lasts"}]


def test_the_funnel_shows_what_became_of_each_hit(retriever: IndexRetriever) -> None:
    answer = finished(retriever, GOOD)
    funnel = view(answer, retriever.index.records)["made"]["funnel"]
    assert [count for _, count in funnel["counts"]] == [2 + len(answer.dropped), 2, 1]
    became = {row["question"]: row["became"] for row in funnel["rows"]}
    assert became["What is measles?"] == "cited"
    for each in answer.dropped:
        assert became[each.hit.question] == each.reason


def test_only_web_links_become_links(retriever: IndexRetriever) -> None:
    answer = finished(retriever, GOOD)
    for url, shown in [("javascript:alert(1)", ""), ("https://example.org/a", "https://example.org/a")]:
        evidence = tuple(
            dataclasses.replace(item, hit=dataclasses.replace(item.hit, url=url)) for item in answer.evidence
        )
        assert view(dataclasses.replace(answer, evidence=evidence), {})["sources"][0]["url"] == shown
