"""Supervised fine-tuning of a causal language model with low-rank adapters: trl's SFTTrainer, set up by a recipe."""

import dataclasses
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import DataError, EngineError, SettingsError
from core.files import new_folder, write_atomic
from core.libraries import quieten
from core.precision import stored_dtype, trains_in_bf16
from core.progress import log
from core.settings import GeneratorSettings, flat
from generator.adapters import Adapter, find_adapter
from generator.tuning.recipe import RUN, Recipe, changed, read_run
from generator.tuning.rows import Row, Tokens, read_manifest, read_rows, tokenise
from generator.weights import Weights, prepare_weights

quieten()

import torch  # noqa: E402
from peft import LoraConfig, PeftModel  # noqa: E402
from transformers import (  # noqa: E402
    PrinterCallback,
    ProgressCallback,
)
from trl import SFTConfig, SFTTrainer  # noqa: E402

from core.step_cost import StepCost  # noqa: E402
from generator.loading import load_model, load_tokenizer  # noqa: E402
from generator.tuning.batches import as_dataset, gain  # noqa: E402
from generator.tuning.monitor import TrainingMonitor, draw_curve  # noqa: E402
from generator.tuning.shared_prefix import collate  # noqa: E402

ADAPTER = "adapter"
CHECKPOINTS = "checkpoints"


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
    record = {
        "recipe": flat(recipe),
        "base": {"name": weights.name, "sha256": weights.sha256, "adapter": begun.identity if begun else ""},
        "data": {"csv": manifest["csv"], "csv_sha256": manifest["csv_sha256"], "sha256": manifest["data_sha256"]},
        "device": torch.cuda.get_device_name() if on_cuda else f"CPU, {torch.get_num_threads()} threads",
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "versions": {name: _version(name) for name in ("torch", "transformers", "peft", "trl", "bitsandbytes")},
        "status": "running",
    }
    checkpoint = _start(folder, record, resume)
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
        raise EngineError(_out_of_memory(recipe)) from error
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


def save_adapter(model: Any, folder: Path, record: dict[str, Any]) -> None:
    """Write the adapter in bf16 (half the size; merging rounds to it anyway), with the record of its run beside it.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    state = get_peft_model_state_dict(model)
    tensors = {name: value.detach().to("cpu", stored_dtype()).contiguous() for name, value in state.items()}
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    (folder / "adapter_model.safetensors").chmod(0o644)
    config = model.peft_config["default"]
    # A path on this machine means nothing elsewhere; run.json identifies the base by its hash.
    dataclasses.replace(config, inference_mode=True, base_model_name_or_path=record["base"]["name"]).save_pretrained(
        folder
    )
    (folder / RUN).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _start(folder: Path, record: dict[str, Any], resume: bool) -> Path | None:
    """Make or check the run folder; returns the checkpoint to resume from."""
    checkpoint = None
    if resume:
        before = read_run(folder)
        differs = changed(before["recipe"], record["recipe"])
        for name in ("base", "data"):
            differs += changed({f"{name} hash": before[name]["sha256"]}, {f"{name} hash": record[name]["sha256"]})
        if differs:
            raise DataError(
                f"{folder} was begun otherwise ({'; '.join(differs)}); resume it with its own recipe, "
                "or start another run: --to DIR"
            )
        found = sorted((folder / CHECKPOINTS).glob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]))
        whole = [path for path in found if (path / "trainer_state.json").is_file()]
        if not whole:
            raise DataError(f"{folder} has no whole checkpoint to resume from; start it again without --resume")
        checkpoint = whole[-1]
        log.info(f"resuming from {checkpoint.name}")
    if os.environ.get("RANK", "0") != "0":  # the main process alone looks at the folder and begins the run
        return checkpoint
    if not resume and (folder / RUN).is_file():
        status = read_run(folder)["status"]
        raise DataError(f"{folder} holds a run already ({status}); resume it: --resume, or start another: --to DIR")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / RUN, json.dumps(record, indent=2) + "\n")
    return checkpoint


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
    on_cuda = torch.cuda.is_available()
    rank = int(os.environ.get("LOCAL_RANK", "0"))
    settings = recipe.train
    shared = settings.share_prefixes
    optimizer = settings.optimizer
    if optimizer == "auto":
        optimizer = "paged_adamw_32bit" if on_cuda else "adamw_torch"
        if not on_cuda:
            log.warning("notice: no CUDA device, so AdamW's state is not paged (adamw_torch, not paged_adamw_32bit)")
    checkpointing = settings.gradient_checkpointing
    try:
        arguments = SFTConfig(
            output_dir=str(folder / CHECKPOINTS),
            num_train_epochs=settings.epochs,
            max_steps=settings.max_steps or -1,
            learning_rate=settings.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=settings.warmup,  # below 1: a share of the steps
            weight_decay=settings.weight_decay,
            max_grad_norm=settings.max_grad_norm,
            optim=optimizer,
            per_device_train_batch_size=1 if shared else settings.batch_rows,
            per_device_eval_batch_size=1 if shared else settings.batch_rows,
            gradient_accumulation_steps=settings.accumulate,
            gradient_checkpointing=checkpointing == "on" or (checkpointing == "auto" and on_cuda),
            gradient_checkpointing_kwargs={"use_reentrant": False},
            logging_steps=settings.log_steps,
            logging_first_step=True,
            save_steps=settings.save_steps,
            save_total_limit=2,
            eval_strategy="no",
            bf16=trains_in_bf16("cuda" if on_cuda else "cpu"),
            use_cpu=not on_cuda,
            ddp_backend=None if on_cuda or "WORLD_SIZE" not in os.environ else "gloo",
            ddp_find_unused_parameters=False,
            max_length=None,
            remove_unused_columns=False,
            dataset_kwargs={"skip_prepare_dataset": True},
            report_to=report_to,
            seed=settings.seed,
            disable_tqdm=not sys.stderr.isatty(),
        )
    except ValueError as error:
        raise SettingsError(f"the recipe is not understood: {error}") from error
    model = load_model(weights.folder, rank if on_cuda else "cpu", in_4bit=recipe.base.quantization == "nf4")
    lora = LoraConfig(
        r=recipe.lora.r,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules=recipe.target_modules,
        use_rslora=recipe.lora.rslora,
        task_type="CAUSAL_LM",
    )
    if begun is not None:
        model = _trained_further(model, begun, lora)
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
    for parameter in model.parameters():  # peft puts the adapter's into the model itself
        if parameter.requires_grad:
            # trl turns a QLoRA adapter to bf16, whose steps near 0.03 are as wide as AdamW's own at a rate of 1e-4;
            # where bf16 is fast, autocast computes in it all the same.
            parameter.data = parameter.data.float()
    trainer.remove_callback(PrinterCallback if arguments.disable_tqdm else ProgressCallback)  # TrainingMonitor does it
    return trainer


def _trained_further(model: Any, begun: Adapter, lora: LoraConfig) -> PeftModel:
    """The model with an adapter that was trained before, to be trained further."""
    found = LoraConfig.from_pretrained(str(begun.folder))
    differs = [
        f"{name} {getattr(found, name)}, the recipe {getattr(lora, name)}"
        for name in ("r", "lora_alpha", "use_rslora")
        if getattr(found, name) != getattr(lora, name)
    ]
    if differs:
        raise SettingsError(
            f"base.adapter {begun.name} has {'; '.join(differs)}; name the same in the recipe, or begin without it"
        )
    further = PeftModel.from_pretrained(model, str(begun.folder), is_trainable=True)
    # Where the base is here: by its name alone peft would ask the hub about it at every checkpoint.
    further.peft_config["default"].base_model_name_or_path = model.name_or_path
    return further


def _out_of_memory(recipe: Recipe) -> str:
    train = recipe.train
    lower = (
        f"train.pack_tokens={max(train.pack_tokens // 2, 200)} (it is {train.pack_tokens})"
        if train.share_prefixes
        else f"train.batch_rows={max(train.batch_rows // 2, 1)} (it is {train.batch_rows})"
    )
    return f"memory ran out; lower --set {lower}, or switch on --set train.gradient_checkpointing=on"


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)
