"""Tells a conversation that the file behind it was changed by somebody."""

import streamlit as st

from core.errors import CiteWellError
from rag.admin import described
from ui import shared

LOOK_S = 5
"""Seconds between two looks at which index is published."""


@st.fragment(run_every=LOOK_S)
def tell_of_another_file() -> None:
    """One quiet line, where the conversation of this session began over another file than the one that is asked now."""
    state = st.session_state
    try:
        now = shared.manifest()
    except (CiteWellError, OSError):
        return  # the page says what is wrong
    began = state.setdefault("file asked", {"sha256": now.csv_sha256, "csv": now.csv})
    if not state.get("turns"):
        state["file asked"] = {"sha256": now.csv_sha256, "csv": now.csv}
    elif began["sha256"] != now.csv_sha256:
        st.caption(
            f":material/sync: This conversation began over {shared.plain(began['csv'])}. "
            f"The next answers come from {shared.plain(described(now))}."
        )
