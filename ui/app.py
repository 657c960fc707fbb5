"""The chat page. Start it with `make app` or `python -m ui`."""

import contextlib
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import streamlit as st

from core.errors import CiteWellError
from core.settings import Settings, load
from rag.answer import Answer
from rag.chain import Asked, answer_again, answer_chain, open_llm, open_retriever, open_untuned_llm, published
from rag.retriever import IndexRetriever
from ui.answer_view import show_answer

NOTICE = (
    "CiteWell repeats what its file says. It is information, no medical advice: ask a doctor about your own health."
)
EXAMPLES = 4

log = logging.getLogger("citewell.ui")


@dataclass
class Turn:
    """One question of the conversation, and what became of it."""

    question: str
    answer: Answer | None = None
    untuned: Answer | None = None
    """The same evidence answered without the adapter, where that was asked for."""
    error: str = ""


# One model and one index for all sessions of the page. The index is keyed by its build, so that a rebuild is taken
# up by the next question while the model stays loaded.
@st.cache_resource(show_spinner=False)
def _llm():  # type: ignore[no-untyped-def]  # the type belongs to generator/, which this page does not import
    return open_llm(load(), log.warning)


@st.cache_resource(show_spinner="Loading the model without its adapter; the first time takes some seconds …")
def _untuned_llm():  # type: ignore[no-untyped-def]
    return open_untuned_llm(load(), log.warning)


@st.cache_resource(show_spinner=False, max_entries=2)
def _retriever(build: str) -> IndexRetriever:
    return open_retriever(load(), log.warning)


def _sidebar(retriever: IndexRetriever) -> None:
    manifest = retriever.index.manifest
    built = datetime.fromisoformat(manifest.built).astimezone().strftime("%d %b %Y, %H:%M")
    with st.sidebar:
        st.subheader("The file")
        st.text(manifest.csv)
        st.caption(
            f"{manifest.rows:,} rows, {manifest.kept:,} answers, {manifest.passages:,} passages  \nindexed {built}"
        )
        st.subheader("The model")
        identity = _llm().engine.identity
        st.text(identity["model"])
        details = [identity["engine"], identity.get("quant", ""), identity.get("device", "")]
        if identity.get("adapter"):
            details.append(f"adapter {identity['adapter']}")
        st.caption(", ".join(detail for detail in details if detail))
        if st.button("New conversation", icon=":material/refresh:", width="stretch"):
            st.session_state.turns = []


def _show(turn: Turn, key: str) -> None:
    with st.chat_message("user", avatar=":material/person:"):
        st.text(turn.question)
    with st.chat_message("assistant", avatar=":material/menu_book:"):
        if turn.error:
            st.error(turn.error)
        elif turn.answer is not None and turn.untuned is not None:
            for column, title, answer, name in zip(
                st.columns(2),
                ("With the adapter", "Without it"),
                (turn.answer, turn.untuned),
                ("tuned", "untuned"),
                strict=True,
            ):
                with column:
                    st.caption(title)
                    show_answer(answer, f"{key} {name}")
        elif turn.answer is not None:
            show_answer(turn.answer, key)
            _offer_comparison(turn, turn.answer, key)


def _offer_comparison(turn: Turn, answer: Answer, key: str) -> None:
    """A button that lets the model without its adapter answer from the same evidence."""
    if not answer.model.get("adapter") or not answer.evidence or not answer.finished:
        return
    if st.button("Compare with the untuned model", key=f"compare {key}", icon=":material/compare:", type="tertiary"):
        area = st.empty()
        try:
            for untuned in answer_again(answer, _untuned_llm()):
                area.text(untuned.text or "Reading the same passages …")
                turn.untuned = untuned if untuned.finished else None
        except CiteWellError as error:
            area.error(_sentence(error))
            return
        st.rerun()


def _ask(question: str, retriever: IndexRetriever, settings: Settings) -> None:
    turn = Turn(question)
    st.session_state.turns.append(turn)
    with st.chat_message("user", avatar=":material/person:"):
        st.text(question)
    with st.chat_message("assistant", avatar=":material/menu_book:"):
        area = st.empty()
        with area.container():
            st.caption("Searching the file and reading what it says …")
        chain = answer_chain(retriever, _llm(), settings.generator.context_tokens)
        try:
            asked = Asked(question, _searched(st.session_state.turns[:-1]))
            with contextlib.closing(chain.stream(asked)) as snapshots:  # type: ignore[type-var]
                for turn.answer in snapshots:
                    if turn.answer.ahead:
                        area.caption(_place(turn.answer.ahead))
                    elif turn.answer.text and not turn.answer.finished:
                        area.text(turn.answer.text)
        except CiteWellError as error:
            turn.error = _sentence(error)
        except Exception:
            log.exception("answering failed")
            turn.error = "Something went wrong while answering. The terminal that runs CiteWell shows what; ask again."
    st.rerun()


def _searched(turns: list[Turn]) -> tuple[str, ...]:
    """What was searched before in this conversation: a follow-up is read with it."""
    return tuple(turn.answer.search_query for turn in turns if turn.answer is not None and turn.answer.evidence)


def _place(ahead: int) -> str:
    others = "One question is" if ahead == 1 else f"{ahead} questions are"
    return f"{others} being answered before yours …"


def _sentence(error: CiteWellError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:] + "."


def _welcome(retriever: IndexRetriever) -> str | None:
    """The empty state: what this is, and some questions of the file to begin with; returns the one clicked."""
    st.title("Ask, and see the evidence")
    st.write("Every answer is written from passages of one file, and every sentence shows the words that it rests on.")
    records = list(retriever.index.records.values())
    short = [record.question for record in records if len(record.question) <= 60] or [records[0].question]
    chosen = short[:: max(1, len(short) // EXAMPLES)][:EXAMPLES]
    for column, question in zip(st.columns(2) * (EXAMPLES // 2), chosen, strict=False):
        if column.button(_plain(question), key=f"example {question}", width="stretch"):
            return question
    return None


def _plain(text: str) -> str:
    """Text for a widget's label, where Streamlit reads Markdown."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]()#+-.!:<>~$|" else char for char in text)


def main() -> None:
    """Draw the page."""
    st.set_page_config(page_title="CiteWell", page_icon=str(Path(__file__).with_name("icon.svg")), layout="centered")
    turns: list[Turn] = st.session_state.setdefault("turns", [])
    try:
        settings = load()
        with st.spinner("Opening the index and loading the model; the first time takes a minute …"):
            retriever = _retriever(published(settings))
            _llm()
    except CiteWellError as error:
        st.title("CiteWell is not ready yet")
        st.error(_sentence(error))
        st.caption("Mend this in a terminal, then reload the page.")
        return
    _sidebar(retriever)
    question = st.chat_input("Ask a health question", submit_mode="stop", max_chars=settings.rag.max_question_chars)
    welcome = st.empty()
    if not turns and not question:
        with welcome.container():
            question = _welcome(retriever)
    for number, turn in enumerate(turns):
        _show(turn, f"turn {number}")
    if question:
        welcome.empty()
        _ask(question, retriever, settings)
    st.caption(NOTICE)


main()
