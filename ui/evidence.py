"""The Evidence page: the search alone, every stage of it, without an answer."""

from urllib.parse import urlencode

import streamlit as st

from core.errors import CiteWellError
from rag.answer import Hit
from rag.answerer import Request
from ui import shared

PAGE = "evidence"
"""The page's place in the address."""
STAGES = {"headed": "By meaning", "question": "By question", "lexical": "By words", "reader": "Reader"}
"""Stage of the search -> the title of its ranks."""
LIKELY = ((0.9, "very likely"), (0.65, "likely"), (0.35, "perhaps"), (0.1, "hardly"), (0.0, "very unlikely"))
"""From which probability on the file holds an answer, in words."""
_MOST = 2000


def evidence_address(question: str) -> str:
    """The address of this page with a question searched for, for a link beside an answer."""
    return f"{PAGE}?{urlencode({'q': question})}"


def draw() -> None:
    """Draw the page."""
    st.title("Evidence")
    st.write(
        "Try the search alone, without an answer: what it finds in the file, in which order, and what it leaves out."
    )
    question = _question()
    if not question:
        return
    try:
        found = shared.backend().find(Request(question))
    except CiteWellError as error:
        st.error(shared.sentence(error))
        return
    st.caption("Searched for")
    st.text(found.searched)
    for note in found.notes:
        st.caption(shared.plain(f"({note.text})"))
    if found.reply:
        st.info(shared.plain(found.reply))
        return
    st.caption(
        f"Asked about: {found.aspect}. The file {in_words(found.answerable)} holds an answer "
        f"(probability {found.answerable:.0%})."
    )
    st.header("Presented to the model")
    hits = found.hits if found.answered else ()
    if not hits:
        st.write("Nothing: the file does not seem to hold an answer.")
    for number, hit in enumerate(hits, start=1):
        with st.expander(shared.plain(f"[{number}] {hit.question}")):
            st.text(hit.text)
            st.caption(shared.plain(f"record {hit.record_id}, from character {hit.start:,}; score {hit.score:.2f}"))
    st.header("All that was found")
    st.caption(
        "The columns are ranks, 1 for the best: by the meaning of the passage, by the meaning of its question, by the "
        "words that both share with yours, and by the reader, which reads the best passages in full and has the last "
        "word. The score joins the first three; 1 is first in each of them."
    )
    rows = [_row(hit, "presented") for hit in hits] + [_row(each.hit, each.reason) for each in found.dropped]
    shared.table(rows)


def in_words(probability: float) -> str:
    """A probability as people say it, such as "very likely"."""
    return next(words for least, words in LIKELY if probability >= least)


def _question() -> str:
    """The question, which stands in the address too: a link, a reload and the way back bring it again."""
    state, given = st.session_state, st.query_params.get("q", "")[:_MOST]
    # Streamlit forgets what stands in a box once its page is left.
    if given != state.get("question in address") or "question to search" not in state:
        state["question in address"] = given
        if given:
            state["question to search"] = given
    question = st.text_input(
        "Question", placeholder="what helps against gout", max_chars=_MOST, key="question to search"
    ).strip()
    if question != given:
        state["question in address"] = question
        if question:
            st.query_params["q"] = question
        else:
            st.query_params.pop("q", None)
    return question


def _row(hit: Hit, became: str) -> dict[str, object]:
    ranks = {title: hit.ranks.get(stage) for stage, title in STAGES.items()}
    return {"Question": hit.question, "Score": f"{hit.score:.2f}", **ranks, "What became of it": became}
