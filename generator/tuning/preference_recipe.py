"""The recipe of a run that learns from preferences: that of any run, other defaults, and what the method needs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import SettingsError
from core.paths import artifacts
from generator.tuning.recipe import Base, Data, Lora, Recipe, Train, read_recipe

METHODS = ("dpo", "orpo", "ppo", "rloo")
SMOKE_PAIRS = Path(__file__).with_name("smoke_pairs")
"""The first pairs of: citewell preferences --rows generator/tuning/smoke --prompts 0 --only model --to DIR"""


@dataclass(frozen=True)
class BegunBase(Base):
    quantization: str = "none"
    """Preferences hang on small differences of likelihood, which four bits round away."""
    adapter: str = "default"
    """The adapter to train further, fine-tuned before: `default` is the shipped one; empty begins from the base, which
    ORPO alone can do."""


@dataclass(frozen=True)
class PairData(Data):
    dir: str = str(artifacts("preferences"))
    """Folder that `citewell preferences` wrote."""


@dataclass(frozen=True)
class PlainLora(Lora):
    dropout: float = 0.0
    """Above 0, the likelihoods that are compared would be those of different models."""


@dataclass(frozen=True)
class SmallSteps(Train):
    learning_rate: float = 2e-5
    accumulate: int = 4
    save_steps: int = 20


@dataclass(frozen=True)
class Align:
    method: str = "dpo"
    beta: float = 0.3
    """How strongly DPO holds on to what it began with; with ORPO, the weight of the odds ratio (its lambda)."""
    sft: float = 1.0
    """Weight of the likelihood of the chosen answer, with DPO."""
    swap: bool = False
    """Take the rejected answer for the chosen one: a run that must come out worse, or the pairs say nothing."""
    reward: str = ""
    """Folder of the reward model that PPO asks (`citewell tune reward`)."""
    kl: float = 0.05
    """Price of each nat by which PPO and RLOO leave what they began with."""
    answers: int = 4
    """Answers that RLOO compares for each prompt; episodes between two steps of PPO."""
    answer_tokens: int = 160
    """Most tokens of an answer that PPO and RLOO sample."""
    temperature: float = 1.0


@dataclass(frozen=True)
class PreferenceRecipe(Recipe):
    base: BegunBase = field(default_factory=BegunBase)
    data: PairData = field(default_factory=PairData)
    lora: PlainLora = field(default_factory=PlainLora)
    train: SmallSteps = field(default_factory=SmallSteps)
    align: Align = field(default_factory=Align)


SMOKE: dict[str, Any] = {
    "data.dir": str(SMOKE_PAIRS),
    "data.rows": 8,
    "train.max_steps": 2,
    "train.accumulate": 1,
    "train.pack_tokens": 600,
    "train.log_steps": 1,
    "align.answers": 2,
    "align.answer_tokens": 16,
}
"""A run that shows within minutes that everything works, and tunes nothing worth having."""


def read_preference_recipe(config: Path | None, changes: Sequence[str], given: dict[str, Any]) -> PreferenceRecipe:
    """Resolve a recipe as `read_recipe` does.

    Raises:
        SettingsError: see `read_recipe`; or a method or a weight that does not exist.
    """
    recipe = read_recipe(config, changes, given, PreferenceRecipe)
    align = recipe.align
    if align.method not in (*METHODS, "reward"):
        raise SettingsError(f"align.method is {align.method!r}; expected {', '.join(METHODS)}")
    for key, value, least in (
        ("beta", align.beta, 0.0),
        ("temperature", align.temperature, 0.0),
        ("answers", align.answers, 1),
        ("answer_tokens", align.answer_tokens, 0),
    ):
        if not value > least:
            raise SettingsError(f"align.{key} is {value}; expected more than {least}")
    for key, value in (("sft", align.sft), ("kl", align.kl)):
        if value < 0:
            raise SettingsError(f"align.{key} is {value}; expected 0 or more")
    if recipe.lora.dropout:
        raise SettingsError(
            f"lora.dropout is {recipe.lora.dropout}; expected 0: likelihoods that are compared must be of one model"
        )
    return recipe
