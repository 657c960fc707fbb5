"""Training of the reader: ordinal grades and marked sentences, by transformers' Trainer."""

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import Trainer, TrainingArguments

from core.precision import trains_in_bf16
from core.step_cost import StepCost
from dataset.reader.pairs import TrainingPair
from dataset.reader.recipe import Recipe
from rag.reader.inputs import GRADES, Tokenize, batch, row
from rag.reader.network import ReaderNetwork

MARKED = 2.0
"""Weight of a sentence that answers: most do not."""


class ReaderTraining(torch.nn.Module):
    """The network with its loss: what nobody knows of a pair adds nothing."""

    def __init__(self, network: ReaderNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        grades: torch.Tensor,
        grades_known: torch.Tensor,
        marks: torch.Tensor,
        marks_known: torch.Tensor,
        **inputs: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """The loss of a batch, the mean over thresholds that are known and over sentences that are."""
        of_passage, of_sentences = (logits.float() for logits in self.network(**inputs))
        weight = marks_known * torch.where(marks > 0, MARKED, 1.0)
        return {"loss": _mean_loss(of_passage, grades, grades_known) + _mean_loss(of_sentences, marks, weight)}


def _mean_loss(logits: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    losses = binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (losses * weight).sum() / weight.sum().clamp(min=1)


class Collator:
    """Pairs -> the tensors of `ReaderTraining`."""

    def __init__(self, tokenize: Tokenize) -> None:
        self._tokenize = tokenize

    def __call__(self, pairs: Sequence[TrainingPair]) -> dict[str, torch.Tensor]:
        rows = [row(each.pair, self._tokenize) for each in pairs]
        inputs = batch(rows)
        most = inputs["spans"].shape[1]
        grades, grades_known = np.zeros((2, len(pairs), GRADES), np.float32)
        marks, marks_known = np.zeros((2, len(pairs), most), np.float32)
        for number, (each, laid) in enumerate(zip(pairs, rows, strict=True)):
            for threshold, reached in enumerate(each.at_least):
                if reached is not None:
                    grades[number, threshold], grades_known[number, threshold] = reached, 1
            if each.marks is not None:
                marks[number, : laid.sentences] = each.marks[: laid.sentences]
                marks_known[number, : laid.sentences] = 1
        targets = {"grades": grades, "grades_known": grades_known, "marks": marks, "marks_known": marks_known}
        return {name: torch.from_numpy(values) for name, values in {**inputs, **targets}.items()}


class _ByLength(Trainer):
    """A trainer whose batches hold rows of like lengths, in random order: a third less padding."""

    def __init__(self, *, lengths: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._lengths = lengths

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        from transformers.trainer_pt_utils import LengthGroupedSampler

        generator = torch.Generator().manual_seed(self.args.seed)
        return LengthGroupedSampler(self.args.train_batch_size, lengths=list(self._lengths), generator=generator)


def train(
    network: ReaderNetwork,
    pairs: Sequence[TrainingPair],
    tokenize: Tokenize,
    recipe: Recipe,
    run: Path,
    *,
    resume: bool = False,
) -> list[dict[str, float]]:
    """Train a network in place; returns the log (step, loss).

    Checkpoints go to `run`; with `resume`, training continues from the last one.
    """
    cuda = torch.cuda.is_available()
    steps = max(1, round(recipe.epochs * len(pairs) / recipe.batch_size))
    trainer = _ByLength(
        lengths=[len(row(each.pair, tokenize).ids) for each in pairs],
        model=ReaderTraining(network),
        args=TrainingArguments(
            output_dir=str(run),
            max_steps=steps,
            per_device_train_batch_size=recipe.batch_size,
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            lr_scheduler_type="cosine",
            warmup_steps=round(recipe.warmup * steps),
            logging_steps=10,
            save_steps=max(1, min(200, steps // 5)),
            save_total_limit=1,
            seed=recipe.seed,
            use_cpu=not cuda,
            bf16=trains_in_bf16("cuda" if cuda else "cpu"),
            report_to="none",
            disable_tqdm=None,
            remove_unused_columns=False,
        ),
        train_dataset=list(pairs),
        data_collator=Collator(tokenize),
    )
    trainer.add_callback(StepCost("cuda" if cuda else "cpu"))
    trainer.train(resume_from_checkpoint=resume)
    history: list[dict[str, Any]] = trainer.state.log_history
    return [{"step": entry["step"], "loss": entry["loss"]} for entry in history if "loss" in entry]


def mixed(pairs: Sequence[TrainingPair], recipe: Recipe) -> list[TrainingPair]:
    """Pairs in random order, those from people's questions as often as the recipe says."""
    rng = random.Random(recipe.seed)  # noqa: S311 - an order, no secret
    often = [each for each in pairs for _ in range(round(recipe.people) if each.source == "people" else 1)]
    rng.shuffle(often)
    return often


def digest(pairs: Sequence[TrainingPair]) -> str:
    """Hash over every pair and what is known of it."""
    hashed = hashlib.sha256()
    for each in pairs:
        hashed.update(repr((each.pair, each.at_least, each.marks)).encode())
    return hashed.hexdigest()
