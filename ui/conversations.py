"""Conversations on the page: the one that is open, and the list of those that are kept."""

import re
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from core.errors import CiteWellError
from core.settings import load
from rag import access_log
from rag.answer import Answer
from rag.database import EARLIER
from rag.exports import file_name, to_json, to_markdown
from rag.history import Conversation, Deleted, History, StoredTurn, title_of
from rag.owners import Owners
from ui import shared
from ui.address import is_open
from ui.shared import warned
from ui.sharing import draw_links
from ui.sign_in import draw_name
from ui.visitor import Visitor, visitor

ID = re.compile(r"[0-9a-f]{32}")
"""The parameter of the address that names a conversation."""
LISTED = 20
"""Conversations that the side bar lists at first, and how many more each click adds."""
SHOWN = 26
"""Most characters of a title in the side bar, so that it stays on one line."""
UNDO_S = 600
"""Seconds for which a deleted conversation can be put back, from the memory of the visit alone."""
UNKNOWN = (
    "There is no conversation at this address: it was deleted, or it is somebody else's, or your browser has lost the "
    "cookie that showed it to be yours. This is a new one."
)


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


def opened(history: History, keep_days: int) -> list[Turn]:
    """The turns of the conversation that the address names (`?c=…`), as they were kept; else of this session's own.

    Args:
        keep_days: days after which a conversation that nobody touched is deleted; 0 keeps it.
    """
    state = st.session_state
    wanted = st.query_params.get("c", "")
    if "turns" not in state or (wanted and wanted != state.conversation):
        state.conversation, state.turns, state.kept = uuid.uuid4().hex, [], False
        with warned():
            if keep_days:
                history.forget(keep_days)
            if wanted and ID.fullmatch(wanted) and history.find(wanted):
                kept = history.turns(wanted)
                state.conversation, state.kept = wanted, True
                state.turns = [Turn(turn.question, turn.answer, error=turn.error) for turn in kept]
            elif wanted:
                st.query_params.clear()
                st.info(UNKNOWN, icon=":material/search_off:")
    elif state.get("kept") and not wanted:  # another page was open meanwhile, whose address names none
        st.query_params["c"] = state.conversation
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

    `st.session_state.keep` is then whether conversations are kept.

    Args:
        keep: whether conversations are kept unless the visitor chose otherwise on the page.
    """
    who = visitor()
    draw_name(who)
    st.button("New conversation", icon=":material/add_comment:", width="stretch", on_click=_begin)
    _draw_switch(who, keep)
    if not st.session_state.keep:
        return
    _draw_undo(history)
    with warned():
        current = history.find(st.session_state.conversation)
        st.session_state.kept = current is not None
        words = st.text_input("Search conversations", placeholder="words of a question or an answer")
        found = history.conversations(words)
        listed = st.session_state.setdefault("listed", LISTED)
        if current is not None and current not in found[:listed]:
            st.caption("Open now")
            _draw_row(current, history, who)
        _draw_found(found, listed, history, who)
        if words and not found:
            st.caption("Nothing found.")
        draw_links()
        _draw_earlier(who)


def _draw_switch(who: Visitor, keep: bool) -> None:
    """The switch, which stays as it was left: over pages, reloads and tabs of this owner."""
    owners = Owners(Path(load().history.file))
    if "keep" not in st.session_state:
        st.session_state.keep = keep
        with warned():
            st.session_state.keep = owners.keeps(who.owner, keep)
            if who.name:
                owners.seen(who.owner, who.name)

    def choose() -> None:
        st.session_state.keep = st.session_state["keep switch"]
        with warned():
            owners.choose(who.owner, st.session_state.keep)

    # A widget's own key is dropped when its page is left, so the choice has a key that no widget has.
    help_ = "Off: no question and no answer is stored."
    st.toggle("Keep conversations", value=st.session_state.keep, key="keep switch", help=help_, on_change=choose)
    st.caption(_whose(who))


def _whose(who: Visitor) -> str:
    if who.name:
        return "Kept on the computer that runs CiteWell. On this page only you see them, wherever you sign in."
    if who.lasts:
        return "Kept on the computer that runs CiteWell. On this page only this browser sees them."
    return "This browser keeps no cookie: what is kept now is out of reach after a reload."


def _draw_undo(history: History) -> None:
    deleted: tuple[float, Deleted] | None = st.session_state.get("deleted")
    if deleted is None:
        return
    if time.monotonic() - deleted[0] > UNDO_S:
        st.session_state.pop("deleted")
        return
    st.caption(f"Deleted: {shared.plain(deleted[1].title)}")
    st.button("Undo", key="undo", icon=":material/undo:", on_click=_undo, args=(history,))


def _draw_found(found: list[Conversation], listed: int, history: History, who: Visitor) -> None:
    """The conversations by date, and a button for more of them where there are more."""
    zone = _zone()
    today = datetime.now(zone).date()
    for group, members in groupby(found[:listed], lambda each: group_of(each.updated, today, zone)):
        st.caption(group)
        for each in members:
            _draw_row(each, history, who)
    if (left := len(found) - listed) > 0:
        st.button(f"Show more ({left:,} left)", key="more", icon=":material/expand_more:", on_click=_more)


def _draw_row(each: Conversation, history: History, who: Visitor) -> None:
    """One conversation: its title opens it; the open one can be renamed in its place, taken away and deleted."""
    here = each.id == st.session_state.conversation
    if here and st.session_state.get("renaming") == each.id:
        st.text_input("Title", each.title, key="title", on_change=_rename, args=(history, each.id))
    else:
        st.button(
            shared.plain(title_of(each.title, SHOWN)),
            key=f"open {each.id}",
            icon=":material/chat:" if here else ":material/chat_bubble_outline:",
            type="tertiary",
            help=shared.plain(each.title) if len(each.title) > SHOWN else None,
            on_click=_begin,
            args=(each.id,),
        )
    if here:
        _manage(each, history, who)


def group_of(updated: str, today: date, zone: tzinfo) -> str:
    """The heading above a conversation that was touched at a time in UTC, as the visitor's calendar has it."""
    try:
        day = datetime.fromisoformat(updated).astimezone(zone).date()
    except (ValueError, OverflowError):
        return "Some time"
    if day >= today:  # a later one is of a clock that was set back
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    if day > today - timedelta(days=7):
        return "Previous 7 days"
    if day > today - timedelta(days=30):
        return "Previous 30 days"
    return f"{day:%B %Y}"


def _zone() -> tzinfo:
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _manage(conversation: Conversation, history: History, who: Visitor) -> None:
    """Buttons that rename the open conversation, take it away as a file, or delete it."""
    settings, identifier = load(), conversation.id
    path = Path(settings.history.file)

    def as_json() -> str:
        access_log.note(settings, "exported", who.owner)
        return to_json(path, identifier, who.owner)

    def as_markdown() -> str:
        access_log.note(settings, "exported", who.owner)
        return to_markdown(path, identifier, who.owner)

    with st.container(horizontal=True, gap="xsmall"):
        st.button("Rename", icon=":material/edit:", on_click=_start_renaming, args=(identifier,))
        st.button("Delete", icon=":material/delete:", on_click=_delete, args=(history, identifier))
        for label, content, ending in (("Markdown", as_markdown, "md"), ("JSON", as_json, "json")):
            name = file_name(conversation, ending)
            st.download_button(label, content, name, icon=":material/download:", on_click="ignore")


def _draw_earlier(who: Visitor) -> None:
    """Say how to get at what was kept before conversations had owners.

    A command hands it over, and no button: whoever can type it can read the file anyway, and a proxy may stand before a
    page that only this computer seems to reach.
    """
    settings = load()
    if is_open(str(st.get_option("server.address") or "")) or not who.lasts:
        return
    if count := len(History(Path(settings.history.file)).conversations()):
        st.caption(f"{count:,} conversations are from before CiteWell told browsers apart. To have them here, type:")
        st.code(f"citewell history move --owner {EARLIER} --to {who.owner}", language=None, wrap_lines=True)


def _start_renaming(conversation: str) -> None:
    st.session_state.renaming = conversation


def _rename(history: History, conversation: str) -> None:
    st.session_state.pop("renaming", None)
    with warned():
        history.rename(conversation, st.session_state.title)


def _more() -> None:
    st.session_state.listed += LISTED


def _begin(conversation: str = "") -> None:
    """Go to another conversation, or to a new one."""
    for name in ("turns", "renaming"):
        st.session_state.pop(name, None)
    if conversation:
        st.query_params["c"] = conversation
    else:
        st.query_params.clear()


def _delete(history: History, conversation: str) -> None:
    with warned():
        if (deleted := history.delete(conversation)) is not None:
            st.session_state.deleted = (time.monotonic(), deleted)
            access_log.note(load(), "deleted", visitor().owner)
        _begin()


def _undo(history: History) -> None:
    with warned():
        _, deleted = st.session_state.pop("deleted")
        history.restore(deleted)
        _begin(deleted.rows["conversations"][0]["id"])
