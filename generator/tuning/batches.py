"""How rows are put together for the trainer, and how much reading that saves."""

from collections.abc import Sequence

from datasets import Dataset

from generator.tuning.recipe import Recipe
from generator.tuning.rows import Row, Tokens
from generator.tuning.shared_prefix import Pack, joined_length, plan_packs


def as_dataset(recipe: Recipe, rows: Sequence[Row], tokens: Sequence[Tokens]) -> Dataset:
    """The rows as the trainer reads them: joined in packs, or one by one with the prompt masked."""
    if recipe.train.share_prefixes:
        joined = packs(recipe, rows, tokens)
        return Dataset.from_list(
            [{"ids": [list(row.ids) for row in pack], "prompts": [row.prompt for row in pack]} for pack in joined]
        )
    return Dataset.from_list(
        [{"input_ids": list(row.ids), "labels": [-100] * row.prompt + list(row.ids[row.prompt :])} for row in tokens]
    )


def packs(recipe: Recipe, rows: Sequence[Row], tokens: Sequence[Tokens]) -> list[Pack]:
    """The packs of rows that share a prompt's beginning, as the recipe plans them."""
    return plan_packs(tokens, [row.group for row in rows], recipe.train.pack_tokens, recipe.train.seed)


def gain(recipe: Recipe, rows: Sequence[Row], tokens: Sequence[Tokens]) -> float:
    """How many tokens of rows a token that the model reads stands for; with padding, fewer than one."""
    lengths = [len(row.ids) for row in tokens]
    if recipe.train.share_prefixes:
        read = sum(joined_length(pack) for pack in packs(recipe, rows, tokens))
    else:
        size = recipe.train.batch_rows
        batches = [lengths[begin : begin + size] for begin in range(0, len(lengths), size)]
        read = sum(len(batch) * max(batch) for batch in batches)
    return sum(lengths) / read
