"""Training on preference pairs: the losses are trl's, joined or one by one, and a run leaves what it should."""

import csv
import json
import random
import shutil
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from core.errors import DataError, SettingsError, WeightsError
from dataset import align
from generator import tune_reward
from generator.adapters import read_adapter
from generator.prompt import REFUSAL, Source
from generator.tuning.objectives import dpo_objective, orpo, orpo_objective, reward_losses, scores
from generator.tuning.pairs import Pair, read_pairs, tokenise_pairs, write_pairs
from generator.tuning.preference_training import as_dataset, collate_pairs, pair_packs, reference_log_probs
from generator.tuning.recipe import RUN
from tests.fakes import without_hashes

FAST = {
    "lora.r": "2",
    "lora.alpha": "8",
    "train.learning_rate": "0.02",
    "train.pack_tokens": "100000",
    "train.accumulate": "1",
    "train.log_steps": "1",
    "align.answers": "2",
    "align.answer_tokens": "6",
}


def made_pairs(numbers: range) -> list[Pair]:
    pairs = []
    for number in numbers:
        name = f"gout{number // 2}"
        sources = (Source(f"What is {name}?", f"{name} is a form of arthritis. It lasts {number} days."),)
        good = f"{name} is a form of arthritis [1]."
        bad = REFUSAL if number % 2 else f"It lasts {number + 3} weeks, they say [1]."
        pairs.append(Pair(f"what is {name}", sources, good, bad, "incomplete", 0.4, name, name, "edited"))
    return pairs


@pytest.fixture(scope="module")
def pairs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs") / "preferences"
    write_pairs(folder, {"train": made_pairs(range(12)), "development": [], "test": made_pairs(range(20, 24))}, {})
    return folder


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def model_of_base(tiny_qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(tiny_qwen), AutoTokenizer.from_pretrained(tiny_qwen)


def words(pairs: Path, model: Path, adapter: Path, target: Path, **changes: str) -> list[str]:
    recipe = {**FAST, "base.model": str(model), "base.adapter": str(adapter), "data.dir": str(pairs), **changes}
    return ["--to", str(target), *(word for key, value in recipe.items() for word in ("--set", f"{key}={value}"))]


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / RUN).read_text())


def test_dpo_with_joined_rows_has_the_loss_of_trls_trainer(tiny_qwen: Path, tiny_adapter: Path, tmp_path: Path) -> None:
    """On eight pairs, with the SFT term, against a reference that differs from the policy."""
    from datasets import Dataset
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    pairs = made_pairs(range(8))
    tokenizer = AutoTokenizer.from_pretrained(tiny_qwen)
    # trl also trains on what the template writes after the stop token; here nothing stands there.
    tokenizer.chat_template = tokenizer.chat_template.replace(
        "<|im_end|>\n{% endfor %}",
        "<|im_end|>{% if not (loop.last and m['role'] == 'assistant') %}\n{% endif %}{% endfor %}",
    )
    policy = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_qwen), tiny_adapter, is_trainable=True)
    sides = [
        {"prompt": p.prompt, **{s: [{"role": "assistant", "content": getattr(p, s)}] for s in ("chosen", "rejected")}}
        for p in pairs
    ]
    trainer = DPOTrainer(
        model=policy,
        args=DPOConfig(
            output_dir=str(tmp_path),
            loss_type=["sigmoid", "sft"],
            loss_weights=[1.0, 0.7],
            beta=0.3,
            max_length=None,
            per_device_train_batch_size=1,
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=True,
            report_to="none",
        ),
        train_dataset=Dataset.from_list(sides),
        processing_class=tokenizer,
    )
    packs = pair_packs(tokenise_pairs(pairs, tokenizer), [pair.group for pair in pairs], 100000, 0)
    reference = reference_log_probs(policy, packs)  # the adapter as it is: trl copies it to "ref"
    with torch.no_grad():
        for name, value in policy.named_parameters():
            if "lora_B.default" in name:
                value.add_(0.02)
    batch = trainer.get_train_dataloader()
    with torch.no_grad():
        theirs = {}
        for inputs in batch:
            loss = trainer.compute_loss(policy, trainer._prepare_inputs(inputs))
            theirs[tuple(inputs["input_ids"][0].tolist())] = float(loss)
        joined = collate_pairs([as_dataset(packs, reference)[0]])
        ours = dpo_objective(0.3, 0.7)(policy, joined)
    assert len(theirs) == 8
    assert sorted(ours.loss.tolist()) == pytest.approx(sorted(theirs.values()), rel=1e-4)
    assert max(theirs.values()) - min(theirs.values()) > 0.05
    assert float(ours.logged["chosen_drift"].abs().min()) > 0


def test_the_odds_ratio_is_trls() -> None:
    from types import SimpleNamespace

    from trl.experimental.orpo import ORPOTrainer

    rng = random.Random(1)
    chosen, rejected = (torch.tensor([-rng.uniform(0.01, 4) for _ in range(8)]) for _ in range(2))
    itself: Any = SimpleNamespace(beta=1.0, accelerator=SimpleNamespace(device="cpu"))
    theirs, *_ = ORPOTrainer.odds_ratio_loss(itself, cast("Any", chosen), cast("Any", rejected))
    assert orpo(chosen, rejected).tolist() == pytest.approx((-theirs).tolist(), rel=1e-4)


@pytest.mark.parametrize("objective", [orpo_objective(0.5), dpo_objective(0.3, 1.0)])
def test_joined_pairs_have_the_losses_of_each_pair_by_itself(model_of_base: Any, objective: Any) -> None:
    model, tokenizer = model_of_base
    pairs = made_pairs(range(8))
    tokens = tokenise_pairs(pairs, tokenizer)
    reference = {row: -3.0 - number for number, row in enumerate(dict.fromkeys(row for pair in tokens for row in pair))}
    (pack,) = pair_packs(tokens, [pair.group for pair in pairs], 100000, 0)
    with torch.no_grad():
        together = objective(model, collate_pairs([as_dataset([pack], reference)[0]])).loss
        alone = [objective(model, collate_pairs([as_dataset([[pair]], reference)[0]])).loss.item() for pair in pack]
    assert together.tolist() == pytest.approx(alone, rel=1e-3)


def test_a_reward_is_that_of_the_model_for_sequences(tiny_qwen: Path) -> None:
    """Read at each row's last token over joined rows, and by transformers row by row."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(tiny_qwen, num_labels=1).eval()
    pairs = made_pairs(range(4))
    tokens = tokenise_pairs(pairs, AutoTokenizer.from_pretrained(tiny_qwen))
    dataset = as_dataset([tokens])
    with torch.no_grad():
        joined = scores(model, collate_pairs([dataset[0]])).tolist()
        alone = [float(model(input_ids=torch.tensor([ids])).logits[0, 0]) for ids in dataset[0]["ids"]]
    assert joined == pytest.approx(alone, rel=1e-3, abs=1e-4)
    assert len(set(alone)) > 2


@pytest.mark.parametrize("method", ["dpo", "orpo"])
def test_a_run_prefers_what_it_was_taught(
    method: str, pairs_folder: Path, tiny_qwen: Path, tiny_adapter: Path, tmp_path: Path, capsys: Any
) -> None:
    folder = tmp_path / method
    changes = {"train.epochs": "6"} | ({"base.adapter": ""} if method == "orpo" else {})
    assert align.main(["--method", method, *words(pairs_folder, tiny_qwen, tiny_adapter, folder, **changes)]) == 0
    made = record(folder)
    assert made["status"] == "done"
    assert made["recipe"]["align.method"] == method
    assert made["base"]["adapter"].startswith("tiny@" if method == "dpo" else "")
    with (folder / "metrics.csv").open() as file:
        logged = list(csv.DictReader(file))
    assert float(logged[-1]["margin"]) > float(logged[0]["margin"]) + 0.1
    assert float(logged[-1]["chosen_nats"]) < float(logged[0]["chosen_nats"])
    assert read_adapter(folder).base_sha256 == made["base"]["sha256"]
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert f"{method}={folder}" in capsys.readouterr().out


def test_sides_that_are_swapped_teach_the_contrary(
    pairs_folder: Path, tiny_qwen: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    changes = {"train.epochs": "4", "align.swap": "true", "align.sft": "0"}
    assert align.main(words(pairs_folder, tiny_qwen, tiny_adapter, tmp_path / "run", **changes)) == 0
    with (tmp_path / "run/metrics.csv").open() as file:
        logged = list(csv.DictReader(file))
    assert float(logged[-1]["margin"]) > 0.1  # of what it was told to prefer: the worse answers


def test_a_stopped_run_is_resumed_against_the_same_reference(
    pairs_folder: Path, tiny_qwen: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    given = words(pairs_folder, tiny_qwen, tiny_adapter, folder, **{"train.epochs": "4", "train.save_steps": "2"})
    assert align.main(given) == 0
    before = (folder / "reference.json").read_text()
    made = record(folder)
    (folder / RUN).write_text(json.dumps({**made, "status": "stopped"}))
    with pytest.raises(DataError, match=r"was begun otherwise \(align\.beta: 0\.3 -> 0\.5\)"):
        align.main([*given, "--set", "align.beta=0.5", "--resume"])
    assert align.main(["--to", str(folder), "--resume"]) == 0
    assert (folder / "reference.json").read_text() == before
    assert record(folder)["status"] == "done"


@pytest.fixture(scope="module")
def reward_folder(
    pairs_folder: Path, tiny_qwen: Path, tiny_adapter: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("reward") / "reward"
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.chdir(folder.parent)
    given = words(pairs_folder, tiny_qwen, tiny_adapter, folder, **{"train.epochs": "12"})
    assert tune_reward.main(given) == 0
    monkeypatch.undo()
    return folder


def test_a_reward_model_tells_its_pairs_apart_and_is_asked_about_other_topics(reward_folder: Path) -> None:
    made = record(reward_folder)
    assert made["recipe"]["align.method"] == "reward"
    assert made["results"]["last"]["accuracy"] == 1.0
    assert made["results"]["last"]["margin"] > 0
    held = made["results"]["held_out"]
    assert (held["pairs"], held["accuracy"] * 4) in {(4, right) for right in range(5)}


@pytest.mark.parametrize("method", ["ppo", "rloo"])
def test_a_run_that_samples_leaves_an_adapter(
    method: str,
    pairs_folder: Path,
    reward_folder: Path,
    tiny_qwen: Path,
    tiny_adapter: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from safetensors.torch import load_file

    monkeypatch.setattr(
        "dataset.verifier_reward.verifier_reward", lambda: lambda pair, text: float(sum(map(ord, text)) % 17)
    )
    folder = tmp_path / method
    given = words(pairs_folder, tiny_qwen, tiny_adapter, folder, **{"train.max_steps": "2"})
    assert align.main(["--method", method, "--reward", str(reward_folder), *given]) == 0
    made = record(folder)
    assert (made["status"], made["results"]["steps"]) == ("done", 2)
    before, after = (load_file(place / "adapter_model.safetensors") for place in (tiny_adapter, folder / "adapter"))
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    with (folder / "metrics.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 2


def test_a_reward_model_of_another_base_is_refused(
    pairs_folder: Path, reward_folder: Path, tiny_qwen: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    other = shutil.copytree(tiny_adapter, tmp_path / "other")
    tensors = load_file(other / "adapter_model.safetensors")
    save_file({name: 2 * value for name, value in tensors.items()}, other / "adapter_model.safetensors")
    without_hashes(other)
    given = words(pairs_folder, tiny_qwen, other, tmp_path / "run")
    with pytest.raises(WeightsError, match=r"the reward model reward was trained over .*; train one over it: citewell"):
        align.main(["--method", "ppo", "--reward", str(reward_folder), *given])
    assert not (tmp_path / "run").exists()
    given = words(pairs_folder, tiny_qwen, tiny_adapter, tmp_path / "run2")
    with pytest.raises(WeightsError, match="is no reward model"):
        align.main(["--method", "ppo", "--reward", str(other), *given])
    with pytest.raises(SettingsError, match="ppo asks a reward model, and none is named; train one"):
        align.main(["--method", "ppo", *words(pairs_folder, tiny_qwen, tiny_adapter, tmp_path / "run3")])


def test_dpo_needs_something_to_hold_on_to(pairs_folder: Path, tiny_qwen: Path, tmp_path: Path) -> None:
    given = words(pairs_folder, tiny_qwen, Path(), tmp_path / "run", **{"base.adapter": ""})
    with pytest.raises(SettingsError, match=r"dpo holds on to a fine-tuned model.*train one \(citewell train\)"):
        align.main(given)


def test_too_few_pairs_and_pairs_that_teach_nothing(tiny_qwen: Path, tiny_adapter: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    write_pairs(few, {"train": made_pairs(range(3)), "development": [], "test": []}, {})
    with pytest.raises(DataError, match=r"has 3 pairs to train on; expected 8 or more: judge more answers"):
        align.main(words(few, tiny_qwen, tiny_adapter, tmp_path / "run"))
    good = made_pairs(range(1))[0]
    for chosen, rejected, message in ((" ", "b", "the chosen answer is empty"), ("a ", "a", "are the same answer")):
        pair = Pair(good.question, good.sources, chosen, rejected, "", 1.0, "", "", "file")
        write_pairs(few, {"train": [pair], "development": [], "test": []}, {})
        with pytest.raises(DataError, match=f"train.jsonl, line 1: .*{message}"):
            read_pairs(few, "train")


def test_pairs_come_back_as_they_were_written(pairs_folder: Path) -> None:
    from datasets import load_dataset

    assert read_pairs(pairs_folder, "train") == made_pairs(range(12))
    loaded = load_dataset("json", data_files=str(pairs_folder / "train.jsonl"), split="train")
    assert {"prompt", "chosen", "rejected"} <= set(loaded.column_names)
    (pairs_folder / "development.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match=r"development\.jsonl has SHA-256 .*; make them: citewell preferences"):
        read_pairs(pairs_folder, "development")
    (pairs_folder / "development.jsonl").write_text("")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["align.method=kto"], r"align\.method is 'kto'; expected dpo, orpo, ppo, rloo"),
        (["align.beta=0"], r"align\.beta is 0\.0; expected more than 0"),
        (["align.sft=-1"], r"align\.sft is -1\.0; expected 0 or more"),
        (["lora.dropout=0.1"], r"lora\.dropout is 0\.1; expected 0: likelihoods"),
    ],
)
def test_a_recipe_that_is_not_understood(changes: list[str], message: str) -> None:
    from generator.tuning.preference_recipe import read_preference_recipe

    with pytest.raises(SettingsError, match=message):
        read_preference_recipe(None, changes, {})


def test_a_loss_of_rewards_falls_with_the_margin() -> None:
    from types import SimpleNamespace

    hidden = torch.tensor([[[2.0, 0.0], [0.0, 1.0]]])
    head = torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.constant_(head.weight, 0.5)
    core = SimpleNamespace(
        base_model_prefix="model", model=lambda **_: SimpleNamespace(last_hidden_state=hidden), score=head
    )
    batch = dict.fromkeys(("input_ids", "position_ids", "attention_mask"), torch.zeros(1))
    batch |= {"ends": torch.tensor([0, 1]), "pairs": torch.tensor([[0, 1]])}
    better = reward_losses(core, batch)
    batch["pairs"] = torch.tensor([[1, 0]])
    assert better.loss.item() < reward_losses(core, batch).loss.item()
    assert better.logged["accuracy"].item() == 1.0
