"""The name of the page and what it is: all that can be drawn before any module or file is loaded."""

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

_STYLE = Path(__file__).with_name("page.css")
WHAT_IT_IS = (
    "Ask in your own words. The answer is written from one file of questions and answers, and every sentence of it "
    "shows the words of the file that it rests on."
)


def style() -> None:
    """How Streamlit's own parts look."""
    st.html(_STYLE)


def greet() -> None:
    """The name, and what this is, for whoever has asked nothing yet."""
    st.html('<p class="name">CiteWell</p>')
    st.title("Ask, and see the evidence", anchor=False)
    st.write(WHAT_IT_IS)


def name(place: DeltaGenerator) -> None:
    """The name above a conversation, in the place of whatever stood there."""
    place.html('<h1 class="name">CiteWell</h1>')


def begin(place: DeltaGenerator) -> None:
    """The first thing that a visit shows, before it is known what else there is."""
    if "c" in st.query_params:
        name(place)
    else:
        with place.container():
            greet()
