"""Every file of converted models, embedders, adapters and training runs damaged in turn."""

import random
import shutil
from pathlib import Path

from core.settings import GeneratorSettings, IndexSettings
from faults import models, reading
from faults.counts import Count
from faults.damage import files_below
from faults.processes import outcome
from faults.test_damage import try_all


def test_a_damaged_conversion_is_made_again(
    tiny_qwen: Path,
    tiny_adapter: Path,
    flips: int,
    rng: random.Random,
    count: Count,
    tmp_path: Path,
) -> None:
    counts = count("a damaged file of a converted model")
    used, pristine = tmp_path / "models", tmp_path / "pristine"
    settings = GeneratorSettings(
        model=str(tiny_qwen), adapter=str(tiny_adapter), engine="openvino", quant="q8_0", cache=str(used)
    )
    assert outcome(reading.written, settings).kind == "done"
    shutil.copytree(used, pristine)
    try_all(counts, pristine, used, files_below(pristine), (reading.written, settings), rng, flips)


def test_a_damaged_adapter_is_refused(
    tiny_qwen: Path,
    tiny_adapter: Path,
    flips: int,
    rng: random.Random,
    count: Count,
    tmp_path: Path,
) -> None:
    counts = count("a damaged file of an adapter")
    used, cache = tmp_path / "adapter", tmp_path / "models"
    shutil.copytree(tiny_adapter, used)
    settings = GeneratorSettings(model=str(tiny_qwen), adapter=str(used), engine="transformers", cache=str(cache))
    read = (reading.merged, settings)
    try_all(counts, tiny_adapter, used, files_below(tiny_adapter), read, rng, 3 * flips)


def test_a_damaged_embedder_is_converted_again(
    tiny_bert: Path, flips: int, rng: random.Random, count: Count, tmp_path: Path
) -> None:
    counts = count("a damaged file of a converted embedder")
    used, pristine = tmp_path / "embedders", tmp_path / "pristine"
    settings = IndexSettings(embedder=str(tiny_bert), cache=str(used))
    assert outcome(reading.vectors, settings).kind == "done"
    shutil.copytree(used, pristine)
    try_all(counts, pristine, used, files_below(pristine), (reading.vectors, settings), rng, flips)


def test_a_damaged_run_is_resumed_or_refused(
    tiny_qwen: Path,
    rows_folder: Path,
    flips: int,
    rng: random.Random,
    count: Count,
    tmp_path: Path,
) -> None:
    counts = count("a damaged file of a training run")
    used, pristine = tmp_path / "run", tmp_path / "pristine"
    resume = (models.train_adapter, rows_folder, tiny_qwen, used)
    made = outcome(*resume)
    assert made.kind == "done", made
    shutil.copytree(used, pristine)
    last = max((pristine / "checkpoints").iterdir(), key=lambda path: int(path.name.partition("-")[2]))
    files = [Path("run.json"), *(last.relative_to(pristine) / name for name in files_below(last))]
    try_all(counts, pristine, used, rng.sample(files, min(len(files), 4 * flips)), resume, rng, 1)
