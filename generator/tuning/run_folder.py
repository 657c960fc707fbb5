"""The folder of a training run: begun once, resumed from its last checkpoint, and what it leaves.

Supervised fine-tuning, preference training and the reward model keep their runs alike.
"""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from core.cached_folder import MARKER, damage, seal
from core.errors import DataError
from core.files import write_atomic
from core.precision import stored_dtype
from core.progress import log
from core.settings import flat
from generator.adapters import Adapter, hashes_of
from generator.tuning.recipe import RUN, changed, read_run
from generator.weights import Weights

ADAPTER = "adapter"
CHECKPOINTS = "checkpoints"


def new_record(recipe: Any, weights: Weights, begun: Adapter | None, data: dict[str, Any]) -> dict[str, Any]:
    """The record of a run that begins: its recipe, base, data, device and versions."""
    import torch

    return {
        "recipe": flat(recipe),
        "base": {"name": weights.name, "sha256": weights.sha256, "adapter": begun.identity if begun else ""},
        "data": data,
        "device": torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else f"CPU, {torch.get_num_threads()} threads",
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "versions": {name: _version(name) for name in ("torch", "transformers", "peft", "trl", "bitsandbytes")},
        "status": "running",
    }


def begin(folder: Path, record: dict[str, Any], resume: bool) -> Path | None:
    """Make or check the run folder; returns the checkpoint to resume from, None to begin at the first step.

    Raises:
        DataError: another run lies there, or the recipe, base or data are not those of the run to resume.
    """
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
        whole = [path for path in found if _is_whole(path)]
        checkpoint = whole[-1] if whole else None
        log.info(f"resuming from {checkpoint.name}" if checkpoint else "no checkpoint is whole; beginning at step 1")
    if os.environ.get("RANK", "0") != "0":  # the main process alone looks at the folder and begins the run
        return checkpoint
    if not resume and (folder / RUN).is_file():
        status = read_run(folder)["status"]
        raise DataError(f"{folder} holds a run already ({status}); resume it: --resume, or start another: --to DIR")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / RUN, json.dumps(record, indent=2) + "\n")
    return checkpoint


def seal_checkpoint(folder: Path) -> None:
    """Keep the hashes of a checkpoint that was just written; raises OSError where the disk is full."""
    seal(folder, {"checkpoint": folder.name})


def _is_whole(checkpoint: Path) -> bool:
    """Whether a run can be resumed from a checkpoint: it was written to its end, and nothing of it has changed since.

    One without hashes is of several processes, or of an earlier CiteWell.
    """
    if not (checkpoint / MARKER).is_file():
        return (checkpoint / "trainer_state.json").is_file()
    if fault := damage(checkpoint, {"checkpoint": checkpoint.name}):
        log.warning(f"notice: {checkpoint.name} cannot be used: {fault}")
    return not fault


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
    kept = {**record, "files": hashes_of(folder)}
    (folder / RUN).write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)
