"""What the service answers with: models loaded once, and the search over whichever build is published."""

import threading

from core.settings import Settings
from rag.answerer import Answerer
from rag.opening import open_checks, open_embedders, open_llm_behind, open_retriever, published


class Opened:
    """The models of the settings, the generator being loaded behind.

    Raises:
        IndexFolderError: there is no index, or it is damaged.
        WeightsError, DataError: the embedder or the checks cannot be had.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._embedders = open_embedders(settings)
        self._checks = open_checks(settings, self._embedders.passages)
        self._build = published(settings)
        self._retriever = open_retriever(settings, self._embedders)
        self._llm = open_llm_behind(settings)

    def answerer(self) -> Answerer:
        """The answerer over the published build: the next question takes up a new one. Raises as the class does."""
        with self._lock:
            build = published(self._settings)
            if build != self._build:
                self._retriever, self._build = open_retriever(self._settings, self._embedders), build
            return Answerer(self._retriever, self._llm, self._checks, self._settings.generator.context_tokens)
