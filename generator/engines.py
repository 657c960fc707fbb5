"""Engines that turn chat messages into a stream of text: transformers in this process, or a server.

An engine knows nothing of LangChain's result types, of stop sequences or of citations; `generator.llm` wraps it.
Add one by writing a class with the four members of `Engine` and naming it in `load_engine`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from core.errors import SettingsError
from core.progress import Say, silent
from core.settings import GeneratorSettings
from generator.models import prepare_weights

Chat = list[dict[str, str]]
"""Messages as {"role": "system" | "user" | "assistant", "content": text}."""


@dataclass(frozen=True)
class Chunk:
    """A piece of the answer. Token counts are those so far, and exact at the last chunk."""

    text: str
    prompt_tokens: int = 0
    answer_tokens: int = 0


class Engine(Protocol):
    """What the chat model needs of an engine."""

    @property
    def identity(self) -> dict[str, str]:
        """Which engine, which weights: what an answer is signed with."""

    def render(self, chat: Chat) -> str:
        """The prompt as the model reads it, byte for byte (of a server: as it is sent)."""

    def count_tokens(self, chat: Chat) -> int:
        """Tokens of the prompt that `stream` would send, the opening of the answer included."""

    def stream(self, chat: Chat, *, max_new_tokens: int, temperature: float) -> Iterator[Chunk]:
        """Generate. Closing the iterator stops the engine.

        Raises:
            EngineError: the engine broke off or cannot be reached.
        """


def load_engine(settings: GeneratorSettings, say: Say = silent) -> Engine:
    """The engine that the settings name; `auto` is `openai` where a base URL is set, else `transformers`.

    Raises:
        SettingsError: unknown engine, or `openai` without a base URL and a model name.
        WeightsError: the base weights cannot be had.
    """
    name = settings.engine
    if name == "auto":
        name = "openai" if settings.base_url else "transformers"
    if name == "transformers":
        from generator.engine_transformers import TransformersEngine

        return TransformersEngine(prepare_weights(settings, say), settings)
    if name == "openai":
        from generator.engine_openai import OpenAIEngine

        return OpenAIEngine(settings)
    raise SettingsError(f"unknown generator.engine {name!r}; expected auto, transformers or openai")
