"""One run of preference training, by the method that its recipe names."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core.errors import EngineError, SettingsError
from core.files import new_folder, write_atomic
from core.libraries import quieten
from core.settings import GeneratorSettings
from generator.adapters import Adapter, find_adapter
from generator.tuning.pairs import enough, read_pairs, read_pairs_manifest, tokenise_pairs
from generator.tuning.preference_recipe import PreferenceRecipe
from generator.tuning.recipe import RUN
from generator.weights import Weights, prepare_weights

quieten()

import torch  # noqa: E402
from transformers import TrainingArguments  # noqa: E402

from core.step_cost import StepCost  # noqa: E402
from generator.loading import load_tokenizer  # noqa: E402
from generator.tuning.monitor import TrainingMonitor, draw_curve  # noqa: E402
from generator.tuning.objectives import Objective, dpo_objective, orpo_objective  # noqa: E402
from generator.tuning.preference_training import (  # noqa: E402
    PairTrainer,
    as_dataset,
    kept_reference,
    pair_packs,
    reference_log_probs,
    swapped,
)
from generator.tuning.run_folder import ADAPTER, begin, new_record, save_adapter  # noqa: E402
from generator.tuning.setup import (  # noqa: E402
    base_model,
    common_arguments,
    lora_config,
    out_of_memory,
    train_in_float,
    trained_further,
)

LOGGED = {
    "dpo": ("accuracy", "margin", "chosen_drift", "chosen_nats"),
    "orpo": ("accuracy", "margin", "chosen_nats"),
    "reward": ("accuracy", "margin"),
}
"""What each method logs beside the loss."""


def begun_from(recipe: PreferenceRecipe) -> tuple[Weights, Adapter | None]:
    """The base and the adapter that a run begins from.

    Raises:
        SettingsError: every method but ORPO needs an adapter that was fine-tuned before.
        WeightsError: they cannot be had, or do not go together.
    """
    weights = prepare_weights(GeneratorSettings(model=recipe.base.model))
    begun = find_adapter(GeneratorSettings(model=recipe.base.model, adapter=recipe.base.adapter), weights)
    if begun is None and recipe.align.method != "orpo":
        raise SettingsError(
            f"{recipe.align.method} holds on to a fine-tuned model, and base.adapter {recipe.base.adapter!r} is none "
            f"over {weights.name}; train one (citewell train) and name it: --set base.adapter=DIR"
        )
    return weights, begun


def align(recipe: PreferenceRecipe, folder: Path, *, resume: bool, report_to: str) -> dict[str, Any]:
    """Run DPO or ORPO over joined pairs; leaves what `generator.tuning.training.train` leaves.

    Raises:
        DataError: too few pairs, a damaged folder of them, or a run folder that is another run's.
        SettingsError: no such optimizer, module, reporter, or nothing to begin from.
        EngineError: the model does not load, or memory runs out.
        WeightsError: see `begun_from`.
    """
    weights, begun = begun_from(recipe)
    manifest = read_pairs_manifest(Path(recipe.data.dir))
    record = new_record(recipe, weights, begun, {"sha256": manifest["data_sha256"]})
    pairs = enough(read_pairs(Path(recipe.data.dir), "train"), Path(recipe.data.dir))
    checkpoint = begin(folder, record, resume)
    tokenizer = load_tokenizer(weights.folder)
    pairs = pairs[: recipe.data.rows or len(pairs)]
    if recipe.align.swap:
        pairs = swapped(pairs)
    packs = pair_packs(
        tokenise_pairs(pairs, tokenizer), [pair.group for pair in pairs], recipe.train.pack_tokens, recipe.train.seed
    )
    with reporting_memory(recipe):
        model = base_model(recipe, weights)
        model = adapted(model, begun, recipe)
        reference = None
        if recipe.align.method == "dpo":
            rows = [row for pack in packs for pair in pack for row in pair]
            reference = kept_reference(folder, rows, lambda: reference_log_probs(model, packs))
            objective = dpo_objective(recipe.align.beta, recipe.align.sft)
        else:
            objective = orpo_objective(recipe.align.beta)
        results = train_pairs(
            recipe, folder, model, (objective, LOGGED[recipe.align.method]), packs, reference, checkpoint, report_to
        )
    return finish(folder, record, results | {"rows": len(pairs)}, model, tokenizer)


def adapted(model: Any, begun: Adapter | None, recipe: PreferenceRecipe) -> Any:
    """The base with the adapter to train: one that was trained before, or a new one.

    Raises:
        SettingsError: the recipe's shape is not the adapter's, or names modules that the base lacks.
    """
    from peft import get_peft_model

    lora = lora_config(recipe)
    if begun is not None:
        return trained_further(model, begun, lora)
    try:
        return get_peft_model(model, lora)
    except ValueError as error:
        raise SettingsError(f"lora.modules is {recipe.lora.modules!r}: {error}") from error


def train_pairs(
    recipe: PreferenceRecipe,
    folder: Path,
    model: Any,
    objective: tuple[Objective, Sequence[str]],
    packs: Sequence[Any],
    reference: Any,
    checkpoint: Path | None,
    report_to: str,
) -> dict[str, Any]:
    """Train a model on packs of pairs; returns the results, `stopped` among them where Ctrl-C ended it."""
    lowered, logged = objective
    try:
        arguments = TrainingArguments(**common_arguments(recipe.train, folder, report_to))
    except ValueError as error:
        raise SettingsError(f"the recipe is not understood: {error}") from error
    train_in_float(model)
    trainer = PairTrainer(lowered, as_dataset(packs, reference), model, arguments)
    monitor = TrainingMonitor(folder, trainer, logged)
    trainer.add_callback(monitor)
    trainer.add_callback(StepCost("cuda" if torch.cuda.is_available() else "cpu"))
    with monitor.stopping_cleanly():
        outcome = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    row_tokens = sum(len(row.ids) for pack in packs for pair in pack for row in pair)
    read = sum(len(row) for pack in as_dataset(packs)["ids"] for row in pack)
    last = [entry for entry in trainer.state.log_history if "loss" in entry][-1:]
    return {
        "stopped": monitor.stopped,
        "steps": outcome.global_step,
        "of_steps": trainer.state.max_steps,
        "train_loss": round(outcome.training_loss, 4),
        "seconds": round(monitor.seconds, 1),
        "row_tokens": row_tokens,
        "unique_row_tokens": read,
        "tokens_per_second": round(monitor.read / monitor.seconds, 1) if monitor.seconds else 0.0,
        "last": {name: round(last[0][name], 4) for name in logged if last and name in last[0]},
    }


def finish(folder: Path, record: dict[str, Any], results: dict[str, Any], model: Any, tokenizer: Any) -> dict[str, Any]:
    """Write adapter, tokenizer, curve and record of a run that is done or was stopped; returns the record.

    Raises:
        OSError: the disk is full.
    """
    stopped = results.pop("stopped")
    record |= {"status": "stopped" if stopped else "done", "results": results}
    if not stopped:
        with new_folder(folder / ADAPTER) as adapter:
            save_adapter(model, adapter, record)
        tokenizer.save_pretrained(folder / "tokenizer")
    if (folder / "metrics.csv").is_file():
        draw_curve(folder, "loss of preferences")
    write_atomic(folder / RUN, json.dumps(record, indent=2) + "\n")
    return record


@contextlib.contextmanager
def reporting_memory(recipe: PreferenceRecipe) -> Iterator[None]:
    """Turn an error for lack of memory inside the block into one that names the setting to lower.

    Raises:
        EngineError: memory ran out.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        raise EngineError(out_of_memory(recipe.train)) from error
