"""What every trainer of this project is set up with: the arguments that a recipe stands for, and the model to train."""

import os
import sys
from pathlib import Path
from typing import Any

from core.errors import SettingsError
from core.precision import trains_in_bf16
from core.progress import log
from generator.adapters import Adapter
from generator.tuning.recipe import Recipe, Train
from generator.tuning.run_folder import CHECKPOINTS
from generator.weights import Weights


def common_arguments(settings: Train, folder: Path, report_to: str, batch_rows: int = 1) -> dict[str, Any]:
    """The arguments that transformers' and trl's trainers share."""
    import torch

    on_cuda = torch.cuda.is_available()
    optimizer = settings.optimizer
    if optimizer == "auto":
        optimizer = "paged_adamw_32bit" if on_cuda else "adamw_torch"
        if not on_cuda:
            log.warning("notice: no CUDA device, so AdamW's state is not paged (adamw_torch, not paged_adamw_32bit)")
    checkpointing = settings.gradient_checkpointing
    return {
        "output_dir": str(folder / CHECKPOINTS),
        "num_train_epochs": settings.epochs,
        "max_steps": settings.max_steps or -1,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": settings.warmup,  # below 1: a share of the steps
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "optim": optimizer,
        "per_device_train_batch_size": batch_rows,
        "per_device_eval_batch_size": batch_rows,
        "gradient_accumulation_steps": settings.accumulate,
        "gradient_checkpointing": checkpointing == "on" or (checkpointing == "auto" and on_cuda),
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "logging_steps": settings.log_steps,
        "logging_first_step": True,
        "save_steps": settings.save_steps,
        "save_total_limit": 2,
        "eval_strategy": "no",
        "bf16": trains_in_bf16("cuda" if on_cuda else "cpu"),
        "use_cpu": not on_cuda,
        "ddp_backend": None if on_cuda or "WORLD_SIZE" not in os.environ else "gloo",
        "ddp_find_unused_parameters": False,
        "remove_unused_columns": False,
        "report_to": report_to,
        "seed": settings.seed,
        "disable_tqdm": not sys.stderr.isatty(),
    }


def base_model(recipe: Recipe, weights: Weights) -> Any:
    """The base in the format that the recipe names, on the device that trains it."""
    import torch

    from generator.loading import load_model

    device = int(os.environ.get("LOCAL_RANK", "0")) if torch.cuda.is_available() else "cpu"
    return load_model(weights.folder, device, in_4bit=recipe.base.quantization == "nf4")


def lora_config(recipe: Recipe, task: str = "CAUSAL_LM", **more: Any) -> Any:
    """peft's configuration of the recipe's adapter."""
    from peft import LoraConfig

    return LoraConfig(
        r=recipe.lora.r,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules=recipe.target_modules,
        use_rslora=recipe.lora.rslora,
        task_type=task,
        **more,
    )


def train_in_float(model: Any) -> None:
    """Keep what is trained in float32.

    trl turns a QLoRA adapter to bf16, whose steps near 0.03 are as wide as AdamW's own at a rate of 1e-4; where bf16 is
    fast, autocast computes in it all the same.
    """
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def trained_further(model: Any, begun: Adapter, lora: Any) -> Any:
    """The model with an adapter that was trained before, to be trained further.

    Raises:
        SettingsError: the recipe's adapter has another shape.
    """
    from peft import LoraConfig, PeftModel

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


def out_of_memory(train: Train) -> str:
    """The message where memory ran out: which setting to lower."""
    lower = (
        f"train.pack_tokens={max(train.pack_tokens // 2, 200)} (it is {train.pack_tokens})"
        if train.share_prefixes
        else f"train.batch_rows={max(train.batch_rows // 2, 1)} (it is {train.batch_rows})"
    )
    return f"memory ran out; lower --set {lower}, or switch on --set train.gradient_checkpointing=on"
