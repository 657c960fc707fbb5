"""The engine that runs a causal language model in this process, with transformers."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import EngineError
from core.libraries import quieten
from core.settings import GeneratorSettings
from generator.engines import Chat, Chunk
from generator.models import Weights
from generator.turns import Turns

quieten()

import torch  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    GenerationConfig,
    StoppingCriteria,
    StoppingCriteriaList,
    TextIteratorStreamer,
)


class TransformersEngine:
    """A checkpoint in bf16, or NF4 on CUDA, with a LoRA adapter where one is named.

    Raises:
        EngineError: the checkpoint or the adapter does not load.
    """

    def __init__(self, weights: Weights, settings: GeneratorSettings) -> None:
        device = settings.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.identity = {
            "engine": "transformers",
            "model": weights.name,
            "sha256": weights.sha256,
            "adapter": settings.adapter,
            "device": device,
        }
        try:
            self._model = _load_model(weights.folder, settings, device)
            self._tokenizer = AutoTokenizer.from_pretrained(weights.folder, local_files_only=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise EngineError(f"{weights.folder} does not load: {error}; is it a causal language model?") from error
        self._turns = Turns()

    def render(self, chat: Chat) -> str:
        return str(self._tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False))

    def count_tokens(self, chat: Chat) -> int:
        return len(self._encode(chat))

    def warm(self, chat: Chat) -> None:
        """Nothing to do: every prompt is read anew."""

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
        encoding: Any = self._tokenizer.apply_chat_template(chat, add_generation_prompt=True)
        return list(encoding["input_ids"])


class _Watch(StoppingCriteria):
    """Counts the tokens as they come, and stops the generation once it is cancelled."""

    def __init__(self, prompt_tokens: int) -> None:
        self.prompt_tokens = prompt_tokens
        self.answer_tokens = 0
        self.cancelled = threading.Event()

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **kwargs: Any) -> torch.BoolTensor:
        self.answer_tokens = input_ids.shape[1] - self.prompt_tokens
        return torch.full((input_ids.shape[0],), self.cancelled.is_set(), device=input_ids.device)  # type: ignore[return-value]


def _load_model(folder: Path, settings: GeneratorSettings, device: str) -> Any:
    quantization = None
    if settings.load_in_4bit and device == "cuda":
        quantization = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",  # the library's own default is fp4
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.bfloat16, quantization_config=quantization, device_map=device, local_files_only=True
    )
    if settings.adapter:
        if not (Path(settings.adapter) / "adapter_config.json").is_file():
            raise EngineError(f"no adapter_config.json in {settings.adapter}; expected the folder of a LoRA adapter")
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, settings.adapter)
    return model.eval()
