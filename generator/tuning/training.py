"""Supervised fine-tuning of a causal language model with low-rank adapters: trl's SFTTrainer, set up by a recipe."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import EngineError, SettingsError
from core.files import new_folder, write_atomic
from core.libraries import quieten
from core.progress import log
from core.settings import GeneratorSettings
from generator.adapters import Adapter, find_adapter
from generator.tuning.recipe import RUN, Recipe
from generator.tuning.rows import Row, Tokens, read_manifest, read_rows, tokenise
from generator.weights import Weights, prepare_weights

quieten()

import torch  # noqa: E402
from transformers import (  # noqa: E402
    PrinterCallback,
    ProgressCallback,
)
from trl import SFTConfig, SFTTrainer  # noqa: E402

from core.step_cost import StepCost  # noqa: E402
from generator.loading import load_tokenizer  # noqa: E402
from generator.tuning.batches import as_dataset, gain  # noqa: E402
from generator.tuning.monitor import TrainingMonitor, draw_curve  # noqa: E402
from generator.tuning.run_folder import ADAPTER, begin, new_record, save_adapter  # noqa: E402
from generator.tuning.setup import (  # noqa: E402
    base_model,
    common_arguments,
    lora_config,
    out_of_memory,
    train_in_float,
    trained_further,
)
from generator.tuning.shared_prefix import collate  # noqa: E402


def train(recipe: Recipe, folder: Path, *, resume: bool, report_to: str) -> dict[str, Any]:
    """Run a recipe, and leave in `folder` what is needed to use and to judge it; returns the record of the run.

    The folder holds run.json (recipe, hashes, results), metrics.csv, loss.png, adapter/ and tokenizer/ (with the chat
    template), and checkpoints/ while it runs. Ctrl-C saves a checkpoint and stops; `resume` starts from the last one.

    Raises:
        DataError: the rows or the run folder cannot be used, or the recipe is not the one that is to be resumed.
        SettingsError: no such optimizer, module or reporter.
        EngineError: the model does not load, or memory runs out.
        WeightsError: the base weights cannot be had, or their chat template does not let a model learn to stop.
    """
    weights = prepare_weights(GeneratorSettings(model=recipe.base.model))
    begun = find_adapter(GeneratorSettings(model=recipe.base.model, adapter=recipe.base.adapter), weights)
    manifest = read_manifest(Path(recipe.data.dir))
    on_cuda = torch.cuda.is_available()
    data = {"csv": manifest["csv"], "csv_sha256": manifest["csv_sha256"], "sha256": manifest["data_sha256"]}
    record = new_record(recipe, weights, begun, data)
    checkpoint = begin(folder, record, resume)
    tokenizer = load_tokenizer(weights.folder)
    rows = read_rows(Path(recipe.data.dir), "train")
    rows = rows[: recipe.data.rows or len(rows)]
    held = read_rows(Path(recipe.data.dir), "development")
    tokens = tokenise(rows, tokenizer)
    try:
        trainer = _trainer(recipe, folder, (weights, begun), tokenizer, (rows, tokens), held, report_to)
        monitor = TrainingMonitor(folder, trainer)
        trainer.add_callback(monitor)
        trainer.add_callback(StepCost("cuda" if on_cuda else "cpu"))
        with monitor.stopping_cleanly():
            outcome = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        results: dict[str, Any] = {
            "steps": outcome.global_step,
            "of_steps": trainer.state.max_steps,
            "train_loss": round(outcome.training_loss, 4),
            "seconds": round(monitor.seconds, 1),
            "rows": len(rows),
            "row_tokens": sum(len(row.ids) for row in tokens),
            "tokens_per_second": round(monitor.read / monitor.seconds, 1) if monitor.seconds else 0.0,
            "row_tokens_per_second": round(monitor.read / monitor.seconds * gain(recipe, rows, tokens), 1)
            if monitor.seconds
            else 0.0,
        }
        if monitor.stopped:
            record |= {"status": "stopped", "results": results}
        else:
            log.info(f"reading {len(held)} development rows")
            loss = trainer.evaluate()["eval_loss"] if held else math.nan
            results |= {"development_loss": round(loss, 4), "development_perplexity": round(math.exp(loss), 4)}
            record |= {"status": "done", "results": results}
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        raise EngineError(out_of_memory(recipe.train)) from error
    if trainer.is_world_process_zero():
        if record["status"] == "done":
            with new_folder(folder / ADAPTER) as adapter:
                save_adapter(trainer.model, adapter, record)
            tokenizer.save_pretrained(folder / "tokenizer")
        draw_curve(folder)
        write_atomic(folder / RUN, json.dumps(record, indent=2) + "\n")
    if trainer.accelerator.num_processes > 1:
        # Gloo's threads abort a process that ends while another one is still connected to it.
        trainer.accelerator.wait_for_everyone()
        trainer.accelerator.end_training()
    return record


def _trainer(
    recipe: Recipe,
    folder: Path,
    begun_with: tuple[Weights, Adapter | None],
    tokenizer: Any,
    training: tuple[Sequence[Row], Sequence[Tokens]],
    held: Sequence[Row],
    report_to: str,
) -> SFTTrainer:
    rows, tokens = training
    weights, begun = begun_with
    shared = recipe.train.share_prefixes
    try:
        arguments = SFTConfig(
            **common_arguments(recipe.train, folder, report_to, 1 if shared else recipe.train.batch_rows),
            max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True},
        )
    except ValueError as error:
        raise SettingsError(f"the recipe is not understood: {error}") from error
    model, lora = base_model(recipe, weights), lora_config(recipe)
    if begun is not None:
        model = trained_further(model, begun, lora)
    try:
        trainer = SFTTrainer(
            model=model,
            args=arguments,
            train_dataset=as_dataset(recipe, rows, tokens),
            eval_dataset=as_dataset(recipe, held, tokenise(held, tokenizer)) if held else None,
            processing_class=tokenizer,
            data_collator=collate if shared else None,
            peft_config=None if begun else lora,
        )
    except ValueError as error:
        if "target modules" not in str(error).lower():
            raise
        raise SettingsError(f"lora.modules is {recipe.lora.modules!r}: {error}") from error
    train_in_float(model)  # peft puts the adapter into the model itself
    trainer.remove_callback(PrinterCallback if arguments.disable_tqdm else ProgressCallback)  # TrainingMonitor does it
    return trainer
