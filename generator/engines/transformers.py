"""The engine that runs a causal language model in this process, with transformers."""

import threading
from collections.abc import Iterator
from typing import Any

from core.errors import EngineError
from core.libraries import quieten
from core.settings import GeneratorSettings
from generator.adapters import find_adapter, prepare_tuned
from generator.engines.base import Chat, Chunk
from generator.engines.control_tokens import inert, tokens_of
from generator.engines.turns import Turns
from generator.loading import load_model, load_tokenizer
from generator.weights import prepare_weights

quieten()

import torch  # noqa: E402
from transformers import (  # noqa: E402
    GenerationConfig,
    StoppingCriteria,
    StoppingCriteriaList,
    TextIteratorStreamer,
)


class TransformersEngine:
    """A checkpoint in bf16 or float32 (its adapter merged), or NF4 on CUDA with the adapter over it.

    Raises:
        EngineError: the checkpoint or the adapter does not load.
    """

    def __init__(self, settings: GeneratorSettings) -> None:
        device = settings.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        in_4bit = settings.load_in_4bit and device == "cuda"
        if in_4bit:  # an adapter is never merged into four bits
            weights = prepare_weights(settings)
            adapter = find_adapter(settings, weights)
        else:
            weights, adapter = prepare_tuned(settings)
        self.identity = {
            "engine": "transformers",
            "model": weights.name,
            "sha256": weights.sha256,
            "adapter": adapter.identity if adapter else "",
            "device": device,
        }
        over = adapter.folder if adapter and in_4bit else None
        self._model = load_model(weights.folder, device, in_4bit=in_4bit, adapter=over).eval()
        self._tokenizer = load_tokenizer(weights.folder)
        self._control = tokens_of(self._tokenizer)
        self._turns = Turns()

    def render(self, chat: Chat) -> str:
        return str(self._tokenizer.apply_chat_template(self._inert(chat), add_generation_prompt=True, tokenize=False))

    def count_tokens(self, chat: Chat) -> int:
        return len(self._encode(chat))

    def warm(self, chat: Chat) -> None:
        """Nothing to do: every prompt is read from its beginning."""

    def stream(self, chat: Chat, *, max_new_tokens: int, temperature: float) -> Iterator[Chunk]:
        prompt = torch.tensor([self._encode(chat)], device=self._model.device)
        watch = _Watch(prompt.shape[1])
        streamer = TextIteratorStreamer(self._tokenizer, skip_prompt=True, skip_special_tokens=True)
        sampling: dict[str, Any] = {"do_sample": True, "temperature": temperature} if temperature > 0 else {}
        arguments = {
            "inputs": prompt,
            "attention_mask": torch.ones_like(prompt),
            "generation_config": GenerationConfig(
                max_new_tokens=max_new_tokens,
                eos_token_id=self._model.generation_config.eos_token_id,
                pad_token_id=self._tokenizer.pad_token_id,
                **sampling,
            ),
            "streamer": streamer,
            "stopping_criteria": StoppingCriteriaList([watch]),
        }
        failures: list[BaseException] = []

        def generate() -> None:
            try:
                self._model.generate(**arguments)
            except BaseException as error:
                failures.append(error)
                streamer.end()

        with self._turns.take() as turn:
            for ahead in turn.wait():
                yield Chunk("", ahead=ahead)
            thread = threading.Thread(target=generate, name="generate", daemon=True)
            thread.start()
            try:
                for text in streamer:
                    yield Chunk(text, watch.prompt_tokens, watch.answer_tokens)
            finally:
                watch.cancelled.set()
                thread.join()
        if failures:
            raise EngineError(f"generation broke off: {failures[0]}") from failures[0]
        yield Chunk("", watch.prompt_tokens, watch.answer_tokens)

    def _encode(self, chat: Chat) -> list[int]:
        encoding: Any = self._tokenizer.apply_chat_template(self._inert(chat), add_generation_prompt=True)
        return list(encoding["input_ids"])

    def _inert(self, chat: Chat) -> Chat:
        return inert(chat, self._control)


class _Watch(StoppingCriteria):
    """Counts the tokens as they come, and stops the generation once it is cancelled."""

    def __init__(self, prompt_tokens: int) -> None:
        self.prompt_tokens = prompt_tokens
        self.answer_tokens = 0
        self.cancelled = threading.Event()

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **kwargs: Any) -> torch.BoolTensor:
        self.answer_tokens = input_ids.shape[1] - self.prompt_tokens
        return torch.full((input_ids.shape[0],), self.cancelled.is_set(), device=input_ids.device)  # type: ignore[return-value]
