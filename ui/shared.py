"""The parts that all pages share: what answers, one for every session, and how an error is shown."""

import contextlib
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from core.errors import CiteWellError, explained
from core.settings import load
from generator.llm import QwenChat
from index.reader import Manifest
from rag import opening
from rag.admin import EmbeddingStatus, Overview, embedding, published
from rag.answer import Answer
from rag.backend import Backend
from rag.opened import Opened

log = logging.getLogger("citewell.ui")
MARKDOWN = r"\`*_{}[]()#+-.!:<>~$|&"
"""Characters that mean something in Markdown, and mean themselves behind a backslash."""
JOINER = "\u2060"
"""WORD JOINER: takes no room and breaks no line."""
_FOUND_LATE = re.compile(r":(?=[a-z/])|www(?=\.)|\S(?=@)|[-<>](?=[-=>])", re.I)
"""What is followed by the rest of `http://…`, `:material/…:`, `www.…`, `…@…`, `->` and `<=`."""


@st.cache_resource(show_spinner=False)
def _opened() -> Opened:
    return Opened(load)


@st.cache_resource(show_spinner=False)
def _service(url: str, key: str) -> Backend:
    from service.client import RemoteBackend

    return RemoteBackend(url, key)


@st.cache_resource(show_spinner="Loading the model without its adapter; the first time takes some seconds …")
def _untuned_llm() -> QwenChat:
    return opening.open_untuned_llm(load())


def backend() -> Backend:
    """What answers, for every session: the models of this process, or the service of the settings."""
    settings = load().ui
    return _service(settings.service_url, settings.service_key) if settings.service_url else _opened()


def is_remote() -> bool:
    """Whether a service answers, which holds the index and the models."""
    return bool(load().ui.service_url)


def manifest() -> Manifest:
    """The facts of the index that is published, before anybody has waited for it to be opened."""
    return backend().manifest() if is_remote() else published(load())


def answer_untuned(answer: Answer) -> Iterator[Answer]:
    """Snapshots of what the model without its adapter answers from the same evidence; a service has no such model."""
    return replace(_opened().answerer(), llm=_untuned_llm()).answer_again(answer)


def held() -> Overview:
    """The counts of what the file holds."""
    with st.spinner("Counting what the file holds …"):
        return backend().held()


def prepare() -> None:
    """Load everything, so that the first visit does not wait for it; whatever fails, the visit will see."""
    with contextlib.suppress(CiteWellError, OSError):
        backend().prepare()


def embedding_status() -> None:
    """Show how far the vectors of the published index are, for as long as they are being made."""
    if manifest().complete:
        return
    if is_remote():
        st.info(f"{_BY_WORDS} The service makes its vectors.", icon=":material/hourglass_top:")
    else:
        _embedding_status()


@st.fragment(run_every=3)
def _embedding_status() -> None:
    if manifest().complete:
        backend().manifest()  # opened now, and not while the next question waits
        return
    status = embedding(load())
    if status is None:
        st.info(f"{_BY_WORDS} Its vectors are about to be made.", icon=":material/hourglass_top:")
    elif status.stalled:
        st.warning(f"{_BY_WORDS} Only {status.share:.0%} of its vectors are made, and nobody makes the rest: {_GO_ON}")
    else:
        st.progress(status.share, f"{_BY_WORDS} {status.share:.0%} of its vectors are made, {_left(status)} left.")


_BY_WORDS = "Questions are answered from the words of the file alone."
_GO_ON = "in a terminal, type citewell build --again"


def _left(status: EmbeddingStatus) -> str:
    seconds = status.seconds_left
    if seconds == float("inf"):
        return "some minutes"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


@contextlib.contextmanager
def warned() -> Iterator[None]:
    """Show an error of the history, and continue: no answer is lost because it cannot be kept."""
    try:
        yield
    except CiteWellError as error:
        st.warning(sentence(error))


def told(error: CiteWellError | OSError) -> str:
    """An error's message as a sentence."""
    return as_sentence(explained(error))


def as_sentence(text: str) -> str:
    """A message of one line as a sentence."""
    return f"{text[:1].upper()}{text[1:]}."


def sentence(error: CiteWellError | OSError) -> str:
    """An error's message as a sentence, escaped: names that stand in somebody's file are among its words."""
    return plain(told(error))


def plain(text: str) -> str:
    """Text in one line for a widget's label, where Streamlit reads Markdown.

    Addresses, names of icons and arrows are found once Markdown's escapes are gone, so an invisible joiner parts them.
    """
    line = _FOUND_LATE.sub(f"\\g<0>{JOINER}", " ".join(text.split()))
    return "".join(f"\\{char}" if char in MARKDOWN else char for char in line)


def table(rows: Sequence[dict[str, Any]]) -> None:
    """Rows as a plain HTML table: `st.dataframe` draws on a canvas, and two of them on a page share ids."""
    st.table(
        [{plain(name): plain("" if value is None else str(value)) for name, value in row.items()} for row in rows],
        hide_index=True,
        border="horizontal",
    )
