"""The models that a benchmark compares, and what computes their answers."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from core.settings import GeneratorSettings
from generator.adapters import CONFIG, prepare_tuned
from generator.by_processor import chosen_quant
from generator.engines import engine_name
from generator.tuning.recipe import RUN
from generator.weights import Weights

CONTEXT_TOKENS = 4096
"""Most tokens of a context and its continuation; a longer context loses its beginning."""
GENERATED_TOKENS = 256
"""Most tokens that are generated where a task names no number."""

Pair = tuple[str, str]
"""A context and its continuation."""


class Backend(Protocol):
    """What computes the answers to requests."""

    def loglikelihood(self, pairs: Sequence[Pair]) -> list[tuple[float, bool]]:
        """Log-likelihood of each continuation in nats, and whether greedy decoding would write it."""

    def rolling(self, texts: Sequence[str]) -> list[float]:
        """Log-likelihood of each whole text in nats."""

    def generate(self, prompts: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
        """The text that greedy decoding writes after each prompt, up to the texts named in its arguments."""


@dataclass(frozen=True)
class Model:
    """A model to measure: its name in the table, and what opens it."""

    name: str
    identity: dict[str, str]
    weights: Weights
    settings: GeneratorSettings


def find_model(name: str, settings: GeneratorSettings) -> Model:
    """`base` is the settings' model without an adapter, `sft` (or `tuned`) with the settings' adapter; any other name
    is an adapter's folder, a training run's, or a checkpoint.

    Raises:
        WeightsError: the model or its adapter cannot be had.
    """
    folder = Path(name)
    if name == "base":
        settings = dataclasses.replace(settings, adapter="")
    elif (folder / CONFIG).is_file() or (folder / RUN).is_file():
        settings = dataclasses.replace(settings, adapter=name)
    elif name not in ("sft", "tuned"):
        settings = dataclasses.replace(settings, model=name, adapter="")
    weights, adapter = prepare_tuned(settings)
    engine = engine_name(settings)
    identity = {
        "model": weights.name,
        "sha256": weights.sha256,
        "adapter": adapter.identity if adapter else "",
        "engine": engine,
        "quant": chosen_quant(settings.quant) if engine == "openvino" else "none",
    }
    return Model(name, identity, weights, settings)
