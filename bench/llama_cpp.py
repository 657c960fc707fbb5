"""llama.cpp, the outside yardstick, behind the part of an engine that is measured."""

import os
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xllamacpp

from core.settings import GeneratorSettings
from generator.engines.base import Chat, Chunk
from generator.export import export
from generator.weights import default_gguf, prepare_weights


class LlamaCppEngine:
    """llama.cpp over the official Q4_K_M file; over a Q4_0 export where the settings name another model."""

    def __init__(self, settings: GeneratorSettings, scratch: Path) -> None:
        if settings.model == "default":
            file = default_gguf(scratch)
        else:
            file = scratch / "model.gguf"
            export(prepare_weights(settings), "q4_0", file)
        params = xllamacpp.CommonParams()
        params.model.path = str(file)
        params.n_ctx = settings.context_tokens
        params.n_parallel = 1
        params.verbosity = -1
        params.cpuparams.n_threads = len(os.sched_getaffinity(0))
        self._server = xllamacpp.Server(params)

    def warm(self, chat: Chat) -> None:
        """Nothing to do: it keeps the last prompt, and so the beginning that all prompts share."""

    def stream(self, chat: Chat, *, max_new_tokens: int, temperature: float) -> Iterator[Chunk]:
        request = {
            "messages": chat,
            "max_tokens": max_new_tokens,
            "temperature": temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

        def ask() -> None:
            self._server.handle_chat_completions(request, events.put)
            events.put(None)

        thread = threading.Thread(target=ask)
        thread.start()
        usage = {"prompt_tokens": 0, "completion_tokens": 0}
        while (event := events.get()) is not None:
            usage = event.get("usage") or usage
            for choice in event.get("choices", []):
                if text := choice["delta"].get("content"):
                    yield Chunk(text)
        thread.join()
        yield Chunk("", usage["prompt_tokens"], usage["completion_tokens"])
