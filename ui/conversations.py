"""Conversations on the page: the one that is open, and the list of those that are kept."""

import contextlib
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import streamlit as st

from core.errors import CiteWellError
from rag.answer import Answer
from rag.history import Conversation, History, StoredTurn
from ui import shared

ID = re.compile(r"[0-9a-f]{32}")
"""The parameter of the address that names a conversation."""
LISTED = 20
"""Conversations that the sidebar lists."""


@dataclass
class Turn:
    """One question of the conversation, with its answer or its error."""

    question: str
    answer: Answer | None = None
    untuned: Answer | None = None
    """The same evidence answered without the adapter, where that was asked for."""
    error: str = ""
    number: int | None = None
    """The turn's place in the kept conversation while it is being answered; None before it is kept."""
    unkept: str = ""
    """Why the turn's outcome could not be kept; empty if it was."""


@contextlib.contextmanager
def warned() -> Iterator[None]:
    """Show an error of the history, and continue: no answer is lost because it cannot be kept."""
    try:
        yield
    except CiteWellError as error:
        st.warning(shared.sentence(error))


def opened(history: History, keep_days: int) -> list[Turn]:
    """The turns of the conversation that the address names (`?c=…`), as they were kept; else of this session's own.

    Args:
        keep_days: days after which a conversation that nobody touched is deleted; 0 keeps it.
    """
    state = st.session_state
    wanted = st.query_params.get("c", "")
    if not ID.fullmatch(wanted):
        wanted = ""
    if "turns" not in state or (wanted and wanted != state.conversation):
        state.conversation, state.turns = wanted or uuid.uuid4().hex, []
        with warned():
            if keep_days:
                history.forget(keep_days)
            kept = history.turns(wanted) if wanted else []
            state.turns = [Turn(turn.question, turn.answer, error=turn.error) for turn in kept]
    turns: list[Turn] = state.turns
    return turns


def save(turn: Turn, history: History, conversation: str) -> None:
    """Keep a turn, or its outcome since; if it cannot be kept, it is not lost, and the error is shown beside it."""
    kept = StoredTurn(turn.question, turn.answer, turn.error)
    try:
        if turn.number is None:
            turn.number = history.add(conversation, kept)
        else:
            history.finish(conversation, turn.number, kept)
        turn.unkept = ""
    except CiteWellError as error:  # drawn with the turn: a warning of its own would be gone with the next drawing
        turn.unkept = shared.sentence(error)


def draw_list(history: History, *, keep: bool) -> None:
    """Begin a new conversation; search and open those that are kept; rename, export or delete the open one.

    Args:
        keep: whether conversations are kept unless the user chose otherwise on the page.
    """
    st.button("New conversation", icon=":material/add_comment:", width="stretch", on_click=_begin)
    keep = st.toggle("Keep conversations", value=keep, key="keep", help="Off: nothing is stored.")
    with warned():
        if not keep:
            return
        words = st.text_input("Search conversations", placeholder="words of a question or an answer")
        found = history.conversations(words)
        for each in found[:LISTED]:
            here = each.id == st.session_state.conversation
            icon = ":material/chat:" if here else ":material/chat_bubble_outline:"
            label = shared.plain(each.title)
            st.button(label, key=f"open {each.id}", icon=icon, type="tertiary", on_click=_begin, args=(each.id,))
        if words and not found:
            st.caption("Nothing found.")
        current = next((each for each in found if each.id == st.session_state.conversation), None)
        if current is not None:
            with st.popover("This conversation", icon=":material/more_horiz:"):
                _manage(current, history)


def _manage(conversation: Conversation, history: History) -> None:
    """Rename, export or delete a conversation."""
    title = st.text_input("Title", conversation.title, key=f"title {conversation.id}")
    if title != conversation.title and title.strip():
        history.rename(conversation.id, title)
        st.rerun()
    exported = history.export(conversation.id)
    st.download_button(
        "Export as JSON", exported, f"{conversation.id}.json", icon=":material/download:", on_click="ignore"
    )
    st.button("Delete", icon=":material/delete:", on_click=_delete, args=(history, conversation.id))


def _begin(conversation: str = "") -> None:
    """Go to another conversation, or to a new one."""
    st.session_state.pop("turns", None)
    if conversation:
        st.query_params["c"] = conversation
    else:
        st.query_params.clear()


def _delete(history: History, conversation: str) -> None:
    with warned():
        history.delete(conversation)
        _begin()
