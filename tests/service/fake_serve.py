"""`citewell serve` with stand-ins for its models, as a process of its own: python -m tests.service.fake_serve serve …

Words are embedded by hashing, and the model repeats the first sentence of the first passage; asked about measles, it
never comes to an end.
"""

import itertools
import time
from collections.abc import Iterator

import pytest

import citewell
from core.errors import run_command
from generator.engines.base import Chat, Chunk
from generator.llm import QwenChat
from index.ranking import NEVER_FITTED
from rag import opening
from rag.answerer import UNCHECKED
from tests.fakes import WordEmbedder
from tests.service.conftest import ByHeart


class EndlessOnMeasles(ByHeart):
    """Repeats the first sentence, and of measles goes on until it is stopped."""

    def stream(self, chat: Chat, *, max_new_tokens: int, temperature: float) -> Iterator[Chunk]:
        yield from super().stream(chat, max_new_tokens=max_new_tokens, temperature=temperature)
        if "measles" in chat[-1]["content"].casefold().rpartition("question:")[2]:
            for number in itertools.count():
                time.sleep(0.05)
                yield Chunk(f" Number {number} ", 40, 9)


def main() -> int | None:
    patch = pytest.MonkeyPatch()
    patch.setattr(opening, "open_embedders", lambda _: opening.Embedders(WordEmbedder(), WordEmbedder()))
    patch.setattr(opening, "open_reader", lambda _: (None, NEVER_FITTED))
    patch.setattr(opening, "open_checks", lambda *_: UNCHECKED)
    patch.setattr(opening, "open_llm", lambda _: QwenChat(engine=EndlessOnMeasles(), max_tokens=100))
    return citewell.main()


if __name__ == "__main__":
    run_command(main)
