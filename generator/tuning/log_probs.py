"""Log-probabilities of whole answers under a causal language model, read over joined rows (`shared_prefix`)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from generator.tuning.rows import Tokens
from generator.tuning.shared_prefix import IGNORED, join

Batch = Mapping[str, torch.Tensor]
"""A pack as the model reads it; see `read_once`."""
READ = ("input_ids", "position_ids", "attention_mask")
"""The tensors of a batch that the model is called with."""


def read_once(rows: Sequence[Tokens]) -> dict[str, torch.Tensor]:
    """Different rows joined to one sequence, with the places of their answers.

    Returns:
        The tensors of `READ`; `places` and `answers`, of shape (answer tokens,): the places whose logits foretell the
        answers' tokens, and those tokens; `owners`, of the same shape: the row of each, in the order of `rows`;
        `lengths` and `ends` of shape (rows,): the number of tokens of each answer, and the place of its last one.
    """
    joined = join(rows)
    labels = joined["shift_labels"][0]
    places = torch.nonzero(labels != IGNORED).flatten()
    order = sorted(range(len(rows)), key=lambda number: rows[number].ids)  # as `join` lays them out
    lengths = torch.tensor([len(row.ids) - row.prompt for row in rows])
    owners = torch.repeat_interleave(torch.tensor(order), lengths[order])
    # The token at a place is what the place before it foretells, so an answer ends one place after its last label.
    ends = torch.empty(len(rows), dtype=torch.long)
    ends[order] = places[lengths[order].cumsum(0) - 1] + 1
    return {
        **{name: joined[name] for name in READ},
        "places": places,
        "answers": labels[places],
        "owners": owners,
        "lengths": lengths,
        "ends": ends,
    }


def answer_log_probs(model: Any, batch: Batch) -> torch.Tensor:
    """Log-probability of each row's answer given its prompt, of shape (rows,), in nats.

    Logits are computed at the answers' places alone.
    """
    read = {name: batch[name] for name in READ}
    logits = model(**read, logits_to_keep=batch["places"], use_cache=False).logits[0].float()
    each = -torch.nn.functional.cross_entropy(logits, batch["answers"], reduction="none")
    return torch.zeros(len(batch["lengths"]), device=each.device).index_add(0, batch["owners"], each)
