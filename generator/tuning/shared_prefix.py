"""Training on many rows at the price of their differences: rows are joined so that what they share is read once.

A prompt here is some 600 tokens, of which the instructions are the same in every row and the evidence in every row of
its group; what is asked and answered is under a hundred. So rows are laid out as the branches of one tree in one
sequence: each token attends to its own row's tokens alone and keeps its place in that row. Loss and gradients are those
of the rows by themselves, up to rounding (tests/generator/test_shared_prefix.py), nothing is padded, and the same rows
cost about a third of the tokens.

The mask is that of tree attention (Medusa: Cai et al. 2024, arXiv 2401.10774), used here to train.
"""

import itertools
import random
from collections.abc import Sequence
from typing import Any

import torch

from generator.tuning.rows import Tokens

IGNORED = -100
"""Label of a position without a loss, in torch and transformers."""

Pack = tuple[Tokens, ...]
"""Rows that are joined."""


def plan_packs(rows: Sequence[Tokens], groups: Sequence[str], max_tokens: int, seed: int) -> list[Pack]:
    """Put rows into packs of at most `max_tokens` joined tokens; rows of a group stay together where they fit.

    A row that is longer by itself has a pack of its own.

    Args:
        groups: the name of each row's group.
    """
    packs = plan_units([(row,) for row in rows], groups, max_tokens, seed)
    return [tuple(row for unit in pack for row in unit) for pack in packs]


def plan_units(units: Sequence[Pack], groups: Sequence[str], max_tokens: int, seed: int) -> list[list[Pack]]:
    """Put units, rows that must not be separated, into packs as `plan_packs` does."""
    by_group: dict[str, list[Pack]] = {}
    for unit, group in zip(units, groups, strict=True):
        by_group.setdefault(group, []).append(unit)
    order = list(by_group.values())
    random.Random(seed).shuffle(order)  # noqa: S311 - not for secrets
    packs: list[list[Pack]] = []
    for members in order:
        if packs and _length_of([*packs[-1], *members]) <= max_tokens:
            packs[-1] += members
            continue
        packs.append([])
        for unit in members:
            if packs[-1] and _length_of([*packs[-1], unit]) > max_tokens:
                packs.append([])
            packs[-1].append(unit)
    return packs


def _length_of(units: Sequence[Pack]) -> int:
    return joined_length([row for unit in units for row in unit])


def joined_length(rows: Sequence[Tokens]) -> int:
    """Tokens of the rows once they are joined."""
    ordered = _ordered(rows)
    return sum(len(row.ids) - shared for row, shared in zip(ordered, _shared(ordered), strict=True))


def join(rows: Sequence[Tokens]) -> dict[str, torch.Tensor]:
    """The rows as one sequence.

    Returns:
        `input_ids`, `position_ids`, `labels` and `shift_labels` of shape (1, tokens), and `attention_mask` of shape
        (1, 1, tokens, tokens), true where a token sees another. `shift_labels` holds at each position the token that
        comes next in its row, where that is trained on; `labels` is the same, for whoever counts them.
    """
    ordered = _ordered(rows)
    shared_lengths = _shared(ordered)
    total = sum(len(row.ids) - shared for row, shared in zip(ordered, shared_lengths, strict=True))
    ids, positions = torch.empty(total, dtype=torch.long), torch.empty(total, dtype=torch.long)
    labels = torch.full((total,), IGNORED)
    sees = torch.zeros(total, total, dtype=torch.bool)
    path = torch.empty(0, dtype=torch.long)  # where the tokens of the row before stand
    begin = 0
    for row, shared in zip(ordered, shared_lengths, strict=True):
        end = begin + len(row.ids) - shared
        ids[begin:end] = torch.tensor(row.ids[shared:])
        positions[begin:end] = torch.arange(shared, len(row.ids))
        sees[begin:end, path[:shared]] = True
        sees[begin:end, begin:end] = torch.ones(end - begin, end - begin, dtype=torch.bool).tril()
        path = torch.cat([path[:shared], torch.arange(begin, end)])
        labels[path[row.prompt - 1 : -1]] = torch.tensor(row.ids[row.prompt :])
        begin = end
    return {
        "input_ids": ids[None],
        "position_ids": positions[None],
        "attention_mask": sees[None, None],
        "labels": labels[None],
        "shift_labels": labels[None].clone(),
    }


def collate(features: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """A `data_collator` for datasets whose rows are packs (`ids`: lists of token ids, `prompts`: their lengths)."""
    return join(
        [
            Tokens(tuple(ids), prompt)
            for feature in features
            for ids, prompt in zip(feature["ids"], feature["prompts"], strict=True)
        ]
    )


def _ordered(rows: Sequence[Tokens]) -> list[Tokens]:
    """Sorted, so that what a row shares with any row before it, it shares with the one just before it."""
    return sorted(rows, key=lambda row: row.ids)


def _shared(ordered: Sequence[Tokens]) -> list[int]:
    """The number of first tokens that each row shares with the row before it.

    The last token of a prompt is never shared, so that every position has one next token to learn.
    """
    lengths = [0] if ordered else []
    for before, row in itertools.pairwise(ordered):
        most = min(before.prompt, row.prompt) - 1
        lengths.append(next((n for n in range(most) if before.ids[n] != row.ids[n]), most))
    return lengths
