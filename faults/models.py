"""What the faults hit of models: merging, averaging, exporting and training, and reading what came of them."""

import json
from pathlib import Path
from typing import Any

import torch  # noqa: F401 - imported for the processes that are forked from here
import transformers  # noqa: F401

from generator import average, export, merge, train
from generator.adapters import read_adapter


def merge_adapter(adapter: Path, model: Path, target: Path) -> None:
    """Merge an adapter."""
    merge.main(["--adapter", str(adapter), "--model", str(model), "--to", str(target), "--limit", "0"])


def average_adapter(adapter: Path, target: Path) -> None:
    """Average an adapter with itself."""
    average.main(["--adapters", str(adapter), str(adapter), "--to", str(target)])


def export_model(model: Path, target: Path) -> None:
    """Write a checkpoint as GGUF."""
    export.main(["--model", str(model), "--quant", "f16", "--to", str(target)])


def train_adapter(rows: Path, model: Path, target: Path) -> None:
    """Train for a few steps, from the last checkpoint where there is one."""
    recipe = {
        "base.quantization": "none",
        "base.model": str(model),
        "data.dir": str(rows),
        "lora.r": "2",
        "train.pack_tokens": "2600",
        "train.accumulate": "1",
        "train.epochs": "3",
        "train.save_steps": "2",
    }
    words = [word for key, value in recipe.items() for word in ("--set", f"{key}={value}")]
    resume = ["--resume"] if (target / "run.json").is_file() else []
    train.main(["--to", str(target), *words, *resume])


def checkpoint_is_whole(folder: Path) -> bool:
    """Load a merged checkpoint."""
    from transformers import AutoModelForCausalLM

    return sum(each.numel() for each in AutoModelForCausalLM.from_pretrained(folder).parameters()) > 0


def adapter_is_whole(folder: Path) -> bool:
    """Read an adapter, every hash checked."""
    return bool(read_adapter(folder).sha256)


def gguf_is_whole(file: Path) -> int:
    """Read every tensor's place in a GGUF file."""
    import gguf

    return sum(int(tensor.data.size) for tensor in gguf.GGUFReader(file).tensors)


def run_is_done(folder: Path) -> bool:
    """Read the adapter of a finished run."""
    read_adapter(folder / "adapter")
    status: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return bool(status["status"] == "done")
