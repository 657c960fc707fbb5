"""Engines that turn chat messages into a stream of text: OpenVINO or transformers in this process, or a server.

An engine knows nothing of LangChain's result types, of stop sequences or of citations; `generator.llm` wraps it.
Add one by writing a class with the members of `Engine` and naming it in `load_engine`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from core.errors import EngineError, SettingsError, WeightsError
from core.libraries import cuda_available
from core.progress import Say, silent
from core.settings import GeneratorSettings

Chat = list[dict[str, str]]
"""Messages as {"role": "system" | "user" | "assistant", "content": text}."""


@dataclass(frozen=True)
class Chunk:
    """A piece of the answer. Token counts are those so far, and exact at the last chunk; `ahead` counts the
    generations that come before this one."""

    text: str
    prompt_tokens: int = 0
    answer_tokens: int = 0
    ahead: int = 0


class Engine(Protocol):
    """What the chat model needs of an engine."""

    @property
    def identity(self) -> dict[str, str]:
        """Which engine, which weights: what an answer is signed with."""

    def render(self, chat: Chat) -> str:
        """The prompt as the model reads it, byte for byte (of a server: as it is sent)."""

    def count_tokens(self, chat: Chat) -> int:
        """Tokens of the prompt that `stream` would send, the opening of the answer included."""

    def warm(self, chat: Chat) -> None:
        """Make prompts that begin like this one start sooner, where the engine keeps prefixes."""

    def stream(self, chat: Chat, *, max_new_tokens: int, temperature: float) -> Iterator[Chunk]:
        """Generate, when it is this call's turn. Closing the iterator stops the engine.

        Raises:
            EngineError: the engine broke off or cannot be reached.
        """


def load_engine(settings: GeneratorSettings, say: Say = silent) -> Engine:
    """The engine that the settings name; where `auto` means `openvino` and that cannot run, `transformers`.

    Raises:
        SettingsError: unknown engine or quant; `openai` without a URL and a model name.
        WeightsError: the base weights or the adapter cannot be had, or do not go together.
        EngineError: the engine that the settings name by name does not start.
    """
    name = engine_name(settings)
    if name == "openvino":
        try:
            from generator.engine_openvino import OpenVinoEngine

            return OpenVinoEngine(settings, say)
        except (EngineError, WeightsError, ImportError) as error:
            if settings.engine != "auto":
                raise
            say(f"notice: answering with transformers, which is slower: {error}")
            name = "transformers"
    if name == "transformers":
        from generator.engine_transformers import TransformersEngine

        return TransformersEngine(settings, say)
    if name == "openai":
        from generator.engine_openai import OpenAIEngine

        return OpenAIEngine(settings)
    raise SettingsError(f"unknown generator.engine {name!r}; expected auto, openvino, transformers or openai")


def engine_name(settings: GeneratorSettings) -> str:
    """What `auto` means on this machine: a server where one is named, CUDA where there is one, else OpenVINO."""
    if settings.engine != "auto":
        return settings.engine
    if settings.base_url:
        return "openai"
    on_cuda = settings.device == "cuda" or (settings.device == "auto" and cuda_available())
    return "transformers" if on_cuda else "openvino"
