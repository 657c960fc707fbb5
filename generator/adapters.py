"""LoRA adapters: found by name or folder, tied to their base by its hash, merged into 16-bit weights once."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.cached_folder import made_once, sealed_hash
from core.errors import WeightsError
from core.files import sha256_file
from core.progress import log
from core.settings import GeneratorSettings
from generator.tuning.recipe import RUN, resumed_by
from generator.weights import Weights, prepare_weights

ADAPTERS = Path(__file__).with_name("adapters")
"""Adapters that are shipped, each in a folder of its name."""
DEFAULT_ADAPTER = "medquad"
"""The name of the shipped adapter that is used over the default weights."""
TENSORS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter and what it was trained over."""

    folder: Path
    name: str
    sha256: str
    """SHA-256 of adapter_model.safetensors."""
    base_name: str
    base_sha256: str
    """SHA-256 of the base's weights; empty for an adapter that CiteWell did not train, whose base cannot be checked."""

    @property
    def identity(self) -> str:
        """Name and start of the hash: what an answer is signed with."""
        return f"{self.name}@{self.sha256[:12]}"


def find_adapter(settings: GeneratorSettings, weights: Weights) -> Adapter | None:
    """The adapter that the settings name over these weights: `default` is the shipped one if it is made for them.

    Raises:
        WeightsError: no such adapter, a half-written one, or one that was trained over another base.
    """
    if not settings.adapter:
        return None
    if settings.adapter == "default":
        folder = ADAPTERS / DEFAULT_ADAPTER
        adapter = read_adapter(folder) if folder.is_dir() else None
        return adapter if adapter and adapter.base_sha256 == weights.sha256 else None
    adapter = named_adapter(settings.adapter)
    check_base(adapter, weights)
    return adapter


def named_adapter(name: str) -> Adapter:
    """An adapter by its folder, or by the name of a shipped one.

    Raises:
        WeightsError: no such adapter, or a half-written one.
    """
    folder = Path(name)
    if not folder.is_dir():
        folder = ADAPTERS / name
    if not folder.is_dir():
        shipped = ", ".join(sorted(path.name for path in ADAPTERS.glob("*/"))) or "none is shipped"
        raise WeightsError(
            f"no adapter {name!r}; expected a folder that citewell train wrote, or the name of "
            f"a shipped one ({shipped})"
        )
    return read_adapter(folder)


def read_adapter(folder: Path) -> Adapter:
    """Read the facts of an adapter's folder; in a run's folder, those of the adapter in it.

    Raises:
        WeightsError: it is no adapter's folder, or it was not written whole.
    """
    if not (folder / CONFIG).is_file() and (folder / RUN).is_file():
        inner = folder / "adapter"
        if not inner.is_dir():
            run = read_facts(folder / RUN)
            status, verb = run.get("status"), resumed_by(run.get("recipe", {}))
            raise WeightsError(
                f"{folder} is a run that is not done ({status}) and has no adapter yet; resume it: "
                f"citewell {verb} --to {folder} --resume"
            )
        folder = inner
    missing = [name for name in (CONFIG, TENSORS) if not (folder / name).is_file()]
    if missing:
        raise WeightsError(f"no {missing[0]} in {folder}; expected the folder of a LoRA adapter")
    facts = read_facts(folder / RUN)
    _check_files(folder, facts.get("files", {}))
    base = facts.get("base", {})
    name = folder.parent.name if folder.name == "adapter" else folder.name
    return Adapter(folder, name, sha256_file(folder / TENSORS), base.get("name", ""), base.get("sha256", ""))


def hashes_of(folder: Path) -> dict[str, str]:
    """SHA-256 of an adapter's files, which its record keeps: a damaged one would answer otherwise and never fail."""
    return {name: sha256_file(folder / name) for name in (CONFIG, TENSORS)}


def _check_files(folder: Path, expected: dict[str, str]) -> None:
    for name, sha256 in expected.items():
        if (found := sha256_file(folder / name)) != sha256:
            raise WeightsError(
                f"{folder / name} is damaged: SHA-256 {found[:12]}…, its {RUN} says {sha256[:12]}…; copy the adapter's "
                "folder again, or train it again: citewell train"
            )


def read_facts(path: Path) -> dict[str, Any]:
    """A JSON file of an adapter's folder, its run or its configuration; empty if there is none.

    Raises:
        WeightsError: it is damaged.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError) as error:
        raise WeightsError(f"{path} cannot be read: {error}; copy the adapter's folder again") from error


def check_base(adapter: Adapter, weights: Weights) -> None:
    """Refuse an adapter of another base.

    Raises:
        WeightsError: the hashes differ.
    """
    if adapter.base_sha256 and adapter.base_sha256 != weights.sha256:
        raise WeightsError(
            f"adapter {adapter.name} was trained over {adapter.base_name} (SHA-256 {adapter.base_sha256[:12]}), found "
            f"{weights.name} ({weights.sha256[:12]}); name its base as generator.model, or another adapter: "
            "CITEWELL_GENERATOR_ADAPTER=''"
        )


def prepare_tuned(settings: GeneratorSettings) -> tuple[Weights, Adapter | None]:
    """The weights to answer with: the base, or the adapter merged into it, made once and kept.

    Raises:
        WeightsError: base or adapter cannot be had, or do not go together.
        EngineError: the adapter does not load over the base.
        OSError: the disk is full or the cache cannot be written.
    """
    weights = prepare_weights(settings)
    adapter = find_adapter(settings, weights)
    if adapter is None:
        return weights, None
    name = f"{Path(weights.name).name}+{adapter.name}"
    folder = Path(settings.cache) / f"{name}-{weights.sha256[:6]}{adapter.sha256[:6]}"
    facts: dict[str, str | int] = {"weights": weights.sha256, "adapter": adapter.sha256}
    if not adapter.base_sha256:  # of another's making, without a record of the hashes of its files
        facts["config"] = sha256_file(adapter.folder / CONFIG)
    with made_once(folder, facts) as empty:
        if empty is not None:
            log.info(f"merging the adapter {adapter.name} into the weights (some seconds, once)")
            merge(weights, adapter, empty)
    return Weights(folder, weights.name, sealed_hash(folder, "model.safetensors")), adapter


def merge(weights: Weights, adapter: Adapter, target: Path) -> None:
    """Write the adapter merged into the base's 16-bit weights, with tokenizer and chat template, to an empty folder.

    Never into 4-bit weights: what rounding to four bits takes away, an update of low rank does not give back.

    Raises:
        WeightsError: the adapter was trained over another base.
        EngineError: base or adapter do not load.
        OSError: the disk is full or the folder cannot be written.
    """
    from generator.loading import load_model, load_tokenizer

    check_base(adapter, weights)
    merged = load_model(weights.folder, adapter=adapter.folder, as_stored=True).merge_and_unload(safe_merge=True)
    merged.save_pretrained(target)
    load_tokenizer(weights.folder).save_pretrained(target)
