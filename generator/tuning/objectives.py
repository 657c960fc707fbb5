"""What preference training lowers: the losses of DPO, ORPO and a reward model, each over pairs of joined rows.

A loss takes log-probabilities (or scores) of the chosen and the rejected answers, of shape (pairs,), and returns one
loss a pair. trl's own trainers give the same figures (tests/generator/test_preferences.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import logsigmoid

from generator.tuning.log_probs import READ, Batch, answer_log_probs

CENTRED = 0.01
"""Weight of the term that keeps rewards around zero (Eisenstein et al. 2023, arXiv 2312.09244)."""


@dataclass(frozen=True)
class PairLosses:
    """One loss a pair, and what is logged beside it, each of shape (pairs,)."""

    loss: torch.Tensor
    logged: dict[str, torch.Tensor]


Objective = Callable[[Any, Batch], PairLosses]
"""Model and a batch of pairs -> their losses. A batch is that of `log_probs.read_once`, with `pairs`, of shape
(pairs, 2): the rows of each chosen and rejected answer."""


def orpo(chosen: torch.Tensor, rejected: torch.Tensor) -> torch.Tensor:
    """The odds-ratio term of ORPO (Hong et al. 2024, arXiv 2403.07691), of mean log-probabilities a token."""
    return -logsigmoid((chosen - rejected) - (_log_of_rest(chosen) - _log_of_rest(rejected)))


def _log_of_rest(log_prob: torch.Tensor) -> torch.Tensor:
    """log(1 - p), exact for p near 0 and near 1 (Maechler 2012, "Accurately computing log(1 - exp(-|a|))")."""
    near_one = log_prob > -0.6931472
    safe_one, safe_zero = torch.where(near_one, log_prob, -0.1), torch.where(near_one, -1.0, log_prob)
    return torch.where(near_one, torch.log(-torch.expm1(safe_one)), torch.log1p(-torch.exp(safe_zero)))


def dpo_objective(beta: float, sft: float) -> Objective:
    """Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290), with a term that keeps the chosen answer
    likely (Pang et al. 2024, arXiv 2404.19733).

    The batch holds `reference`, of shape (rows,): log-probabilities under the model that training began with.
    """

    def losses(model: Any, batch: Batch) -> PairLosses:
        log_probs = answer_log_probs(model, batch)
        (chosen, rejected), reference = _sides(log_probs, batch), _sides(batch["reference"], batch)
        likely = -chosen / batch["lengths"][batch["pairs"][:, 0]]
        margin = beta * ((chosen - reference[0]) - (rejected - reference[1]))
        logged = {
            "accuracy": (margin > 0).float(),
            "margin": margin,
            "chosen_drift": chosen - reference[0],
            "chosen_nats": likely,
        }
        return PairLosses(-logsigmoid(margin) + sft * likely, logged)

    return losses


def orpo_objective(weight: float) -> Objective:
    """ORPO: the likelihood of the chosen answer, and the odds-ratio term by its weight (lambda)."""

    def losses(model: Any, batch: Batch) -> PairLosses:
        chosen, rejected = _sides(answer_log_probs(model, batch) / batch["lengths"], batch)
        logged = {
            "accuracy": (chosen > rejected).float(),
            "margin": chosen - rejected,
            "chosen_nats": -chosen,
        }
        return PairLosses(-chosen + weight * orpo(chosen, rejected), logged)

    return losses


def reward_losses(model: Any, batch: Batch) -> PairLosses:
    """The loss of a reward model (Bradley and Terry 1952; Ouyang et al. 2022, arXiv 2203.02155), centred."""
    chosen, rejected = _sides(scores(model, batch), batch)
    margin = chosen - rejected
    loss = -logsigmoid(margin) + CENTRED * (chosen + rejected) ** 2
    return PairLosses(loss, {"accuracy": (margin > 0).float(), "margin": margin})


def scores(model: Any, batch: Batch) -> torch.Tensor:
    """The rewards of rows, of shape (rows,), read at the last token of each, by a model for sequence classification."""
    core = model.get_base_model() if hasattr(model, "get_base_model") else model
    backbone = getattr(core, core.base_model_prefix)
    hidden = backbone(**{name: batch[name] for name in READ}, use_cache=False).last_hidden_state[0, batch["ends"]]
    read: torch.Tensor = core.score(hidden).float()[:, 0]
    return read


def _sides(values: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    return values[batch["pairs"][:, 0]], values[batch["pairs"][:, 1]]
