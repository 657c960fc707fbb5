"""Several answers sampled to each prompt, all at once, so that the prompt is read and the weights are fetched once."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.files import jsonl_lines
from core.paths import artifacts
from core.progress import bar
from core.settings import GeneratorSettings
from generator.tuning.rows import Row

SAMPLES = artifacts("samples")
"""Answers that were sampled before, by model and way of sampling: a command that is run again samples only what is
new."""

Sample = Callable[[Row, int], list[str]]
"""A row and a seed -> answers to its prompt."""


def open_sampler(settings: GeneratorSettings, answers: int, temperature: float) -> Sample:
    """The model of the settings with its adapter, on OpenVINO, as a sampler of so many answers a prompt.

    Raises:
        WeightsError, EngineError, SettingsError: the model cannot be had, or OpenVINO refuses it.
    """
    import openvino_genai

    from generator.adapters import prepare_tuned
    from generator.by_processor import choice, chosen_quant
    from generator.engines.control_tokens import added_tokens, inert
    from generator.engines.openvino import BLOCK_TOKENS, options, prepare, stop_tokens

    weights, _ = prepare_tuned(settings)
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.enable_prefix_caching = True
    scheduler.max_num_batched_tokens = choice().prefill_tokens
    scheduler.num_kv_blocks = (answers + 1) * -(-settings.context_tokens // BLOCK_TOKENS)
    folder = prepare(weights, chosen_quant(settings.quant), Path(settings.cache))
    pipeline = openvino_genai.LLMPipeline(folder, "CPU", scheduler_config=scheduler, **options(settings))
    tokenizer, control = pipeline.get_tokenizer(), added_tokens(weights.folder)

    def sample(row: Row, seed: int) -> list[str]:
        config = openvino_genai.GenerationConfig(
            max_new_tokens=settings.max_new_tokens,
            stop_token_ids=stop_tokens(weights.folder),
            apply_chat_template=False,
        )
        config.do_sample, config.temperature = True, temperature
        config.num_return_sequences, config.rng_seed = answers, seed
        prompt = str(tokenizer.apply_chat_template(inert(row.chat(), control), add_generation_prompt=True))
        return [str(text) for text in pipeline.generate([prompt], config).texts]

    return sample


def sampled(rows: Sequence[Row], identity: dict[str, Any], seed: int, open_: Callable[[], Sample]) -> list[list[str]]:
    """The answers sampled to each row's prompt; Ctrl-C loses none of those that were sampled.

    Args:
        identity: the model, and how it samples: what the answers depend on beside prompt and seed.
        open_: opens the sampler, which nothing is loaded for where all answers are known.
    """
    name = hashlib.sha256(json.dumps([identity, seed], sort_keys=True).encode()).hexdigest()[:16]
    path = SAMPLES / f"{name}.jsonl"
    known = _known(path)
    prompts = [hashlib.sha256(json.dumps(row.chat()).encode()).hexdigest() for row in rows]
    if missing := [number for number, prompt in enumerate(prompts) if prompt not in known]:
        sample = open_()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file, bar("sampling", len(missing), " prompts") as progress:
            for number in missing:
                prompt = prompts[number]
                known[prompt] = sample(rows[number], int(prompt[:6], 16) + seed)
                file.write(json.dumps({"prompt": prompt, "texts": known[prompt]}, ensure_ascii=False) + "\n")
                file.flush()
                progress.update()
    return [known[prompt] for prompt in prompts]


def _known(path: Path) -> dict[str, list[str]]:
    known: dict[str, list[str]] = {}
    for line in jsonl_lines(path.read_text(encoding="utf-8")) if path.is_file() else []:
        try:
            entry = json.loads(line)
            known[entry["prompt"]] = [str(text) for text in entry["texts"]]
        except (ValueError, KeyError, TypeError):
            continue  # the line that was being written when the process was killed
    return known
