"""Training of the question encoder: low-rank, with the index's own vectors as its targets.

Only the side of the questions is trained (Lee et al. 2021, "Learning Dense Representations of Phrases at Scale", call
it query-side fine-tuning): passages keep the vectors that they have, so every passage of the index is a negative in
every step at the cost of one matrix product, no index need be built again, and passages of a file that was not trained
on stay where they were.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.evaluation import SentenceEvaluator

from core.precision import trains_in_bf16
from core.progress import bar
from core.step_cost import StepCost
from index.embedders.base import Embedder
from index.reader import Index
from index.topics import record_topic
from index.tuning.question_forms import LayQuestion, lay_questions

TEMPERATURE = 0.05
"""Temperature of the softmax over the passages; the customary one of cosine similarities (Gao et al. 2021, SimCSE)."""
OWN_SHARE = 0.75
"""Share of the target that the question's own record gets; the rest goes to all records of its topic."""
STRAYING = ("description", "asked")
"""Kinds of questions that may have strayed from their record; the others name its topic."""
DEVELOPMENT = "development_mrr10"
ROUND_TRIP = 50
"""A straying question is kept if its topic is among so many passages that the untuned encoder finds."""


@dataclass(frozen=True)
class Recipe:
    """How the encoder is trained; recorded with the adapter."""

    rank: int = 16
    learning_rate: float = 2e-4
    epochs: float = 1.0
    batch_size: int = 64
    questions_per_record: int = 3
    anchor: float = 1.0
    """Weight of staying near the untuned encoder's vector of the same question."""
    scale: float = 0.5
    """Share of the change that is kept: averaging of weights with the original's (Wortsman et al. 2022, WiSE-FT)."""
    seed: int = 0


@dataclass(frozen=True)
class Split:
    """Questions to train on and to look at while training: no topic is on both sides, held-out ones are on neither."""

    train: tuple[LayQuestion, ...]
    development: tuple[LayQuestion, ...]
    held_out: frozenset[str]
    """Ids of the records that no part of training sees, not even as a passage that does not answer."""
    strayed: int
    """Questions left out because they do not lead back to their record."""

    @property
    def sha256(self) -> str:
        """Hash over every question and the side it is on."""
        digest = hashlib.sha256()
        for side in (self.train, self.development):
            for item in side:
                digest.update(f"{item.record_id}\t{item.question}\n".encode())
            digest.update(b"\n")
        return digest.hexdigest()


def held_out_records(index: Index, evaluation: set[str]) -> frozenset[str]:
    """The records whose topic is that of an evaluation record or holds all its words ("asthma", "allergic asthma")."""
    topics = {frozenset(record_topic(index.records[key]).split()) for key in evaluation if key in index.records}
    return frozenset(
        record.id
        for record in index.records.values()
        if any(topic <= set(record_topic(record).split()) for topic in topics if topic)
    )


def split_questions(
    index: Index, embedder: Embedder, asked: Sequence[LayQuestion], held_out: frozenset[str], recipe: Recipe
) -> Split:
    """Make questions for every record, keep those that lead back to it, and split them by topic, 19 to 1."""
    rng = random.Random(recipe.seed)  # noqa: S311 - varied questions, no secret
    made = [*(item for item in asked if item.record_id in index.records)]
    for record in index.records.values():
        rounds = -(-recipe.questions_per_record // 3)
        of_record = [item for _ in range(rounds) for item in lay_questions(record, rng)]
        made.extend(rng.sample(of_record, min(recipe.questions_per_record, len(of_record))))
    made = [item for item in made if item.record_id not in held_out]
    kept = _leading_back(index, embedder, made)
    rng.shuffle(kept)
    sides: dict[bool, list[LayQuestion]] = {False: [], True: []}
    for item in kept:
        topic = record_topic(index.records[item.record_id])
        sides[hashlib.sha256(topic.encode()).digest()[0] < 13].append(item)
    return Split(tuple(sides[False]), tuple(sides[True][:2000]), held_out, len(made) - len(kept))


def _leading_back(index: Index, embedder: Embedder, made: list[LayQuestion]) -> list[LayQuestion]:
    """The questions without those straying ones that lead the untuned encoder to no record of their topic."""
    straying = [item for item in made if item.kind in STRAYING]
    lost = set()
    with bar("checking questions", len(straying), " questions") as progress:
        for begin in range(0, len(straying), 500):
            batch = straying[begin : begin + 500]
            found = index.search(embedder.embed([item.question for item in batch]), ROUND_TRIP)
            for item, hits in zip(batch, found, strict=True):
                topic = record_topic(index.records[item.record_id])
                if not any(record_topic(index.records[passage.record_id]) == topic for passage, _ in hits):
                    lost.add(item)
            progress.update(len(batch))
    return [item for item in made if item not in lost]


class Corpus:
    """The index's vectors as tensors, without the held-out records', and which record and topic each is of."""

    def __init__(self, index: Index, held_out: frozenset[str]) -> None:
        records = list(index.records.values())
        self.record_row = {record.id: row for row, record in enumerate(records)}
        topics: dict[str, int] = {}
        self.topic_of_record = torch.tensor(
            [topics.setdefault(record_topic(record), len(topics)) for record in records]
        )
        owners = [index.passages[row].record_id for row in index.headed[:, 0]]
        keep = [row for row, owner in enumerate(owners) if owner not in held_out]
        self.vectors = torch.from_numpy(np.ascontiguousarray(index.all_vectors()[keep]))
        self.record = torch.tensor([self.record_row[owners[row]] for row in keep])
        self.topic = self.topic_of_record[self.record]


class SearchLoss(torch.nn.Module):
    """Cross-entropy of the search itself: over all passages, the question's own record should be found.

    `labels` are rows of `questions`. To it comes the distance to what the untuned encoder makes of the same question.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        corpus: Corpus,
        questions: Sequence[LayQuestion],
        untuned: np.ndarray,
        anchor: float,
    ) -> None:
        super().__init__()
        self.model = model
        self.corpus = corpus
        self.record = torch.tensor([corpus.record_row[item.record_id] for item in questions])
        self.untuned = torch.from_numpy(untuned)
        self.anchor = anchor

    def forward(self, sentence_features: Any, labels: torch.Tensor) -> torch.Tensor:
        vectors = self.model(next(iter(sentence_features)))["sentence_embedding"]
        vectors = torch.nn.functional.normalize(vectors, dim=-1)
        device, rows = vectors.device, labels.cpu()
        record = self.record[rows]
        own = (self.corpus.record[None, :] == record[:, None]).to(device)
        related = (self.corpus.topic[None, :] == self.corpus.topic_of_record[record][:, None]).to(device)
        scores = vectors @ self.corpus.vectors.to(device).T / TEMPERATURE
        everything = scores.logsumexp(dim=1)
        own_share = scores.masked_fill(~own, -torch.inf).logsumexp(dim=1)
        related_share = scores.masked_fill(~related, -torch.inf).logsumexp(dim=1)
        found = everything - OWN_SHARE * own_share - (1 - OWN_SHARE) * related_share
        moved = 1 - (vectors * self.untuned[rows].to(device)).sum(dim=1)
        return (found + self.anchor * moved / TEMPERATURE).mean()


class DevelopmentRank(SentenceEvaluator):
    """Mean reciprocal rank, at ten, of the record that each development question was made from."""

    def __init__(self, corpus: Corpus, questions: Sequence[LayQuestion]) -> None:
        super().__init__()
        self.primary_metric = DEVELOPMENT
        self.corpus, self.questions = corpus, questions
        self.record = torch.tensor([corpus.record_row[item.record_id] for item in questions])

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: int = -1, steps: int = -1
    ) -> dict[str, float]:
        texts = [item.question for item in self.questions]
        vectors = model.encode(texts, batch_size=64, normalize_embeddings=True, convert_to_tensor=True).cpu()
        best = (vectors @ self.corpus.vectors.T).topk(10, dim=1).indices
        right = self.corpus.record[best] == self.record[:, None]
        first = torch.where(right.any(dim=1), 1 / (1 + right.float().argmax(dim=1)), 0.0)
        return {DEVELOPMENT: float(first.mean())}


def train(
    model: SentenceTransformer,
    corpus: Corpus,
    split: Split,
    untuned: np.ndarray,
    recipe: Recipe,
    run: Path,
    *,
    resume: bool = False,
) -> list[dict[str, float]]:
    """Train a low-rank adapter into `model`; returns the log (step, loss, development_mrr10).

    Checkpoints go to `run`; with `resume`, training continues from the last one.
    """
    from datasets import Dataset
    from peft import LoraConfig, TaskType

    model.add_adapter(
        LoraConfig(
            task_type=TaskType.FEATURE_EXTRACTION,
            r=recipe.rank,
            lora_alpha=2 * recipe.rank,
            lora_dropout=0.05,
            target_modules="all-linear",
        )
    )
    dataset: Dataset = Dataset.from_dict(
        {"question": [item.question for item in split.train], "label": list(range(len(split.train)))}
    )
    steps = max(1, round(recipe.epochs * len(split.train) / recipe.batch_size))
    every = max(1, steps // 10)
    trainer = SentenceTransformerTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            output_dir=str(run),
            num_train_epochs=recipe.epochs,
            per_device_train_batch_size=recipe.batch_size,
            learning_rate=recipe.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=0.1,
            logging_steps=10,
            eval_strategy="steps",
            eval_steps=every,
            save_steps=every,
            save_total_limit=1,
            seed=recipe.seed,
            use_cpu=not torch.cuda.is_available(),
            bf16=trains_in_bf16("cuda" if torch.cuda.is_available() else "cpu"),
            report_to="none",
            disable_tqdm=None,
        ),
        train_dataset=dataset,
        loss=SearchLoss(model, corpus, split.train, untuned, recipe.anchor),
        evaluator=DevelopmentRank(corpus, split.development) if split.development else None,
    )
    trainer.add_callback(StepCost("cuda" if torch.cuda.is_available() else "cpu"))
    trainer.train(resume_from_checkpoint=resume)
    history: list[dict[str, Any]] = trainer.state.log_history
    return [
        {"step": entry["step"], **{name: entry[key] for key, name in _LOGGED.items() if key in entry}}
        for entry in history
        if any(key in entry for key in _LOGGED)
    ]


_LOGGED = {"loss": "loss", f"eval_{DEVELOPMENT}": DEVELOPMENT}
