"""The Evidence page: retrieval alone, every stage of it, without an answer."""

import streamlit as st

from core.errors import CiteWellError
from rag.answer import Hit
from ui import shared

STAGES = {"headed": "Passages", "question": "Questions", "lexical": "Words", "reader": "Reader"}


def draw() -> None:
    """Draw the page."""
    st.title("Evidence")
    st.write("Try the search alone: what it finds, at which rank in each stage, and what it leaves out and why.")
    question = st.text_input("Question", placeholder="what helps against gout", max_chars=2000)
    if not question:
        return
    try:
        found = shared.retriever().search(question)
    except CiteWellError as error:
        st.error(shared.sentence(error))
        return
    st.caption("Searched for")
    st.text(found.search_query)
    for note in found.query.notes:
        st.caption(shared.plain(f"({note.text})"))
    if found.query.reply:
        st.info(shared.plain(found.query.reply))
        return
    st.caption(f"Asked about: {found.query.aspect}. The file holds an answer with probability {found.answerable:.0%}.")
    st.subheader("Presented to the model")
    if not found.hits:
        st.write("Nothing: the file does not seem to hold an answer.")
    for number, hit in enumerate(found.hits, start=1):
        with st.expander(shared.plain(f"[{number}] {hit.question}")):
            st.text(hit.text)
            st.caption(shared.plain(f"record {hit.record_id}, from character {hit.start:,}; score {hit.score:.2f}"))
    st.subheader("All retrieved")
    rows = [_row(hit, "presented") for hit in found.hits] + [_row(each.hit, each.reason) for each in found.dropped]
    shared.table(rows)


def _row(hit: Hit, became: str) -> dict[str, object]:
    ranks = {title: hit.ranks.get(stage) for stage, title in STAGES.items()}
    return {"Question": hit.question, "Score": round(hit.score, 3), **ranks, "What became of it": became}
