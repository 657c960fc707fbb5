"""Training on preference pairs, joined so that a prompt's answers read it once: DPO, ORPO and the reward model."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.files import write_atomic
from core.libraries import quieten
from core.progress import bar
from generator.tuning.log_probs import answer_log_probs, read_once
from generator.tuning.objectives import Objective
from generator.tuning.pairs import Pair
from generator.tuning.rows import Tokens
from generator.tuning.shared_prefix import Pack, plan_units

quieten()

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainingArguments  # noqa: E402


class PairTrainer(Trainer):
    """transformers' Trainer over packs of pairs; a step's loss is the mean over its pairs, however they are packed."""

    def __init__(self, objective: Objective, packs: Dataset, model: Any, args: TrainingArguments) -> None:
        super().__init__(model=model, args=args, train_dataset=packs, data_collator=collate_pairs)
        self.model_accepts_loss_kwargs = True  # so that transformers leaves the division to compute_loss
        self._objective = objective
        self._logged: dict[str, list[float]] = {}
        self.remove_callback(PrinterCallback if args.disable_tqdm else ProgressCallback)  # TrainingMonitor does it

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> int:
        return sum(len(batch["pairs"]) for batch in batch_samples)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """The sum of the pairs' losses over the number of pairs of the step."""
        losses = self._objective(model, inputs)
        for name, values in losses.logged.items():
            self._logged.setdefault(name, []).extend(values.detach().float().tolist())
        return losses.loss.sum() / (num_items_in_batch or len(losses.loss))

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the means of what the objective logs to a line of the log."""
        if "loss" in logs:
            logs |= {name: sum(values) / len(values) for name, values in self._logged.items() if values}
            self._logged.clear()
        super().log(logs, start_time)


def pair_packs(
    tokens: Sequence[tuple[Tokens, Tokens]], groups: Sequence[str], max_tokens: int, seed: int
) -> list[list[Pack]]:
    """The pairs in packs of at most `max_tokens` joined tokens, those over the same sources together."""
    return plan_units(tokens, groups, max_tokens, seed)


def as_dataset(packs: Sequence[Sequence[Pack]], reference: dict[Tokens, float] | None = None) -> Dataset:
    """The packs as `collate_pairs` reads them, with the reference's log-probabilities where there are any."""
    entries = []
    for pack in packs:
        rows = list(dict.fromkeys(row for pair in pack for row in pair))  # a prompt's pairs share answers
        entry: dict[str, Any] = {
            "ids": [list(row.ids) for row in rows],
            "prompts": [row.prompt for row in rows],
            "pairs": [[rows.index(row) for row in pair] for pair in pack],
        }
        entries.append(entry | ({"reference": [reference[row] for row in rows]} if reference else {}))
    return Dataset.from_list(entries)


def collate_pairs(features: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """One pack as tensors (`log_probs.read_once`), with its pairs and the reference's log-probabilities."""
    (feature,) = features
    rows = [Tokens(tuple(ids), prompt) for ids, prompt in zip(feature["ids"], feature["prompts"], strict=True)]
    batch = {**read_once(rows), "pairs": torch.tensor(feature["pairs"])}
    return batch | ({"reference": torch.tensor(feature["reference"])} if "reference" in feature else {})


@torch.no_grad()
def reference_log_probs(model: Any, packs: Sequence[Sequence[Pack]]) -> dict[Tokens, float]:
    """Log-probability of every answer under the model as it is, before it is trained."""
    training = model.training
    model.eval()
    found: dict[Tokens, float] = {}
    with bar("reading the pairs before training", len(packs), " packs") as progress:
        for pack in packs:
            rows = list(dict.fromkeys(row for pair in pack for row in pair))
            batch = {name: value.to(model.device) for name, value in read_once(rows).items()}
            found |= dict(zip(rows, answer_log_probs(model, batch).tolist(), strict=True))
            progress.update()
    model.train(training)
    return found


def kept_reference(
    folder: Path, rows: Sequence[Tokens], compute: Callable[[], dict[Tokens, float]]
) -> dict[Tokens, float]:
    """The reference's log-probabilities, kept in the run folder: a resumed run must compare with the same model.

    Raises:
        OSError: the disk is full.
    """
    path = folder / "reference.json"
    unique = list(dict.fromkeys(rows))
    if path.is_file():
        values = json.loads(path.read_text(encoding="utf-8"))
        if len(values) == len(unique):
            return dict(zip(unique, values, strict=True))
    found = compute()
    write_atomic(path, json.dumps([found[row] for row in unique]) + "\n")
    return found


def swapped(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs with their sides exchanged."""
    return [dataclasses.replace(pair, chosen=pair.rejected, rejected=pair.chosen) for pair in pairs]
