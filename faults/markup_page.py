"""A page that shows every attack as the pages of CiteWell show texts from outside: `faults.test_markup` reads it."""

from pathlib import Path

import streamlit as st

from core.files import read_jsonl
from ui import shared

ATTACKS = [row["text"] for row in read_jsonl(Path(__file__).with_name("attacks.jsonl"), "text")]

for number, text in enumerate(ATTACKS):
    with st.container(key=f"attack-{number}"):
        st.caption(shared.plain(text))
        st.error(shared.plain(text))
        st.write(shared.plain(text))
        st.button(shared.plain(text), key=f"button {number}")
        shared.table([{text: text}])
st.text("all attacks are shown")
