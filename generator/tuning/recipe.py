"""The recipe of a training run: every number that decides what comes out, in one strict place.

A recipe is TOML (`--config F`) with `--set group.key=value` on top; the resolved one is kept in the run folder.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, overload

from core.errors import DataError, SettingsError
from core.paths import artifacts
from core.settings import flat, read_toml, resolve


@dataclass(frozen=True)
class Base:
    model: str = "default"
    """The model to tune: `default`, a folder, or a hub id of a causal language model with a chat template."""
    quantization: str = "nf4"
    """`nf4` (4-bit NormalFloat with double quantisation; QLoRA, Dettmers et al. 2023, arXiv 2305.14314) or `none`
    (LoRA over bf16 weights)."""
    adapter: str = ""
    """An adapter of the same rank to train further, by name or folder; empty begins a new one."""


@dataclass(frozen=True)
class Data:
    dir: str = str(artifacts("examples"))
    """Folder that `citewell rows` wrote."""
    rows: int = 0
    """Rows to train on; 0 for all."""


@dataclass(frozen=True)
class Lora:
    r: int = 16
    """Rank of the update (LoRA: Hu et al. 2021, arXiv 2106.09685)."""
    alpha: int = 0
    """The update is scaled by alpha / r; 0 means 2r, a rule of thumb."""
    dropout: float = 0.05
    modules: str = "all-linear"
    """Layers that are adapted: `all-linear`, or names such as `q_proj,v_proj`."""
    rslora: bool = False
    """Scale by alpha / sqrt(r) instead (Kalajdzievski 2023, arXiv 2312.03732)."""


@dataclass(frozen=True)
class Train:
    epochs: float = 1.0
    max_steps: int = 0
    """Steps of the optimizer; 0 goes by epochs."""
    learning_rate: float = 2e-4
    warmup: float = 0.05
    """Share of the steps over which the learning rate rises, before it falls along a cosine."""
    optimizer: str = "auto"
    """A name that transformers knows; `auto` is paged_adamw_32bit on CUDA and adamw_torch elsewhere."""
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    share_prefixes: bool = True
    """Join rows so that what they share is read once; off, rows are padded and batched as trl does it."""
    pack_tokens: int = 1600
    """Tokens of joined rows that go through the model at once; what decides how much memory is needed."""
    batch_rows: int = 4
    """Rows that go through the model at once without `share_prefixes`."""
    accumulate: int = 2
    """Packs (or batches) between two steps of the optimizer, on each device."""
    gradient_checkpointing: str = "auto"
    """`on` saves memory for a third more time; `auto` is on on CUDA, off on a CPU, where memory is the cheaper one."""
    log_steps: int = 10
    save_steps: int = 50
    """Steps between two checkpoints; the last two are kept."""
    seed: int = 0


@dataclass(frozen=True)
class Recipe:
    base: Base = field(default_factory=Base)
    data: Data = field(default_factory=Data)
    lora: Lora = field(default_factory=Lora)
    train: Train = field(default_factory=Train)

    @property
    def lora_alpha(self) -> int:
        return self.lora.alpha or 2 * self.lora.r

    @property
    def target_modules(self) -> str | list[str]:
        """The layers in the form that peft takes."""
        names = [name.strip() for name in self.lora.modules.split(",") if name.strip()]
        return self.lora.modules if self.lora.modules == "all-linear" else names


Kind = TypeVar("Kind", bound=Recipe)

RECIPES = Path(__file__).with_name("recipes")
SMOKE_ROWS = Path(__file__).with_name("smoke")
"""Rows over the example CSV: citewell rows --records 12 --to generator/tuning/smoke"""
SMOKE = {
    "data.dir": str(SMOKE_ROWS),
    "train.max_steps": 4,
    "train.accumulate": 1,
    "train.pack_tokens": 900,
    "train.log_steps": 1,
    "lora.r": 4,
    "lora.dropout": 0.0,
}
"""A run that shows in a minute that everything works, and tunes nothing worth having."""


@overload
def read_recipe(config: Path | None, changes: Sequence[str], given: dict[str, Any]) -> Recipe: ...


@overload
def read_recipe(config: Path | None, changes: Sequence[str], given: dict[str, Any], kind: type[Kind]) -> Kind: ...


def read_recipe(
    config: Path | None, changes: Sequence[str], given: dict[str, Any], kind: type[Recipe] = Recipe
) -> Recipe:
    """Resolve a recipe: its defaults, then the file, then `given`, then each `group.key=value` of `changes`.

    `config` is a file, or the name of a shipped recipe. `kind` is a recipe with more groups, or other defaults.

    Raises:
        SettingsError: no such file, an unknown key, or a value of the wrong type or out of range.
    """
    if config is not None and not config.is_file():
        named = RECIPES / f"{config}.toml"
        if not named.is_file():
            known = ", ".join(sorted(path.stem for path in RECIPES.glob("*.toml")))
            raise SettingsError(f"no recipe at {config}; expected a file of TOML, or a shipped one: {known}")
        config = named
    values = {**(read_toml(config) if config else {}), **given}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise SettingsError(f"--set {change!r} has no value; expected group.key=value, such as lora.r=16")
        values[key.strip()] = value.strip()
    recipe = resolve(kind, values)
    _check(recipe)
    return recipe


def _check(recipe: Recipe) -> None:
    choices = {
        "base.quantization": ("nf4", "none"),
        "train.gradient_checkpointing": ("auto", "on", "off"),
    }
    values = flat(recipe)
    for key, allowed in choices.items():
        if values[key] not in allowed:
            raise SettingsError(f"{key} is {values[key]!r}; expected {' or '.join(allowed)}")
    for key in ("lora.r", "train.pack_tokens", "train.batch_rows", "train.accumulate", "train.log_steps"):
        if values[key] < 1:
            raise SettingsError(f"{key} is {values[key]}; expected 1 or more")
    for key in ("lora.dropout", "train.warmup"):
        if not 0 <= values[key] < 1:
            raise SettingsError(f"{key} is {values[key]}; expected a share from 0 to below 1")
    if not values["train.learning_rate"] > 0:
        raise SettingsError(f"train.learning_rate is {values['train.learning_rate']}; expected more than 0")
    if not recipe.target_modules:
        raise SettingsError("lora.modules is empty; expected all-linear, or names such as q_proj,v_proj")


RUN = "run.json"
"""The file of a run folder that holds recipe, data, base, device, progress and results."""


def read_run(folder: Path) -> dict[str, Any]:
    """The record of a run.

    Raises:
        DataError: no run folder, or a damaged one.
    """
    try:
        run = dict(json.loads((folder / RUN).read_text(encoding="utf-8")))
        _ = run["recipe"], run["base"]["sha256"], run["status"]
    except FileNotFoundError:
        raise DataError(f"no {RUN} in {folder}; expected the folder of a run") from None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder / RUN} cannot be read ({error}); start the run again: citewell train --to {folder}"
        ) from error
    return run


def resumed_by(recipe: dict[str, Any]) -> str:
    """The verb that resumes a run of this recipe."""
    return {"": "train", "reward": "tune reward"}.get(str(recipe.get("align.method", "")), "align")


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Each setting that differs, as "lora.r: 16 -> 8"."""
    keys = sorted({*before, *after})
    return [f"{key}: {before.get(key)} -> {after.get(key)}" for key in keys if before.get(key) != after.get(key)]
