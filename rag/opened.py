"""The backend of one machine: models that are loaded once, and the search over whichever build is published."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from core.settings import IndexSettings, Settings
from generator.llm import QwenChat
from index.builds import read_manifest
from index.embedders import adapter_identity
from index.published import published_build
from index.reader import Manifest
from rag import opening
from rag.answerer import Answerer, Checks
from rag.backend import LocalBackend
from rag.search.retriever import IndexRetriever


class Opened(LocalBackend):
    """Everything that the settings name; the next question takes up a new build, also one with another embedder.

    Args:
        load: reads the settings; called again for each question, as a new build may come with new settings.

    The methods raise as `rag.opening.open_answerer` does.
    """

    def __init__(self, load: Callable[[], Settings]) -> None:
        super().__init__()
        self._load = load
        self._opening, self._loading = threading.RLock(), threading.Lock()
        self._embedders: opening.Embedders | None = None
        self._embedders_for: tuple[str, IndexSettings] | None = None
        """The build and the settings that the embedders were loaded for."""
        self._adapter = ""
        self._retriever: IndexRetriever | None = None
        self._build = ""
        self._checks: tuple[str, Checks] | None = None
        self._llm: Future[QwenChat] | None = None

    def retriever(self) -> IndexRetriever:
        with self._opening:
            settings = self._load()
            build = published_build(Path(settings.index.dir))
            if self._retriever is None or self._build != build.name:
                self._fit_embedders(settings, read_manifest(build))
                self._retriever = opening.open_retriever(settings, self._embedders)
                self._build = build.name
            return self._retriever

    def _fit_embedders(self, settings: Settings, manifest: Manifest) -> None:
        """Load the embedders, unless those at hand are the ones that the build was made with."""
        at_hand = self._embedders.passages.identity if self._embedders else ""
        wanted = (manifest.build, settings.index)
        if (at_hand, self._adapter) == (manifest.embedder, manifest.adapter) or self._embedders_for == wanted:
            return  # those of these settings do not fit either: the retriever reports it
        self._embedders, self._adapter = opening.open_embedders(settings), adapter_identity(settings.index)
        self._embedders_for = wanted

    def answerer(self) -> Answerer:
        over, checks = self._search_and_checks()
        return Answerer(over, self._loaded(again=True), checks, self._load().generator.context_tokens)

    def prepare(self) -> None:
        self._search_and_checks()  # before the model begins to load: a search waits for these, and not for it
        self.llm()

    def _search_and_checks(self) -> tuple[IndexRetriever, Checks]:
        with self._opening:
            over = self.retriever()
            embedder = over.of_passages
            if self._checks is None or self._checks[0] != embedder.identity:
                self._checks = (embedder.identity, opening.open_checks(self._load(), embedder))
            return over, self._checks[1]

    def llm(self) -> Future[QwenChat]:
        return self._loaded(again=False)

    def _loaded(self, *, again: bool) -> "Future[QwenChat]":
        """The model; `again` loads one anew that could not be loaded."""
        with self._loading:
            if self._llm is None or (again and self._llm.done() and self._llm.exception()):
                self._llm = opening.open_llm_behind(self._load())
            return self._llm
