"""The engine that asks a server over OpenAI's chat completions protocol."""

import json
import os
from collections.abc import Iterator
from typing import cast

import httpx
import openai
from openai.types.chat import ChatCompletionMessageParam

from core.errors import EngineError, SettingsError
from core.settings import GeneratorSettings
from core.text.plain import plain
from generator.engines.base import Chat, Chunk
from generator.engines.control_tokens import KNOWN, inert
from generator.engines.credentials import NO_KEY, Credentials

MOST_SAID = 300
"""Most characters of a server's own words in an error."""
MOST_PIECES = 4
"""Most events for each token that a server was allowed: some send a token in several."""


class OpenAIEngine:
    """Any server that speaks OpenAI's chat completions: vLLM, llama-server, Ollama, Azure OpenAI.

    Raises:
        SettingsError: no base URL or no model name.
    """

    def __init__(self, settings: GeneratorSettings) -> None:
        if not settings.base_url or not settings.remote_model:
            raise SettingsError(
                "engine openai needs generator.base_url and generator.remote_model, "
                "such as http://127.0.0.1:8000/v1 and Qwen/Qwen2-0.5B-Instruct"
            )
        key = os.environ.get("OPENAI_API_KEY", NO_KEY)
        self._credentials = Credentials(settings.base_url, key)
        self._credentials.keep_out_of_logs()
        self._url = self._credentials.shown
        self._client: openai.OpenAI
        if settings.api_version:
            self._client = openai.AzureOpenAI(
                azure_endpoint=self._url, api_version=settings.api_version, api_key=key, **self._credentials.options
            )
        else:
            self._client = openai.OpenAI(base_url=self._url, api_key=key, **self._credentials.options)
        self._model = settings.remote_model
        self.identity = {"engine": "openai", "model": self._model, "base_url": self._url}

    def render(self, chat: Chat) -> str:
        return json.dumps(inert(chat, KNOWN), ensure_ascii=False)

    def count_tokens(self, chat: Chat) -> int:
        """An upper estimate, as the server's tokenizer is not at hand: three bytes of UTF-8 a token."""
        return sum(len(message["content"].encode()) // 3 + 8 for message in chat)

    def warm(self, chat: Chat) -> None:
        """Nothing to do: a server keeps its own prefixes."""

    def stream(self, chat: Chat, *, max_new_tokens: int, temperature: float) -> Iterator[Chunk]:
        prompt_tokens = answer_tokens = pieces = 0
        ended = False
        try:
            with self._client.chat.completions.create(
                model=self._model,
                messages=cast(list[ChatCompletionMessageParam], inert(chat, KNOWN)),
                max_tokens=max_new_tokens,
                temperature=temperature,
                stream=True,
                stream_options={"include_usage": True},
            ) as events:
                for event in events:
                    if event.usage is not None:
                        prompt_tokens, answer_tokens = event.usage.prompt_tokens, event.usage.completion_tokens
                    ended = ended or bool(event.choices and event.choices[0].finish_reason)
                    if (pieces := pieces + 1) > MOST_PIECES * max_new_tokens:
                        raise EngineError(f"{self._url} did not stop after {max_new_tokens} tokens, which it was told")
                    if event.choices and event.choices[0].delta.content:
                        yield Chunk(plain(event.choices[0].delta.content), prompt_tokens, answer_tokens)
        except openai.APIConnectionError as error:
            raise EngineError(
                f"no answer from {self._url}; start the server, or unset generator.base_url to use the local weights"
            ) from error
        except openai.APIStatusError as error:
            said = self._credentials.hidden(plain(error.message))
            said = said if len(said) <= MOST_SAID else f"{said[:MOST_SAID]}…"
            # Not "from error": a server that refuses a key may repeat it, and a log would hold it then.
            raise EngineError(f"{self._url} answered {error.status_code} for {self._model!r}: {said}") from None
        except (openai.OpenAIError, httpx.HTTPError, ValueError) as error:  # a line of the stream that is no JSON
            raise EngineError(f"{self._url} broke off: {self._credentials.hidden(plain(str(error)))}") from None
        if not ended:
            raise EngineError(f"{self._url} broke off before the answer's end; ask again")
        yield Chunk("", prompt_tokens, answer_tokens)
