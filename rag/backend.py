"""What a page or a service asks for answers: one interface, whether the models are in this process or elsewhere."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from core.errors import CiteWellError, explained
from generator.llm import QwenChat
from index.corpus import Record
from index.reader import Index, Manifest
from rag.admin import Overview, overview
from rag.answer import Answer, Dropped, Hit, Note
from rag.answerer import Answerer, Request, made_by
from rag.search.results import Retrieval
from rag.search.retriever import IndexRetriever
from rag.suggestions import Contents, contents_of, follow_ups


@dataclass(frozen=True)
class ModelState:
    """Whether the model that writes is loaded, what it is then, and else why it is not; `away` with its service."""

    state: Literal["loading", "loaded", "failed", "away"]
    identity: Mapping[str, str] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class Found:
    """The result of a search without an answer."""

    question: str
    searched: str
    aspect: str
    """What is asked about: information, symptoms, treatment, …"""
    answerable: float
    """Probability that the file holds an answer."""
    answered: bool
    """Whether that is enough to answer; else the hits are no more than the nearest passages."""
    reply: str = ""
    """The reply that is given without a search, where the message is no question."""
    notes: tuple[Note, ...] = ()
    hits: tuple[Hit, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    closest: tuple[str, ...] = ()
    """The nearest questions of the file, where it is not answered."""


class Backend(Protocol):
    """Answers questions from one file. Every method raises CiteWellError where it cannot do its work."""

    def manifest(self) -> Manifest:
        """The facts of the index that is asked now."""

    def model(self) -> ModelState:
        """The state of the model that writes; begins to load it, where nobody has."""

    def answer(self, asked: Request) -> Iterator[Answer]:
        """Search and answer: snapshots, the last one finished. Closing the iterator stops the model."""

    def find(self, asked: Request) -> Found:
        """Search without an answer."""

    def record(self, record_id: str) -> Record | None:
        """A record of the file; None where the index holds it no longer."""

    def further(self, answer: Answer) -> tuple[str, ...]:
        """Questions of the file that follow an answer."""

    def contents(self) -> Contents:
        """What the file is about."""

    def held(self) -> Overview:
        """The counts of what the file holds; seconds over many thousand records, so once for each build."""

    def prepare(self) -> None:
        """Load what can be loaded before the first question."""


class IndexBackend(ABC):
    """The part of a backend that needs an index that is open in this process, and no model."""

    def __init__(self) -> None:
        self._counting = threading.Lock()
        self._counted: dict[str, Any] = {}
        self._counted_of = ""

    @abstractmethod
    def index(self) -> Index:
        """The index that is asked now."""

    def manifest(self) -> Manifest:
        return self.index().manifest

    def record(self, record_id: str) -> Record | None:
        return self.index().records.get(record_id)

    def further(self, answer: Answer) -> tuple[str, ...]:
        return follow_ups(answer, self.index())

    def contents(self) -> Contents:
        return self._once("contents", contents_of)

    def held(self) -> Overview:
        return self._once("held", overview)

    def _once(self, what: str, count: Callable[[Index], Any]) -> Any:
        """Something that is counted once for each build, whoever asks; others wait for it."""
        index = self.index()
        with self._counting:
            if self._counted_of != index.manifest.build:
                self._counted, self._counted_of = {}, index.manifest.build
            if what not in self._counted:
                self._counted[what] = count(index)
            return self._counted[what]


class LocalBackend(IndexBackend):
    """A backend whose models are in this process."""

    @abstractmethod
    def retriever(self) -> IndexRetriever:
        """The search over the index that is asked now."""

    @abstractmethod
    def answerer(self) -> Answerer:
        """The answerer for the next question."""

    @abstractmethod
    def llm(self) -> QwenChat | Future[QwenChat]:
        """The model that writes, or the future of one that is being loaded."""

    def index(self) -> Index:
        return self.retriever().index

    def model(self) -> ModelState:
        return state_of(self.llm())

    def answer(self, asked: Request) -> Iterator[Answer]:
        at_hand = self.answerer()
        yield from at_hand.answer(at_hand.search(asked))

    def find(self, asked: Request) -> Found:
        return found_of(self.retriever().search(asked.question, asked.history, asked.filters))

    def prepare(self) -> None:
        self.answerer()


class OneAnswerer(LocalBackend):
    """A backend over one answerer that is at hand."""

    def __init__(self, answerer: Answerer) -> None:
        super().__init__()
        self._answerer = answerer

    def retriever(self) -> IndexRetriever:
        return self._answerer.retriever

    def answerer(self) -> Answerer:
        return self._answerer

    def llm(self) -> QwenChat | Future[QwenChat]:
        return self._answerer.llm


def state_of(llm: QwenChat | Future[QwenChat]) -> ModelState:
    """The state of a model that may still be loading."""
    if isinstance(llm, Future):
        if not llm.done():
            return ModelState("loading")
        if error := llm.exception():
            known = isinstance(error, CiteWellError | OSError)
            return ModelState("failed", error=explained(error) if known else "")  # type: ignore[arg-type]
        llm = llm.result()
    return ModelState("loaded", made_by(llm))


def found_of(found: Retrieval) -> Found:
    """A search's result as backends give it."""
    return Found(
        question=found.question,
        searched=found.search_query,
        aspect=found.query.aspect,
        answerable=found.answerable,
        answered=not found.abstain,
        reply=found.query.reply,
        notes=found.query.notes,
        hits=found.nearest if found.abstain else found.hits,
        dropped=found.dropped,
        closest=found.closest,
    )
