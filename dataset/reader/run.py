"""One training of a reader's network, from its pairs to the folder that is used."""

import dataclasses
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.files import new_folder
from core.progress import log
from core.training_run import begin_run
from dataset.reader.pairs import TrainingPair
from dataset.reader.recipe import Recipe
from index.embedders.weights import find_weights
from index.reader import Index
from rag.reader.folder import CARD, TENSORS, read_folder, write_card


@dataclass(frozen=True)
class Run:
    """Where a training goes, and what it begins with."""

    to: Path
    begin: Path | None
    """A folder to go on from; None for the embedder."""
    recipe: Recipe
    resume: bool = False


def csv_facts(index: Index) -> dict[str, str]:
    """The file that pairs were made of, as a card names it."""
    return {"csv": index.manifest.csv, "csv_sha256": index.manifest.csv_sha256}


def train_folder(run: Run, pairs: Sequence[TrainingPair], facts: dict[str, Any]) -> dict[str, Any]:
    """Train a network on pairs, and write its folder with a card of `facts`; returns what the card holds.

    Raises:
        DataError: another run's checkpoints stand in the way.
        WeightsError: the folder to begin with is none, or one over other weights.
    """
    from safetensors.torch import save_file

    from dataset.reader.training import digest, mixed, train
    from rag.reader.network import ReaderNetwork, load_network
    from rag.reader.openvino import tokenizer_of

    base = find_weights()
    begun = read_folder(run.begin) if run.begin else None
    network = load_network(begun, base) if begun else ReaderNetwork(base.folder)
    counts = Counter(each.source for each in pairs)
    log.info(f"{len(pairs):,} pairs: {', '.join(f'{source} {count:,}' for source, count in counts.items())}")
    made: dict[str, Any] = {
        "name": run.to.name,
        "base": base.label,
        "base_sha256": base.sha256,
        "begun_from": begun.identity if begun else "",
        **facts,
        "pairs": dict(counts),
        "pairs_sha256": digest(pairs),
        "recipe": dataclasses.asdict(run.recipe),
    }
    checkpoints = run.to.with_name(run.to.name + ".run")
    begin_run(checkpoints, made, run.resume)
    started = time.perf_counter()
    order = mixed(pairs, run.recipe)
    made["log"] = train(network, order, tokenizer_of(base), run.recipe, checkpoints, resume=run.resume)
    made["minutes"] = round((time.perf_counter() - started) / 60, 1)
    with new_folder(run.to, CARD) as folder:
        trained = {name: value.half().contiguous() for name, value in network.trained().items()}
        save_file(trained, folder / TENSORS)
        write_card(folder, made)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return made
