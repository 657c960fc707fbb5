import random
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.tuning.rows import Tokens
from generator.tuning.shared_prefix import IGNORED, collate, join, joined_length, plan_packs


@pytest.fixture(scope="module")
def model(tiny_qwen: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_qwen, dtype=torch.float32)


def rows_of_two_groups() -> list[Tokens]:
    """Instructions that all share, evidence that each half shares, questions and answers of their own."""
    rng = random.Random(3)
    instructions = [rng.randrange(200) for _ in range(9)]
    rows = []
    for _ in range(2):
        evidence = [rng.randrange(200) for _ in range(14)]
        for _ in range(3):
            question = [rng.randrange(200) for _ in range(rng.randrange(2, 6))]
            answer = [rng.randrange(200) for _ in range(rng.randrange(1, 8))]
            prompt = [*instructions, *evidence, *question]
            rows.append(Tokens((*prompt, *answer), len(prompt)))
    return rows


def loss_of(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    shifted = inputs["shift_labels"]
    logits = model(
        **{key: inputs[key] for key in ("input_ids", "position_ids", "attention_mask")}, use_cache=False
    ).logits
    return torch.nn.functional.cross_entropy(logits[0], shifted[0], ignore_index=IGNORED, reduction="sum")


def test_loss_and_gradients_are_those_of_the_rows_by_themselves(model: Any) -> None:
    rows = rows_of_two_groups()
    model.zero_grad()
    together = loss_of(model, join(rows))
    together.backward()
    gradients = {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}

    model.zero_grad()
    alone = torch.stack([loss_of(model, join([row])) for row in rows]).sum()
    alone.backward()

    assert together.item() == pytest.approx(alone.item(), rel=1e-5)
    for name, value in model.named_parameters():
        if value.grad is not None:
            assert torch.allclose(gradients[name], value.grad, rtol=1e-3, atol=1e-5), name


def test_one_row_by_itself_is_the_plain_causal_loss(model: Any) -> None:
    row = rows_of_two_groups()[0]
    labels = torch.tensor([[*[IGNORED] * row.prompt, *row.ids[row.prompt :]]])
    plain = model(input_ids=torch.tensor([row.ids]), labels=labels).loss
    assert loss_of(model, join([row])).item() / (len(row.ids) - row.prompt) == pytest.approx(plain.item(), rel=1e-5)


def test_what_is_shared_is_read_once() -> None:
    rows = rows_of_two_groups()
    joined = join(rows)
    assert joined["input_ids"].shape[1] == joined_length(rows) < sum(len(row.ids) for row in rows) / 2
    trained = joined["labels"][0] != IGNORED
    assert int(trained.sum()) == sum(len(row.ids) - row.prompt for row in rows)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=6), st.lists(st.integers(0, 2), min_size=1)),
        min_size=1,
        max_size=6,
    )
)
def test_every_token_sees_its_own_row_and_nothing_else(parts: list[tuple[list[int], list[int]]]) -> None:
    """Also where prompts are beginnings of one another, or equal with different answers."""
    rows = [Tokens((*prompt, *answer), len(prompt)) for prompt, answer in parts]
    joined = join(rows)
    ids, sees = joined["input_ids"][0], joined["attention_mask"][0, 0]
    positions, labels = joined["position_ids"][0], joined["labels"][0]
    read = []
    for place in range(len(ids)):
        seen = torch.nonzero(sees[place]).flatten()
        assert positions[seen].tolist() == list(range(int(positions[place]) + 1))
        if labels[place] != IGNORED:
            read.append((*ids[seen].tolist(), int(labels[place])))
    expected = [row.ids[: end + 1] for row in rows for end in range(row.prompt, len(row.ids))]
    assert sorted(read) == sorted(expected)


def test_packs_hold_each_row_once_and_keep_groups_together_within_the_limit() -> None:
    rows = rows_of_two_groups()
    groups = ["a"] * 3 + ["b"] * 3
    packs = plan_packs(rows, groups, max(joined_length(rows[:3]), joined_length(rows[3:])), seed=1)
    assert sorted(row.ids for pack in packs for row in pack) == sorted(row.ids for row in rows)
    assert {frozenset(pack) for pack in packs} == {frozenset(rows[:3]), frozenset(rows[3:])}
    assert len(plan_packs(rows, groups, 1000, seed=1)) == 1


def test_a_row_over_the_limit_has_a_pack_of_its_own() -> None:
    rows = rows_of_two_groups()
    packs = plan_packs(rows, ["a"] * 6, 10, seed=1)
    assert [len(pack) for pack in packs] == [1] * 6


def test_the_collator_reads_packs_as_they_are_stored() -> None:
    rows = rows_of_two_groups()[:3]
    stored = {"ids": [list(row.ids) for row in rows], "prompts": [row.prompt for row in rows]}
    assert torch.equal(collate([stored])["input_ids"], join(rows)["input_ids"])
