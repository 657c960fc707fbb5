"""What stands for the models where a fault has nothing to do with them: an embedder of words, a writer that quotes."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import IndexSettings, Settings
from generator.engines.base import Chat, Chunk
from generator.engines.turns import Turns
from rag.answerer import UNCHECKED
from tests.conftest import embed_words
from tests.fakes import QueueEngine

PIECES = 4
"""Parts in which an answer comes."""


class QuotingEngine(QueueEngine):
    """Answers with the first sentence of the first passage, cited, one answer at a time as the real engines do.

    Args:
        seconds: how long it writes an answer.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self._seconds, self._turns = seconds, Turns()

    def stream(self, chat: Chat, *, max_new_tokens: int, temperature: float) -> Iterator[Chunk]:
        sentence = chat[-1]["content"].partition("\n")[2].partition(". ")[0].rstrip(".")
        text = f"{sentence} [1]."
        with self._turns.take() as turn:
            for ahead in turn.wait():
                yield Chunk("", ahead=ahead)
            step = len(text) // PIECES + 1
            for begin in range(0, len(text), step):
                time.sleep(self._seconds / PIECES)
                yield Chunk(text[begin : begin + step], 40, 9)


def stand_in(seconds: float = 0.0, patch: pytest.MonkeyPatch | None = None) -> None:
    """Put the stand-ins in the models' places; without a patch that ends, for the rest of this process."""
    patch = patch or pytest.MonkeyPatch()
    embed_words(patch)
    for module in list(sys.modules.values()):
        if "open_checks" in vars(module):
            patch.setattr(module, "open_checks", lambda *_: UNCHECKED)
    patch.setattr("generator.llm.load_engine", lambda settings: QuotingEngine(seconds))


def settings_of(folder: Path, csv: Path) -> Settings:
    """The settings of an index in a folder."""
    return Settings(index=IndexSettings(csv=str(csv), dir=str(folder)))
