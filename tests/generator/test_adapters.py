import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from core.errors import EngineError, WeightsError
from core.settings import GeneratorSettings
from generator import adapters, merge
from generator.adapters import find_adapter, prepare_tuned, read_adapter
from generator.engines import load_engine
from generator.loading import load_model, load_tokenizer
from generator.tuning.perplexity import likelihood
from generator.tuning.recipe import RUN
from generator.tuning.rows import read_rows, tokenise
from generator.weights import prepare_weights
from tests.fakes import without_hashes


@pytest.fixture
def settings(tiny_qwen: Path, tiny_adapter: Path, tmp_path: Path) -> GeneratorSettings:
    return GeneratorSettings(model=str(tiny_qwen), cache=str(tmp_path / "cache"), adapter=str(tiny_adapter))


@pytest.fixture
def foreign(tiny_adapter: Path, tmp_path: Path) -> Path:
    """The adapter, but trained over other weights."""
    folder = shutil.copytree(tiny_adapter, tmp_path / "foreign")
    record = json.loads((folder / RUN).read_text())
    record["base"] = {"name": "Qwen2-0.5B", "sha256": "f" * 64}
    (folder / RUN).write_text(json.dumps(record))
    return folder


def logits(model: Any) -> torch.Tensor:
    return model(torch.arange(3, 40)[None]).logits.float()


def test_merged_weights_say_what_base_and_adapter_say(
    told: list[str], settings: GeneratorSettings, tiny_qwen: Path, tiny_adapter: Path
) -> None:
    weights, adapter = prepare_tuned(settings)
    assert adapter is not None
    assert adapter.identity == f"tiny@{adapter.sha256[:12]}"
    assert told == ["merging the adapter tiny into the weights (some seconds, once)"]
    with torch.no_grad():
        base, merged = logits(load_model(tiny_qwen)), logits(load_model(weights.folder))
        over = logits(load_model(tiny_qwen, adapter=tiny_adapter))
    assert (merged - over).abs().max() < 0.05 * (merged - base).abs().max()
    assert load_tokenizer(weights.folder).chat_template == load_tokenizer(tiny_qwen).chat_template

    told.clear()
    assert prepare_tuned(settings)[0] == weights
    assert told == []


@pytest.mark.parametrize("name", [adapters.TENSORS, adapters.CONFIG])
def test_an_adapter_with_one_flipped_bit_is_refused(tiny_adapter: Path, tmp_path: Path, name: str) -> None:
    """It would load, be merged, and answer otherwise."""
    folder = shutil.copytree(tiny_adapter, tmp_path / "rotten")
    assert read_adapter(folder).sha256 == read_adapter(tiny_adapter).sha256
    content = bytearray((folder / name).read_bytes())
    content[-3] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(WeightsError, match=rf"{name} is damaged: SHA-256 .*…, its run.json says .*; copy the adapter"):
        read_adapter(folder)


def test_the_shipped_adapter_is_as_its_record_says() -> None:
    assert read_adapter(adapters.ADAPTERS / adapters.DEFAULT_ADAPTER).name == "medquad"
    assert "files" in json.loads((adapters.ADAPTERS / adapters.DEFAULT_ADAPTER / RUN).read_text())


def test_an_adapter_of_another_base_is_refused(settings: GeneratorSettings, foreign: Path) -> None:
    elsewhere = dataclasses.replace(settings, adapter=str(foreign))
    expected = r"adapter foreign was trained over Qwen2-0\.5B \(SHA-256 f{12}\), found .*; name its base as generator\."
    with pytest.raises(WeightsError, match=expected):
        load_engine(elsewhere)
    with pytest.raises(WeightsError, match=expected):
        merge.main(["--adapter", str(foreign), "--model", settings.model, "--to", str(foreign.parent / "merged")])
    assert not (foreign.parent / "merged").exists()


def test_the_default_is_the_shipped_one_where_it_fits(
    settings: GeneratorSettings, tiny_adapter: Path, foreign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = prepare_weights(settings)
    default = dataclasses.replace(settings, adapter="default")
    monkeypatch.setattr(adapters, "ADAPTERS", tiny_adapter.parent)
    monkeypatch.setattr(adapters, "DEFAULT_ADAPTER", "tiny")
    assert find_adapter(default, weights) == read_adapter(tiny_adapter)
    assert find_adapter(dataclasses.replace(settings, adapter="tiny"), weights) == read_adapter(tiny_adapter)
    assert find_adapter(dataclasses.replace(settings, adapter=""), weights) is None
    monkeypatch.setattr(adapters, "ADAPTERS", foreign.parent)
    monkeypatch.setattr(adapters, "DEFAULT_ADAPTER", "foreign")
    assert find_adapter(default, weights) is None  # made for other weights: silently none
    monkeypatch.setattr(adapters, "DEFAULT_ADAPTER", "missing")
    assert find_adapter(default, weights) is None


def test_names_and_folders_that_are_no_adapter(settings: GeneratorSettings, tmp_path: Path) -> None:
    weights = prepare_weights(settings)
    with pytest.raises(WeightsError, match=r"no adapter 'nowhere'; expected a folder that citewell train"):
        find_adapter(dataclasses.replace(settings, adapter="nowhere"), weights)
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match=r"no adapter_config\.json in .*empty; expected the folder of a LoRA"):
        read_adapter(tmp_path / "empty")


def test_a_run_that_is_not_done_has_no_adapter(tmp_path: Path) -> None:
    (tmp_path / RUN).write_text(json.dumps({"status": "stopped"}))
    with pytest.raises(WeightsError, match=r"a run that is not done \(stopped\) and has no adapter yet; resume it"):
        read_adapter(tmp_path)


def test_a_run_folder_stands_for_its_adapter(tiny_adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / RUN).write_text("{}")
    shutil.copytree(tiny_adapter, tmp_path / "first/adapter")
    assert read_adapter(tmp_path / "first").name == "first"


def test_an_adapter_that_does_not_fit_over_the_base(
    settings: GeneratorSettings, tiny_adapter: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_adapter, tmp_path / "damaged")
    (folder / "adapter_model.safetensors").write_bytes(b"no tensors")
    without_hashes(folder)
    with pytest.raises(EngineError, match="damaged over .* does not load"):
        prepare_tuned(dataclasses.replace(settings, adapter=str(folder)))
    assert not [path for path in Path(settings.cache).glob("*damaged*") if path.is_dir()]


def test_the_command_merges_and_compares_perplexities(
    told: list[str], settings: GeneratorSettings, tiny_adapter: Path, rows_folder: Path, tmp_path: Path, capsys: Any
) -> None:
    target = tmp_path / "merged"
    words = ["--adapter", str(tiny_adapter), "--model", settings.model, "--to", str(target)]
    assert merge.main([*words, "--rows", str(rows_folder), "--limit", "4"]) == 0
    printed = capsys.readouterr().out
    for name in ("adapter over NF4", "adapter over 16 bits", "merged, 16 bits"):
        assert f"{name:24} perplexity " in printed
    assert "4 held-out completions; the furthest two differ by " in printed
    assert merge.main(words) == 0  # the adapter's record names no rows
    assert any("perplexities are not compared" in line for line in told)
    assert load_engine(GeneratorSettings(model=str(target), cache=str(tmp_path), adapter="")).identity["adapter"] == ""


def test_likelihood_is_that_of_each_row_by_itself(tiny_qwen: Path, rows_folder: Path) -> None:
    rows = read_rows(rows_folder, "test")
    model, tokenizer = load_model(tiny_qwen).float().eval(), load_tokenizer(tiny_qwen)
    scored = likelihood(model, tokenizer, rows)
    for tokens, nats, count in zip(tokenise(rows, tokenizer), scored.nats, scored.tokens, strict=True):
        ids = torch.tensor([tokens.ids])
        labels = torch.tensor([[*[-100] * tokens.prompt, *tokens.ids[tokens.prompt :]]])
        with torch.no_grad():
            plain = model(input_ids=ids, labels=labels).loss.item()
        assert nats == pytest.approx(plain * count, rel=1e-4)
        assert count == len(tokens.ids) - tokens.prompt
