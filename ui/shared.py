"""The parts that all pages share: one model and one index for every session, and how an error is shown."""

import contextlib
import logging
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import streamlit as st

from core.errors import CiteWellError, explained
from core.settings import load
from generator.llm import QwenChat
from index.embedders.base import Embedder
from rag import opening
from rag.admin import EmbeddingStatus, Overview, embedding, is_complete, overview
from rag.answerer import Answerer, Checks
from rag.search.retriever import IndexRetriever
from rag.suggestions import Contents, contents_of

log = logging.getLogger("citewell.ui")
MARKDOWN = r"\`*_{}[]()#+-.!:<>~$|&"
"""Characters that mean something in Markdown, and mean themselves behind a backslash."""
JOINER = "\u2060"
"""WORD JOINER: takes no room and breaks no line."""
_FOUND_LATE = re.compile(r":(?=[a-z/])|www(?=\.)|\S(?=@)|[-<>](?=[-=>])", re.I)
"""What is followed by the rest of `http://…`, `:material/…:`, `www.…`, `…@…`, `->` and `<=`."""


# The index is keyed by its build, so that a rebuild is taken up by the next question while the model stays loaded.
@st.cache_resource(show_spinner=False)
def llm() -> "Future[QwenChat]":
    """The model that writes, or will once it is loaded: nobody waits for it but who needs its words."""
    return opening.open_llm_behind(load())


@st.cache_resource(show_spinner="Loading the model without its adapter; the first time takes some seconds …")
def untuned_llm() -> QwenChat:
    """The model without its adapter."""
    return opening.open_untuned_llm(load())


@st.cache_resource(show_spinner=False)
def _embedders() -> opening.Embedders:
    return opening.open_embedders(load())


@st.cache_resource(show_spinner=False, max_entries=2)
def _retriever(build: str) -> IndexRetriever:
    return opening.open_retriever(load(), _embedders())


def retriever() -> IndexRetriever:
    """The search over the published build."""
    return _retriever(opening.published(load()))


@st.cache_resource(show_spinner=False)
def _checks(identity: str, _embedder: Embedder) -> Checks:
    return opening.open_checks(load(), _embedder)


def checks() -> Checks:
    """The checks of questions and answers."""
    over = retriever()
    return _checks(over.of_passages.identity, over.of_passages)


def answerer() -> Answerer:
    """The answerer: search, model and checks, each of them loaded once; a model that could not be loaded, again."""
    checked = checks()  # before the model begins to load: a search waits for these, and not for that
    if llm().done() and llm().exception():
        llm.clear()
    return Answerer(retriever(), llm(), checked, load().generator.context_tokens)


@st.cache_resource(show_spinner=False, max_entries=2)
def _contents(build: str, _over: IndexRetriever) -> Contents:
    return contents_of(_over.index)


@st.cache_resource(show_spinner="Counting what the file holds …", max_entries=2)
def _held(build: str, _over: IndexRetriever) -> Overview:
    return overview(_over.index)


def held(over: IndexRetriever) -> Overview:
    """The counts of what the file of a search holds; seconds over many thousand records, so once for each build."""
    return _held(over.index.manifest.build, over)


def contents(over: IndexRetriever) -> Contents:
    """What the file of a search is about."""
    return _contents(over.index.manifest.build, over)


def prepare() -> None:
    """Load everything, so that the first visit does not wait for it; whatever fails, the visit will see."""
    with contextlib.suppress(CiteWellError, OSError):
        checks()
        llm()


def embedding_status() -> None:
    """Show how far the vectors of the published index are, for as long as they are being made."""
    if not is_complete(load()):
        _embedding_status()


@st.fragment(run_every=3)
def _embedding_status() -> None:
    if is_complete(load()):
        retriever()  # opened now, and not while the next question waits
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
    text = explained(error)
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
