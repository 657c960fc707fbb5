"""What an engine is: chat messages in, a stream of text out.

An engine knows nothing of LangChain's result types, of stop sequences or of citations; `generator.llm` wraps it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

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
    """The interface of an engine, as the chat model uses it."""

    @property
    def identity(self) -> dict[str, str]:
        """The engine and its weights: the name that an answer is signed with."""

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
