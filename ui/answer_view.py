"""An answer with its citation chips and its passages, as one Streamlit component.

Text of the file and of the model reaches the page as JSON and is put there by `textContent` alone (see answer.js).
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from rag.answer import Answer
from rag.backend import Backend
from ui.answer_data import view


def _code(*names: str) -> str:
    """The content of files beside this module, one after the other."""
    return "\n".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in names)


_render = st.components.v2.component(
    "citewell_answer",
    html='<article class="answer"></article>',
    css=_code("questions.css", "answer.css"),
    js=_code("asking.js", "answer.js"),
)
_questions = st.components.v2.component(
    "citewell_questions",
    html='<ul class="questions"></ul>',
    css=_code("questions.css"),
    js=_code("asking.js", "questions.js"),
)


class Place:
    """Where an answer stands on the page: drawn once, or again and again as it grows."""

    def __init__(self, key: str, backend: Backend) -> None:
        self._slot, self._key, self._backend = st.empty(), key, backend
        self._record = cache(backend.record)  # an answer is drawn some twenty times a second as it grows

    def show(self, answer: Answer, *, growing: bool = False, loading: bool = False, newest: bool = True) -> None:
        """Show an answer as it is now, beside the records of the file as they are now.

        Args:
            loading: the model that is to write it is not there yet.
            newest: it is the last answer of its conversation.
        """
        _let_draw_again(self._key)
        further = () if growing and not answer.finished else self._backend.further(answer)
        found = ((item.record_id, self._record(item.record_id)) for item in answer.evidence)
        records = {record_id: record for record_id, record in found if record is not None}
        data = view(answer, records, growing=growing, loading=loading, further=further)
        with self._slot:
            _render(key=self._key, data={**data, "newest": newest}, on_stopped_change=_draw_again)


def _draw_again() -> None:
    """The browser saw that an answer was stopped: the script runs again, which is all that is needed."""


def prepare() -> None:
    """Draw nothing, so that the browser has loaded what draws answers before there is the first one."""
    _render(key="prepared", data={})


def show_questions(questions: Sequence[str], key: str) -> None:
    """Show questions, each of which is asked by a click."""
    _questions(key=key, data={"questions": list(questions)})


def show_answer(answer: Answer, key: str, backend: Backend, *, newest: bool = True) -> None:
    """Show a finished answer, or one that was stopped."""
    Place(key, backend).show(answer, newest=newest)


def _let_draw_again(key: str) -> None:
    """Let the component of this key be drawn again in the same run of the script.

    Streamlit takes a second one of a key for a mistake, and yet sends its data to the one that stands, which is what an
    answer that grows in its place needs: under another key it would be removed and drawn again, which users would see.
    """
    context = get_script_run_ctx()
    if context is None:
        return
    for drawn in (context.shared.widget_user_keys_this_run, context.shared.widget_ids_this_run):
        others = [each for each in drawn.snapshot() if each != key and not each.endswith(f"-{key}")]
        drawn.clear()
        for each in others:
            drawn.check_and_add(each)
