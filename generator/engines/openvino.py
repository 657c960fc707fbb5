"""The engine for CPUs: OpenVINO GenAI with prompt-lookup decoding and a cache of prompt prefixes.

A cited answer repeats its passages, so the next tokens are guessed from the prompt and checked several at a time
(prompt-lookup decoding, https://github.com/apoorvumang/prompt-lookup-decoding). Greedy answers stay the same up to
rounding, and come some four times as fast; five, eight or twelve guesses at a time differ little (`python -m bench`).
"""

import errno
import json
import os
import queue
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import openvino_genai

from core.cached_folder import DAILY_S, made_once
from core.errors import EngineError, SettingsError, is_disk_full
from core.memory import drop_mapped
from core.precision import openvino_precision
from core.processor import openvino_threads
from core.progress import log
from core.settings import GeneratorSettings
from generator.adapters import prepare_tuned
from generator.by_processor import choice, chosen_quant
from generator.engines.base import Chat, Chunk
from generator.engines.control_tokens import added_tokens, inert
from generator.engines.turns import Turns
from generator.export import QUANTS, export
from generator.weights import Weights

LOOKUP_NGRAM = 3
"""Longest run of last tokens that is looked up in the prompt."""
BLOCK_TOKENS = 32
"""Tokens of a block of the CPU's key-value cache."""
MODEL_FILE = "openvino_model.bin"
"""The weights in a converted model's folder."""
CACHED_PROMPTS = 2
"""Whole contexts that the key-value cache holds: the one being written, and prefixes of earlier ones."""


class OpenVinoEngine:
    """A checkpoint of the Qwen2 family, its adapter merged, quantised and converted once, then run from the cache.

    Raises:
        SettingsError: no such quant.
        EngineError: OpenVINO does not run on this processor, or refuses the model.
        WeightsError: the checkpoint is of an architecture that cannot be exported.
    """

    def __init__(self, settings: GeneratorSettings) -> None:
        weights, adapter = prepare_tuned(settings)
        quant = chosen_quant(settings.quant)
        self._folder = prepare(weights, quant, Path(settings.cache))
        try:
            self._pipeline = openvino_genai.LLMPipeline(
                self._folder,
                "CPU",
                prompt_lookup=settings.lookup_tokens > 0,
                scheduler_config=_scheduler(settings),
                **options(settings),
            )
        except RuntimeError as error:
            raise _refused(weights, error) from error
        self._tokenizer = self._pipeline.get_tokenizer()
        self._lookup_tokens = settings.lookup_tokens
        self._stop_tokens = stop_tokens(weights.folder)
        self._control = added_tokens(weights.folder)
        self._turns = Turns()
        self.identity = {
            "engine": "openvino",
            "model": weights.name,
            "sha256": weights.sha256,
            "quant": quant,
            "adapter": adapter.identity if adapter else "",
            "device": "cpu",
        }

    def render(self, chat: Chat) -> str:
        return str(self._tokenizer.apply_chat_template(inert(chat, self._control), add_generation_prompt=True))

    def count_tokens(self, chat: Chat) -> int:
        return self._count(self.render(chat))

    def warm(self, chat: Chat) -> None:
        for _ in self.stream(chat, max_new_tokens=1, temperature=0.0):
            pass
        # By now OpenVINO has the weights in an order of its own; of the file it reads words' vectors alone.
        drop_mapped(self._folder / MODEL_FILE)

    def stream(self, chat: Chat, *, max_new_tokens: int, temperature: float) -> Iterator[Chunk]:
        prompt = self.render(chat)
        prompt_tokens, answer_tokens = self._count(prompt), 0
        with self._turns.take() as turn:
            for ahead in turn.wait():
                yield Chunk("", ahead=ahead)
            generation = _Generation(self._pipeline, prompt, self._config(max_new_tokens, temperature))
            try:
                for text in generation.pieces():
                    answer_tokens += self._count(text)
                    yield Chunk(text, prompt_tokens, answer_tokens)
            finally:
                generation.cancel()
        yield Chunk("", prompt_tokens, generation.answer_tokens)

    def _count(self, text: str) -> int:
        return int(self._tokenizer.encode(text, add_special_tokens=False).input_ids.shape[1])

    def _config(self, max_new_tokens: int, temperature: float) -> openvino_genai.GenerationConfig:
        config = openvino_genai.GenerationConfig(
            max_new_tokens=max_new_tokens,
            stop_token_ids=self._stop_tokens,
            apply_chat_template=False,
            num_assistant_tokens=self._lookup_tokens,
            max_ngram_size=LOOKUP_NGRAM if self._lookup_tokens else 0,
        )
        if temperature > 0:
            config.do_sample = True
            config.temperature = temperature
            config.rng_seed = secrets.randbits(32)
        return config


class _Generation:
    """One call of the pipeline in a thread of its own, its text handed over piece by piece."""

    def __init__(
        self, pipeline: openvino_genai.LLMPipeline, prompt: str, config: openvino_genai.GenerationConfig
    ) -> None:
        self.answer_tokens = 0
        self._cancelled = threading.Event()
        self._failure: BaseException | None = None
        self._texts: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(pipeline, prompt, config), name="generate", daemon=True)
        self._thread.start()

    def pieces(self) -> Iterator[str]:
        """The text as it is written.

        Raises:
            EngineError: the pipeline broke off.
        """
        while (text := self._texts.get()) is not None:
            yield text
        self._thread.join()
        if self._failure is not None:
            raise EngineError(f"generation broke off: {_last_line(self._failure)}") from self._failure

    def cancel(self) -> None:
        """End the generation at its next token, and wait until it has ended."""
        self._cancelled.set()
        self._thread.join()

    def _run(self, pipeline: openvino_genai.LLMPipeline, prompt: str, config: openvino_genai.GenerationConfig) -> None:
        try:
            result = pipeline.generate([prompt], config, self._hand_over)
            self.answer_tokens = result.perf_metrics.get_num_generated_tokens()
        except BaseException as error:
            self._failure = error
        self._texts.put(None)

    def _hand_over(self, text: str) -> openvino_genai.StreamingStatus:
        self._texts.put(text)
        return (
            openvino_genai.StreamingStatus.CANCEL
            if self._cancelled.is_set()
            else openvino_genai.StreamingStatus.RUNNING
        )


def prepare(weights: Weights, quant: str, cache: Path) -> Path:
    """The folder of a checkpoint quantised and converted for OpenVINO; made if it is not there whole.

    Raises:
        SettingsError: no such quant.
        WeightsError: the checkpoint cannot be exported.
        EngineError: OpenVINO refuses it.
        OSError: the disk is full or the cache cannot be written.
    """
    if quant not in QUANTS:
        raise SettingsError(f"unknown generator.quant {quant!r}; expected {', '.join(QUANTS)}")
    folder = cache / f"{Path(weights.name).name}-{weights.sha256[:12]}-{quant}"
    facts = {"weights": weights.sha256, "quant": quant, "openvino_genai": openvino_genai.__version__}
    with made_once(folder, facts, DAILY_S) as empty:
        if empty is not None:
            gguf = empty / "model.gguf"
            export(weights, quant, gguf)
            log.info("converting it for this processor (some seconds, once)")
            try:
                openvino_genai.LLMPipeline(gguf, "CPU", enable_save_ov_model=True)  # saves beside the GGUF
            except RuntimeError as error:
                if is_disk_full(error):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from error
                raise _refused(weights, error) from error
            gguf.unlink()
    return folder


def _scheduler(settings: GeneratorSettings) -> openvino_genai.SchedulerConfig:
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.enable_prefix_caching = True
    scheduler.max_num_batched_tokens = choice().prefill_tokens
    # A fixed number: left to itself the cache grows with every prompt that is asked.
    scheduler.num_kv_blocks = CACHED_PROMPTS * -(-settings.context_tokens // BLOCK_TOKENS)
    return scheduler


def options(settings: GeneratorSettings) -> dict[str, str | int | bool]:
    """OpenVINO's options for this processor and these settings.

    OpenVINO itself takes one thread for each core that the process may use; the setting overrides that."""
    chosen: dict[str, str | int | bool] = {
        "INFERENCE_PRECISION_HINT": openvino_precision(),
        # A thread that is tied to a core waits for whoever else keeps it busy, and all others wait for the thread.
        "ENABLE_CPU_PINNING": False,
    }
    return chosen | ({"INFERENCE_NUM_THREADS": settings.threads} if settings.threads else openvino_threads())


def stop_tokens(folder: Path) -> set[int]:
    """The tokens at which a checkpoint's model ends its text."""
    ids = json.loads((folder / "generation_config.json").read_text())["eos_token_id"]
    return set(ids) if isinstance(ids, list) else {ids}


def _refused(weights: Weights, error: RuntimeError) -> EngineError:
    return EngineError(
        f"OpenVINO cannot run {weights.name}: {_last_line(error)}; use another engine: "
        "CITEWELL_GENERATOR_ENGINE=transformers"
    )


def _last_line(error: BaseException) -> str:
    """OpenVINO's messages begin with places in its source and end with the reason."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1]
