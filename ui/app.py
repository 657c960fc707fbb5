"""The pages. Start them with `make app` or `citewell page`."""

import importlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from core.errors import CiteWellError
from core.progress import show_lines
from core.settings import load
from index.published import published_build
from ui import welcome
from ui.sign_in import draw_gate
from ui.visitor import visitor

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage


def main() -> None:
    """Draw the page that was chosen; what is slow to load comes after the first paint."""
    show_lines(logging.WARNING)
    st.set_page_config(page_title="CiteWell", page_icon=str(Path(__file__).with_name("icon.svg")), layout="centered")
    welcome.style()
    try:
        who = visitor()
        page = st.navigation(_pages(), position="sidebar" if who.may_read else "hidden")
        if not who.may_read:
            draw_gate(who)
            return
        if not load().ui.service_url:
            published_build(Path(load().index.dir))
        page.run()
    except (CiteWellError, OSError) as error:
        from ui import shared

        st.title("CiteWell is not ready yet", anchor=False)
        st.error(shared.sentence(error))
        st.caption("Correct this in a terminal, then reload the page.")


def _pages() -> "list[StreamlitPage]":
    return [
        st.Page(_chat, title="Chat", icon=":material/chat:", url_path="chat", default=True),
        st.Page(_other("evidence"), title="Evidence", icon=":material/manage_search:", url_path="evidence"),
        st.Page(_other("data"), title="Data", icon=":material/database:", url_path="data"),
        st.Page(_other("quality"), title="Quality", icon=":material/query_stats:", url_path="quality"),
    ]


def _chat() -> None:
    place = st.empty()
    if "turns" not in st.session_state:
        welcome.begin(place)
    from ui import changed, chat, shared

    try:
        shared.embedding_status()
        changed.tell_of_another_file()
        chat.draw(place)
    except (CiteWellError, OSError):
        place.empty()
        raise


def _other(name: str) -> Callable[[], None]:
    """The page of a module, which is loaded when the page is opened."""

    def draw() -> None:
        with st.spinner("Opening the index …"):
            from ui import changed, shared

            shared.backend().manifest()
            module = importlib.import_module(f"ui.{name}")
        shared.embedding_status()
        changed.tell_of_another_file()
        module.draw()

    draw.__name__ = name
    return draw


main()
