"""Open what answering needs, as the settings name it: index, search, checks and model."""

import dataclasses
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from langchain_core.runnables import Runnable

from core.settings import Settings
from core.text import language
from generator.llm import QwenChat
from index.embedders import adapter_identity, load_embedder, load_question_embedder
from index.embedders.base import Embedder, cosines
from index.embedders.weights import dictionary, find_weights
from index.opening import open_index
from index.ranking import Answerability
from index.reader import Index
from rag.answer import Answer
from rag.answerer import Answerer, Checks, Request, answer_chain
from rag.checks.citations import SupportJudge
from rag.checks.emergency import EmergencyDetector, known_phrasings
from rag.checks.entailment import DEFAULT, StrictJudge, is_own, open_entailment, read_cross_encoder
from rag.checks.judge import read_judge
from rag.reader.base import Reader
from rag.reader.opening import open_reader
from rag.search.retriever import IndexRetriever, check_made_with
from rag.search.vector_store import IndexEmbeddings, IndexVectorStore

Kind = TypeVar("Kind", bound=IndexRetriever)


@dataclass(frozen=True)
class Embedders:
    """The embedder of an index's passages, and that of questions, which may carry an adapter."""

    passages: Embedder
    questions: Embedder


def open_chain(settings: Settings) -> Runnable[str | Request, Answer]:
    """The chain of an opened answerer; raises as `open_answerer` does."""
    return answer_chain(open_answerer(settings))


def open_answerer(settings: Settings) -> Answerer:
    """Open the index, load the models, and join them.

    Raises:
        IndexFolderError: no index, a damaged one, or one that was made with another embedder.
        WeightsError, EngineError, SettingsError: the embedder or the generator cannot be had.
    """
    retriever = open_retriever(settings)
    checks = open_checks(settings, retriever.of_passages)
    return Answerer(retriever, open_llm(settings), checks, settings.generator.context_tokens)


def open_embedders(settings: Settings) -> Embedders:
    """Load the embedders that the settings name; raises as `open_answerer` does."""
    passages = load_embedder(settings.index)
    return Embedders(passages, load_question_embedder(settings.index, passages))


def open_retriever(
    settings: Settings, embedders: Embedders | None = None, index: Index | None = None
) -> IndexRetriever:
    """Open the published index, with the embedders that it was made with; raises as `open_answerer` does.

    Args:
        embedders: those that are loaded already; None loads them.
        index: one that is open already; None opens the published one.
    """
    index = index or open_index(Path(settings.index.dir))
    return retriever_over(index, settings, embedders or open_embedders(settings), open_reader(settings), IndexRetriever)


def retriever_over(
    index: Index,
    settings: Settings,
    embedders: Embedders,
    reading: tuple[Reader | None, Answerability],
    kind: type[Kind],
    **further: Any,
) -> Kind:
    """A retriever of some kind over an opened index.

    Args:
        reading: the reader, and when to answer by it (`rag.reader.opening.open_reader`).
        further: what that kind of retriever takes beside.

    Raises:
        IndexFolderError: the index was made with another embedder or adapter.
    """
    reader, decision = reading
    return kind(
        index=index,
        embedder=embedders.questions,
        passage_embedder=embedders.passages,
        adapter=adapter_identity(settings.index),
        reader=reader,
        decision=decision,
        dictionary=dictionary(),
        settings=settings.rag,
        **further,
    )


def open_vector_store(settings: Settings, embedders: Embedders | None = None) -> IndexVectorStore:
    """Open the published index as a LangChain vector store.

    Args:
        embedders: those that are loaded already; None loads them.

    Raises:
        IndexFolderError: no index, one without vectors, or one that was made with another embedder or adapter.
        WeightsError: the embedder cannot be had.
    """
    index = open_index(Path(settings.index.dir))
    embedders = embedders or open_embedders(settings)
    check_made_with(index, embedders.passages, adapter_identity(settings.index))
    return IndexVectorStore(IndexEmbeddings(embedders.passages, embedders.questions), index)


def open_checks(settings: Settings, embedder: Embedder) -> Checks:
    """Make the checks of questions before the model writes, and of its sentences after.

    Args:
        embedder: the embedder of the index's passages (`IndexRetriever.of_passages`).

    Raises:
        DataError: a file that the checks are made from is damaged.
        WeightsError: the default embedder, whose vocabulary shows how rare a word is, or `rag.nli` cannot be had.
    """
    detector = EmergencyDetector(*known_phrasings(embedder, Path(settings.index.cache)), embedder.embed)
    return Checks(detector, open_judge(settings, embedder))


def open_judge(settings: Settings, embedder: Embedder | None = None) -> SupportJudge:
    """Open the judge that decides whether a passage supports a sentence: for the page, receipts and every figure.

    Args:
        embedder: that of the index's passages, if it is loaded already.

    Raises:
        DataError: the file of fitted weights is damaged.
        WeightsError: the embedder, or the model of `rag.nli`, cannot be had.
    """
    similarity = partial(cosines, embedder or load_embedder(settings.index))
    own, name = is_own(settings.rag.nli), settings.rag.nli
    entails = open_entailment(name if own else DEFAULT, Path(settings.index.cache))
    judge = read_judge(similarity, find_weights().folder / "vocab.txt", entails)
    return judge if own else StrictJudge(judge, read_cross_encoder(name))


def open_llm(settings: Settings) -> QwenChat:
    """Load the generator; raises as `open_answerer` does."""
    return QwenChat.from_settings(settings.generator)


def open_llm_behind(settings: Settings) -> "Future[QwenChat]":
    """Begin to load the generator on another thread; the result raises as `open_answerer` does."""
    loading: Future[QwenChat] = Future()

    def load() -> None:
        try:
            loading.set_result(open_llm(settings))
        except BaseException as error:  # whoever waits for the model is to know that it will never come
            loading.set_exception(error)
        language.prepare()  # few questions need it: those that are not clearly English

    threading.Thread(target=load, name="load the model", daemon=True).start()
    return loading


def open_untuned_llm(settings: Settings) -> QwenChat:
    """Load the generator without its adapter; raises as `open_answerer` does."""
    return QwenChat.from_settings(dataclasses.replace(settings.generator, adapter=""))
