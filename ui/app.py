"""The pages. Start them with `make app` or `citewell serve`."""

import logging
from pathlib import Path

import streamlit as st

from core.errors import CiteWellError
from core.progress import show_lines
from ui import chat, data, evidence, quality, shared
from ui.changed import tell_of_another_file
from ui.sign_in import draw_gate
from ui.visitor import visitor


def main() -> None:
    """Open the index, load the model, and draw the page that was chosen."""
    show_lines(logging.WARNING)
    st.set_page_config(page_title="CiteWell", page_icon=str(Path(__file__).with_name("icon.svg")), layout="centered")
    try:
        if not (who := visitor()).may_read:
            draw_gate(who)
            return
        with st.spinner("Opening the index and loading the model; the first time takes a minute …"):
            shared.answerer()
    except (CiteWellError, OSError) as error:
        st.title("CiteWell is not ready yet")
        st.error(shared.sentence(error))
        st.caption("Mend this in a terminal, then reload the page.")
        return
    pages = [
        st.Page(chat.draw, title="Chat", icon=":material/chat:", url_path="chat", default=True),
        st.Page(evidence.draw, title="Evidence", icon=":material/manage_search:", url_path=evidence.PAGE),
        st.Page(data.draw, title="Data", icon=":material/database:", url_path="data"),
        st.Page(quality.draw, title="Quality", icon=":material/query_stats:", url_path="quality"),
    ]
    page = st.navigation(pages)
    shared.embedding_status()
    tell_of_another_file()
    page.run()


main()
