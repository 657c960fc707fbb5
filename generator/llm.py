"""`QwenChat`: the LangChain chat model over an engine."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel, LangSmithParams, generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage, convert_to_openai_messages
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import Field, SkipValidation

from core.settings import GeneratorSettings
from generator.engines import load_engine
from generator.engines.base import Chat, Chunk, Engine
from generator.prompt import messages


class QwenChat(BaseChatModel):
    """A chat model of the Qwen2 family, or any other that an engine serves.

    >>> llm = QwenChat.from_settings(load().generator)
    >>> llm.invoke("What is anaemia?").content
    """

    engine: SkipValidation[Engine] = Field(exclude=True)
    max_tokens: int = 320
    """Most tokens of an answer."""
    temperature: float = 0.0
    """0 is greedy decoding."""
    stop: list[str] | None = None
    """Texts before which an answer ends."""

    @classmethod
    def from_settings(cls, settings: GeneratorSettings) -> "QwenChat":
        """The chat model that the settings describe; loads the weights.

        Raises:
            WeightsError, EngineError, SettingsError: see `generator.engines.load_engine`.
        """
        engine = load_engine(settings)
        engine.warm(_chat(messages("", ())))
        return cls(engine=engine, max_tokens=settings.max_new_tokens, temperature=settings.temperature)

    @property
    def _llm_type(self) -> str:
        return "citewell-qwen"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {**self.engine.identity, "max_tokens": self.max_tokens, "temperature": self.temperature}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "citewell"
        params["ls_model_name"] = kwargs.get("model", self.engine.identity["model"])
        return params

    def render(self, messages: list[BaseMessage]) -> str:
        """The prompt as the model reads it, byte for byte."""
        return self.engine.render(_chat(messages))

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Tokens of the whole prompt, chat template included."""
        return self.engine.count_tokens(_chat(messages))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        max_tokens = kwargs.get("max_tokens", self.max_tokens)
        chunks = self.engine.stream(
            _chat(messages),
            max_new_tokens=max_tokens,
            temperature=kwargs.get("temperature", self.temperature),
        )
        last = Chunk("")
        for last in _until(chunks, stop or self.stop or []):
            if last.ahead:  # the place in the queue, for whoever shows it; merged chunks list every place
                yield ChatGenerationChunk(message=AIMessageChunk(content="", response_metadata={"ahead": [last.ahead]}))
            if last.text:
                piece = ChatGenerationChunk(message=AIMessageChunk(content=last.text))
                if run_manager is not None:
                    run_manager.on_llm_new_token(last.text, chunk=piece)
                yield piece
        usage = UsageMetadata(
            input_tokens=last.prompt_tokens,
            output_tokens=last.answer_tokens,
            total_tokens=last.prompt_tokens + last.answer_tokens,
        )
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content="",
                usage_metadata=usage,
                response_metadata={
                    "model_name": self.engine.identity["model"],
                    "model_provider": "citewell",
                    "finish_reason": "length" if last.answer_tokens >= max_tokens else "stop",
                },
                chunk_position="last",
            )
        )


def _chat(messages: list[BaseMessage]) -> Chat:
    return [
        {"role": message["role"], "content": message["content"]}
        for message in convert_to_openai_messages(messages, text_format="string")
    ]


def _until(chunks: Iterator[Chunk], stop: list[str]) -> Iterator[Chunk]:
    """Pass chunks on until one of `stop` appears, and nothing of it; a tail that may become one waits."""
    if not stop:
        yield from chunks
        return
    held = ""
    last = Chunk("")
    for last in chunks:
        held += last.text
        found = [position for sequence in stop if (position := held.find(sequence)) >= 0]
        if found:
            chunks.close()  # type: ignore[attr-defined]
            yield dataclasses.replace(last, text=held[: min(found)])
            return
        keep = max(len(_overlap(held, sequence)) for sequence in stop)
        ready, held = held[: len(held) - keep], held[len(held) - keep :]
        yield dataclasses.replace(last, text=ready)
    yield dataclasses.replace(last, text=held)


def _overlap(text: str, sequence: str) -> str:
    """The longest end of `text` that is a beginning of `sequence`."""
    return next(
        sequence[:size] for size in range(min(len(text), len(sequence)), -1, -1) if text.endswith(sequence[:size])
    )
