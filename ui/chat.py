"""The chat page: questions, answers with their evidence, and feedback on them."""

import contextlib
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import streamlit as st

from core.errors import CiteWellError
from core.progress import log
from core.settings import Settings, load
from rag import access_log
from rag.answer import Answer
from rag.answerer import Answerer, Request, answer_chain, made_by
from rag.feedback import REASONS, give
from rag.history import History
from rag.receipt import receipt, to_html
from rag.search.retriever import IndexRetriever
from ui import shared
from ui.answer_view import Place, prepare, show_answer
from ui.conversations import Turn, draw_list, opened, save
from ui.shared import warned
from ui.sharing import draw_share
from ui.visitor import visitor

NOTICE = (
    "CiteWell repeats what its file says. It is information, no medical advice: ask a doctor about your own health."
)
UNFINISHED = "This answer is incomplete: it was not written to its end. Ask again."
EXAMPLES = 4
REDRAWN_S = 0.05
"""Seconds between two drawings of a growing text: it grows by up to a hundred pieces a second."""


def draw() -> None:
    """Draw the page."""
    settings, answerer = load(), shared.answerer()
    retriever = answerer.retriever
    history = History(Path(settings.history.file), visitor().owner)
    turns = opened(history, settings.history.keep_days)
    with st.sidebar:
        draw_list(history, keep=settings.history.keep)
        _about(answerer)
    limit = settings.rag.max_question_chars
    question = st.chat_input("Ask a health question", submit_mode="stop", max_chars=limit)
    welcome = st.empty()
    if not turns and not question:
        with welcome.container():
            question = _welcome(retriever)
    for number, turn in enumerate(turns):
        _show(turn, _key(number), retriever, settings)
    if question and _too_many(settings.ui.questions_per_minute):
        st.error(f"More than {settings.ui.questions_per_minute} questions in a minute; wait a little, then ask again.")
    elif question:
        welcome.empty()
        _ask(question, answerer, history)
    st.caption(NOTICE)


def _about(answerer: Answerer) -> None:
    """The file that is asked, and the model that answers."""
    manifest, identity = answerer.retriever.index.manifest, made_by(answerer.llm)
    built = datetime.fromisoformat(manifest.built).astimezone().strftime("%d %b %Y, %H:%M")
    st.subheader("The file")
    st.text(manifest.csv)
    st.caption(f"{manifest.rows:,} rows, {manifest.kept:,} answers, {manifest.passages:,} passages  \nindexed {built}")
    st.subheader("The model")
    st.text(identity["model"])
    details = [identity["engine"], identity.get("quant", ""), identity.get("device", ""), identity["processor"]]
    if identity.get("adapter"):
        details.append(f"adapter {identity['adapter']}")
    st.caption(", ".join(detail for detail in details if detail))


def _show(turn: Turn, key: str, retriever: IndexRetriever, settings: Settings) -> None:
    with st.chat_message("user", avatar=":material/person:"):
        st.text(turn.question)
    with st.chat_message("assistant", avatar=":material/menu_book:"):
        records = retriever.index.records
        if turn.answer is not None and turn.untuned is not None:
            for column, title, answer, name in zip(
                st.columns(2),
                ("With the adapter", "Without it"),
                (turn.answer, turn.untuned),
                ("tuned", "untuned"),
                strict=True,
            ):
                with column:
                    st.caption(title)
                    show_answer(answer, f"{key} {name}", records)
        elif turn.answer is not None and (turn.answer.evidence or turn.answer.text or not turn.error):
            show_answer(turn.answer, key, records)
        if turn.unkept:
            st.warning(turn.unkept)
        if turn.error:
            st.error(turn.error)
        elif turn.answer is None:
            st.caption(UNFINISHED)
        elif turn.answer.finished and turn.answer.evidence:
            _below(turn, turn.answer, key, settings)


def _below(turn: Turn, answer: Answer, key: str, settings: Settings) -> None:
    """Thumbs, the receipt, and the comparison."""
    with st.container(horizontal=True, vertical_alignment="center"):
        thumb = st.feedback("thumbs", key=f"thumbs {key}")
        with st.popover("Receipt", icon=":material/receipt_long:"):
            st.caption("The answer with all that it rests on. Check it: citewell receipt verify FILE")
            # Made when they are asked for: a conversation of fifty answers is drawn again with each question.
            as_json, as_page = (lambda: receipt(answer).to_json()), (lambda: to_html(receipt(answer)))
            # No rerun on a click: it would revoke the very callable that the browser is about to ask for.
            st.download_button(
                "Download as JSON", as_json, "answer.json", "application/json", key=f"json {key}", on_click="ignore"
            )
            st.download_button(
                "Download as a page", as_page, "answer.html", "text/html", key=f"html {key}", on_click="ignore"
            )
    draw_share(answer, st.session_state.conversation, key)
    file = Path(settings.history.file)
    if thumb == 1:
        _give(file, answer, key, good=True)
    elif thumb == 0:
        with st.form(f"feedback {key}"):
            reason = st.pills("What is wrong with it?", REASONS, default=REASONS[0], key=f"reason {key}")
            better = st.text_area("What should it have said? (optional)", key=f"better {key}", max_chars=4000)
            if st.form_submit_button("Send"):
                _give(file, answer, key, good=False, reason=reason or REASONS[0], better=better)
    if answer.model.get("adapter") and answer.prompt and turn.untuned is None:
        _offer_comparison(turn, answer, key)


def _give(file: Path, answer: Answer, key: str, *, good: bool, reason: str = "", better: str = "") -> None:
    said = (good, reason, better)
    if st.session_state.get(f"given {key}") != said:
        with warned():
            give(file, answer, good, reason, better, visitor().owner)
            access_log.note(load(), "judged", visitor().owner, good=int(good))
            st.session_state[f"given {key}"] = said
    if st.session_state.get(f"given {key}") == said:
        st.caption("Thank you. This is kept with the answer's receipt.")


def _offer_comparison(turn: Turn, answer: Answer, key: str) -> None:
    """A button that lets the model without its adapter answer from the same evidence."""
    if st.button("Compare with the untuned model", key=f"compare {key}", icon=":material/compare:", type="tertiary"):
        area = st.empty()
        try:
            for untuned in replace(shared.answerer(), llm=shared.untuned_llm()).answer_again(answer):
                area.text(untuned.text or "Reading the same passages …")
                turn.untuned = untuned if untuned.finished else None
        except CiteWellError as error:
            area.error(shared.sentence(error))
            return
        st.rerun()


def _ask(question: str, answerer: Answerer, history: History) -> None:
    turn = Turn(question)
    turns: list[Turn] = st.session_state.turns
    number = len(turns)
    turns.append(turn)
    # Read before: whoever stops an answer stops every further use of Streamlit, and what was written is to be saved.
    keep = st.session_state.conversation if st.session_state.get("keep") else ""
    settings, owner = load(), visitor().owner
    with st.chat_message("user", avatar=":material/person:"):
        st.text(question)
    with st.chat_message("assistant", avatar=":material/menu_book:"):
        place = Place(_key(number), answerer.retriever.index.records)
        place.show(Answer(question, question), growing=True)  # the component is there by the time that the search is
        chain = answer_chain(answerer)
        drawn = 0.0
        if keep:  # before it is answered: a reload in the middle of it finds the conversation again
            save(turn, history, keep)
            st.query_params["c"] = keep
            st.session_state.kept = True
        try:
            asked = Request(question, tuple(turn.question for turn in turns[:-1]))
            with contextlib.closing(chain.stream(asked)) as snapshots:  # type: ignore[type-var]
                for turn.answer in snapshots:
                    now = time.monotonic()
                    if not turn.answer.text or turn.answer.finished or now - drawn >= REDRAWN_S:
                        place.show(turn.answer, growing=True)
                        drawn = now
        except CiteWellError as error:
            turn.error = shared.sentence(error)
        except Exception:
            log.exception("answering failed")
            turn.error = "Something went wrong while answering. The terminal that runs CiteWell shows what; ask again."
        finally:  # whatever was written stays, also when the page is left or the answer stopped
            if keep:
                save(turn, history, keep)
            access_log.note(settings, "asked", owner, turn.answer)
    st.rerun()


def _key(number: int) -> str:
    """The prefix of the keys of a turn's widgets: Streamlit keeps their state by key, and each turn has its own."""
    return f"{st.session_state.conversation} {number}"


def _too_many(limit: int) -> bool:
    """Whether this session has asked as many questions in a minute as it may."""
    now = time.monotonic()
    asked = [when for when in st.session_state.get("asked", []) if now - when < 60]
    st.session_state.asked = asked if len(asked) >= limit else [*asked, now]
    return len(asked) >= limit


def _welcome(retriever: IndexRetriever) -> str | None:
    """The empty state: what this is, and some questions of the file to begin with; returns the one clicked."""
    prepare()
    st.title("Ask, and see the evidence")
    st.write("Every answer is written from passages of one file, and every sentence shows the words that it rests on.")
    records = list(retriever.index.records.values())
    short = [record.question for record in records if len(record.question) <= 60] or [records[0].question]
    chosen = short[:: max(1, len(short) // EXAMPLES)][:EXAMPLES]
    for column, question in zip(st.columns(2) * (EXAMPLES // 2), chosen, strict=False):
        if column.button(shared.plain(question), key=f"example {question}", width="stretch"):
            return question
    return None
