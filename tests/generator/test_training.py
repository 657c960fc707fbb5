import csv
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from core.cached_folder import MARKER
from core.errors import DataError, EngineError, SettingsError, WeightsError
from core.files import sha256_file
from generator import runs, train
from generator.tuning.recipe import RUN, Recipe, read_recipe
from generator.tuning.rows import read_rows, tokenise
from generator.tuning.run_folder import begin, seal_checkpoint
from tests.conftest import ROOT

FAST = {
    "base.quantization": "none",
    "lora.r": "2",
    "lora.dropout": "0",
    "train.learning_rate": "0.02",
    "train.pack_tokens": "2600",
    "train.accumulate": "1",
    "train.log_steps": "1",
}


def arguments(rows_folder: Path, model: Path, target: Path, **changes: str) -> list[str]:
    recipe = {**FAST, "base.model": str(model), "data.dir": str(rows_folder), **changes}
    return ["--to", str(target), *(word for key, value in recipe.items() for word in ("--set", f"{key}={value}"))]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def run(rows_folder: Path, tiny_qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run over three epochs."""
    folder = tmp_path_factory.mktemp("runs") / "done"
    assert train.main(arguments(rows_folder, tiny_qwen, folder, **{"train.epochs": "3"})) == 0
    return folder


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / RUN).read_text())


def test_the_run_folder_holds_what_is_needed_to_use_and_to_judge_it(
    run: Path, rows_folder: Path, tiny_qwen: Path
) -> None:
    made = record(run)
    assert made["status"] == "done"
    assert made["base"]["sha256"] == sha256_file(tiny_qwen / "model.safetensors")
    assert made["data"]["sha256"] == json.loads((rows_folder / "examples.json").read_text())["data_sha256"]
    assert made["recipe"]["lora.r"] == 2
    with (run / "metrics.csv").open() as file:
        logged = list(csv.DictReader(file))
    assert [int(row["step"]) for row in logged] == list(range(1, made["results"]["steps"] + 1))
    assert float(logged[-1]["loss"]) < float(logged[0]["loss"]) - 0.1
    assert made["results"]["development_perplexity"] < math.exp(float(logged[0]["loss"]))
    assert (run / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert {"adapter_model.safetensors", "adapter_config.json", RUN} == set(os.listdir(run / "adapter"))
    assert "chat_template.jinja" in os.listdir(run / "tokenizer")
    checkpoints = list((run / "checkpoints").glob("checkpoint-*"))
    assert checkpoints
    assert all((each / MARKER).is_file() for each in checkpoints)


def test_rows_that_are_joined_and_rows_that_are_padded_train_alike(
    run: Path, rows_folder: Path, tiny_qwen: Path, tmp_path: Path
) -> None:
    """One step over all rows: the loss is the same, whichever way they go through the model."""
    losses = []
    for shared, batch in (("true", "1"), ("false", "20")):
        folder = tmp_path / shared
        changes = {"train.share_prefixes": shared, "train.batch_rows": batch, "train.max_steps": "1"}
        changes["train.pack_tokens"] = "100000"
        assert train.main(arguments(rows_folder, tiny_qwen, folder, **changes)) == 0
        with (folder / "metrics.csv").open() as file:
            losses.append(float(next(csv.DictReader(file))["loss"]))
        results = record(folder)["results"]
        ratio = results["row_tokens_per_second"] / results["tokens_per_second"]
        assert ratio > 2 if shared == "true" else ratio <= 1
    assert losses[0] == pytest.approx(losses[1], rel=0.01)


def test_a_run_goes_on_from_an_adapter(run: Path, rows_folder: Path, tiny_qwen: Path, tmp_path: Path) -> None:
    """Its first loss is where the run before it ended, and the record names what it began with."""
    with (run / "metrics.csv").open() as file:
        first, *_, last = [float(row["loss"]) for row in csv.DictReader(file)]
    on = tmp_path / "on"
    changes = {"base.adapter": str(run), "train.max_steps": "1"}
    assert train.main(arguments(rows_folder, tiny_qwen, on, **changes)) == 0
    with (on / "metrics.csv").open() as file:
        begun = float(next(csv.DictReader(file))["loss"])
    assert abs(begun - last) < abs(begun - first)
    assert record(on)["base"]["adapter"].startswith(f"{run.name}@")


def test_an_adapter_of_another_rank_is_not_gone_on_from(
    run: Path, rows_folder: Path, tiny_qwen: Path, tmp_path: Path
) -> None:
    words = arguments(rows_folder, tiny_qwen, tmp_path / "on", **{"base.adapter": str(run), "lora.r": "3"})
    with pytest.raises(SettingsError, match=r"base\.adapter .* has r 2, the recipe 3; .*; name the same in the recipe"):
        train.main(words)


def test_ctrl_c_saves_and_resume_goes_on_to_the_end(
    run: Path, rows_folder: Path, tiny_qwen: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "stopped"
    words = arguments(rows_folder, tiny_qwen, folder, **{"train.epochs": "30"})

    # A process of its own: Ctrl-C must not reach the native threads that other tests have left in this one.
    process = subprocess.Popen(
        [sys.executable, "-m", "generator.train", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 120
    while not (folder / "metrics.csv").is_file() or len((folder / "metrics.csv").read_text().splitlines()) < 2:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    stopped = record(folder)
    assert stopped["status"] == "stopped"
    assert 0 < stopped["results"]["steps"] < stopped["results"]["of_steps"]
    assert not (folder / "adapter").exists()
    assert f"resume it: citewell train --to {folder} --resume" in printed

    with pytest.raises(DataError, match=r"was begun otherwise \(lora\.r: 2 -> 4\); resume it with its own recipe"):
        train.main([*words, "--set", "lora.r=4", "--resume"])
    with pytest.raises(DataError, match=r"holds a run already \(stopped\); resume it: --resume"):
        train.main(words)
    assert train.main(["--to", str(folder), "--resume"]) == 0  # the recipe is the run's own
    assert record(folder)["status"] == "done"
    whole, resumed = record(run)["results"], record(folder)["results"]
    assert resumed["steps"] == resumed["of_steps"] == 10 * whole["steps"]
    assert resumed["development_loss"] < whole["development_loss"]


def test_a_damaged_checkpoint_gives_way_to_the_one_before(told: list[str], tmp_path: Path) -> None:
    made = {"recipe": {}, "base": {"sha256": "b"}, "data": {"sha256": "d"}, "status": "stopped"}
    (tmp_path / RUN).write_text(json.dumps(made))
    checkpoints = [tmp_path / "checkpoints" / f"checkpoint-{step}" for step in (2, 10)]
    for each in checkpoints:
        each.mkdir(parents=True)
        for name in ("trainer_state.json", "optimizer.pt"):
            (each / name).write_bytes(bytes(100))
        seal_checkpoint(each)
    assert begin(tmp_path, made, resume=True) == checkpoints[1]
    (checkpoints[1] / "optimizer.pt").write_bytes(bytes(50) + b"\x01" + bytes(49))
    assert begin(tmp_path, made, resume=True) == checkpoints[0]
    assert "notice: checkpoint-10 cannot be used: optimizer.pt has changed" in told


def test_resume_without_a_checkpoint(run: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no run\.json in .*none; expected the folder of a run"):
        train.main(["--to", str(tmp_path / "none"), "--resume"])
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / RUN).write_text('{"recipe": ')
    with pytest.raises(DataError, match=r"run\.json cannot be read .*; start the run again"):
        train.main(["--to", str(tmp_path / "half"), "--resume"])


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_again(run: Path, told: list[str]) -> None:
    killed = Path("killed")
    (killed / "checkpoints" / "checkpoint-2").mkdir(parents=True)  # half written: it has no state
    (killed / RUN).write_text(json.dumps({**record(run), "status": "running"}))
    assert train.main(["--to", str(killed), "--resume"]) == 0
    assert "no checkpoint is whole; beginning at step 1" in told
    assert record(killed)["status"] == "done"
    assert record(killed)["results"]["steps"] == record(run)["results"]["steps"]


def test_four_bit_weights_are_evaluated_and_then_trained_on(tiny_qwen: Path, rows_folder: Path) -> None:
    """On AVX512-BF16 an evaluation would repack the weights, and the next step of training fail."""
    import torch
    from peft import LoraConfig, get_peft_model

    from generator.loading import load_model, load_tokenizer
    from generator.tuning.perplexity import likelihood
    from generator.tuning.shared_prefix import join

    rows = read_rows(rows_folder, "train")[:2]
    tokenizer = load_tokenizer(tiny_qwen)
    model = get_peft_model(load_model(tiny_qwen, in_4bit=True), LoraConfig(r=2, target_modules="all-linear"))
    before = likelihood(model.eval(), tokenizer, rows).perplexity
    model.train()
    optimizer = torch.optim.SGD([value for value in model.parameters() if value.requires_grad], lr=0.5)
    inputs = join(tokenise(rows, tokenizer))
    labels = inputs.pop("shift_labels")
    inputs.pop("labels")
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(model(**inputs).logits[0].float(), labels[0])
        loss.backward()
        gradients = [value.grad.abs().sum().item() for value in model.parameters() if value.grad is not None]
        assert sum(gradients) > 0
        optimizer.step()
        optimizer.zero_grad()
    assert likelihood(model.eval(), tokenizer, rows).perplexity < before


def test_qlora_trains_from_the_command(rows_folder: Path, tiny_qwen: Path, tmp_path: Path) -> None:
    changes = {"base.quantization": "nf4", "train.max_steps": "2"}
    assert train.main(arguments(rows_folder, tiny_qwen, tmp_path / "nf4", **changes)) == 0
    assert record(tmp_path / "nf4")["results"]["development_perplexity"] > 1


def test_two_processes_train_one_adapter(rows_folder: Path, tiny_qwen: Path, tmp_path: Path) -> None:
    words = arguments(rows_folder, tiny_qwen, tmp_path / "two", **{"train.max_steps": "2", "train.pack_tokens": "3000"})
    launched = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "generator.train", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert launched.returncode == 0, launched.stderr  # whole: the launcher's own report hides the process's
    made = record(tmp_path / "two")
    assert (made["status"], made["processes"], made["results"]["steps"]) == ("done", 2, 2)
    assert (tmp_path / "two/adapter/adapter_model.safetensors").is_file()


def test_out_of_memory_says_what_to_lower(
    rows_folder: Path, tiny_qwen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trl import SFTTrainer

    def full(*_: object, **__: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(SFTTrainer, "compute_loss", full)
    expected = r"memory ran out; lower --set train\.pack_tokens=1300 \(it is 2600\), or switch on --set train\.grad"
    with pytest.raises(EngineError, match=expected):
        train.main(arguments(rows_folder, tiny_qwen, tmp_path / "full"))


def test_a_template_without_a_stop_token(rows_folder: Path, tiny_qwen: Path) -> None:
    from generator.loading import load_tokenizer

    tokenizer = load_tokenizer(tiny_qwen)
    rows = read_rows(rows_folder, "train")[:1]
    tokenizer.chat_template = tokenizer.chat_template.replace("<|im_end|>", "")
    with pytest.raises(WeightsError, match=r"does not close an answer with the stop token '<\|im_end\|>'; add it"):
        tokenise(rows, tokenizer)


def test_a_tokenizer_without_a_template(tiny_qwen: Path, tmp_path: Path) -> None:
    from generator.loading import load_tokenizer

    folder = shutil.copytree(tiny_qwen, tmp_path / "bare")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(
        EngineError, match=r"has no chat template; write one to .*bare/chat_template\.jinja \(docs/other-models\.md"
    ):
        load_tokenizer(folder)


def test_wandb_needs_no_key(
    rows_folder: Path, tiny_qwen: Path, tmp_path: Path, told: list[str], monkeypatch: Any
) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_DIR", "WANDB_PROJECT"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    words = arguments(rows_folder, tiny_qwen, tmp_path / "run", **{"train.max_steps": "1"})
    assert train.main([*words, "--report-to", "wandb"]) == 0
    assert any("no WANDB_API_KEY, so the run is logged offline" in line for line in told)
    assert list((tmp_path / "run/wandb").glob("offline-run-*"))


def test_tensorboard_writes_beside_the_run(
    rows_folder: Path, tiny_qwen: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "run/tensorboard"))
    words = arguments(rows_folder, tiny_qwen, tmp_path / "run", **{"train.max_steps": "1"})
    assert train.main([*words, "--report-to", "tensorboard"]) == 0
    assert list((tmp_path / "run/tensorboard").rglob("events.*"))


def test_a_reporter_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="--report-to wandb needs the package wandb; install it: pip install wandb"):
        train.main(["--report-to", "wandb", "--to", str(tmp_path / "run")])


def test_no_rows_yet(tiny_qwen: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no examples\.json in .*none; make the rows: citewell rows"):
        train.main(arguments(tmp_path / "none", tiny_qwen, tmp_path / "run"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["lora.rank=8"], r"unknown setting 'lora\.rank'; did you mean 'lora\.r'\?|unknown setting 'lora\.rank'"),
        (["lora.r=many"], r"setting 'lora\.r' is 'many'; expected int"),
        (["lora.r=0"], r"lora\.r is 0; expected 1 or more"),
        (["lora.dropout=1"], r"lora\.dropout is 1\.0; expected a share from 0 to below 1"),
        (["base.quantization=int8"], r"base\.quantization is 'int8'; expected nf4 or none"),
        (["lora.modules= , "], r"lora\.modules is empty; expected all-linear, or names such as q_proj,v_proj"),
        (["train.learning_rate=0"], r"train\.learning_rate is 0\.0; expected more than 0"),
        (["lora.r"], r"--set 'lora\.r' has no value; expected group\.key=value, such as lora\.r=16"),
    ],
)
def test_a_recipe_that_is_not_understood(changes: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_recipe(None, changes, {})


def test_modules_that_the_model_does_not_have(rows_folder: Path, tiny_qwen: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"lora\.modules is 'nowhere': .*arget modules"):
        train.main(arguments(rows_folder, tiny_qwen, tmp_path / "run", **{"lora.modules": "nowhere"}))


def test_recipes_are_layered_and_alpha_follows_the_rank(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text("[lora]\nr = 8\n[train]\nepochs = 2\n")
    recipe = read_recipe(file, ["train.epochs=0.5"], {})
    assert (recipe.lora.r, recipe.lora_alpha, recipe.train.epochs) == (8, 16, 0.5)
    assert Recipe().lora_alpha == 32
    assert read_recipe(None, ["lora.modules=q_proj, v_proj"], {}).target_modules == ["q_proj", "v_proj"]
    with pytest.raises(SettingsError, match=r"no recipe at .*none\.toml; expected a file of TOML, .*: cpu"):
        read_recipe(tmp_path / "none.toml", [], {})
    assert read_recipe(Path("cpu"), [], {}).train.pack_tokens == 1200


def test_runs_are_tabulated_by_what_differs(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other"
    other.mkdir()
    changed = record(run)
    changed["recipe"]["train.seed"] = 7
    changed["status"] = "stopped"
    (other / RUN).write_text(json.dumps(changed))
    assert runs.main([str(run), str(tmp_path)]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert "train.seed" in header
    assert "train.warmup" not in header
    assert len(lines) == 2
    assert re.match(r"done +done +4 \(2r\)", lines[0])
    assert re.match(r"other +stopped", lines[1])
    assert f"{record(run)['results']['development_perplexity']}" in lines[0]
    with pytest.raises(DataError, match="no runs there; make one: citewell train --smoke"):
        runs.main([str(tmp_path / "none")])
