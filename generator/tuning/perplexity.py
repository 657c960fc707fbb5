"""How surprised a model is by what it should write: negative log-likelihood of completions, prompts not counted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from core.progress import bar
from generator.tuning.log_probs import answer_log_probs, read_once
from generator.tuning.rows import Row, Tokens, tokenise
from generator.tuning.shared_prefix import plan_packs

PACK_TOKENS = 1000


@dataclass(frozen=True)
class Likelihood:
    """For each row: negative log-likelihood of its completion in nats, its tokens (the stop token is one of them), and
    its bytes in UTF-8; each of shape (rows,)."""

    nats: np.ndarray
    tokens: np.ndarray
    text_bytes: np.ndarray

    @property
    def perplexity(self) -> float:
        """exp of the mean over all tokens."""
        return math.exp(self.nats.sum() / self.tokens.sum())

    @property
    def bits_per_byte(self) -> float:
        """Comparable between models of different tokenizers (Gao et al. 2020, arXiv 2101.00027)."""
        return float(self.nats.sum() / math.log(2) / self.text_bytes.sum())


def likelihood(model: Any, tokenizer: Any, rows: Sequence[Row]) -> Likelihood:
    """Score completions with a causal language model of transformers, rows joined by what they share."""
    tokens = tokenise(rows, tokenizer)
    nats: dict[Tokens, float] = {}
    with bar("scoring", len(rows), " rows") as progress:
        for pack in plan_packs(tokens, [row.group for row in rows], PACK_TOKENS, seed=0):
            nats.update(zip(pack, _pack_nats(model, pack), strict=True))
            progress.update(len(pack))
    return Likelihood(
        np.array([nats[row] for row in tokens]),
        np.array([len(row.ids) - row.prompt for row in tokens]),
        np.array([len(row.completion.encode()) for row in rows]),
    )


@torch.no_grad()
def _pack_nats(model: Any, pack: Sequence[Tokens]) -> list[float]:
    batch = {name: value.to(model.device) for name, value in read_once(pack).items()}
    return [-value for value in answer_log_probs(model, batch).tolist()]
