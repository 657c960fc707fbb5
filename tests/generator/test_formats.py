"""Where the processor multiplies bf16 in software, nothing is multiplied in bf16."""

from pathlib import Path

import pytest
import torch

from core import precision
from core.settings import GeneratorSettings
from generator import train
from generator.adapters import merge, read_adapter
from generator.loading import load_model, load_tokenizer
from generator.tuning.perplexity import likelihood
from generator.tuning.rows import read_rows
from generator.weights import Weights
from tests.products import ATTENTION, Products


@pytest.fixture
def _emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that has no instructions for bf16."""
    monkeypatch.setattr(precision, "_torch_has_bf16", lambda: False)


def test_the_watch_sees_a_product_in_bf16() -> None:
    with Products() as products:
        torch.ones(2, 2, dtype=torch.bfloat16) @ torch.ones(2, 2, dtype=torch.bfloat16)
        query = torch.ones(1, 1, 2, 8, dtype=torch.bfloat16)
        torch.nn.functional.scaled_dot_product_attention(query, query, query)
    assert "mm" in products.in_bf16
    assert any(ATTENTION in name or name == "bmm" for name in products.in_bf16[1:])


@pytest.mark.usefixtures("_emulated")
@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_training_and_development_loss(
    quantization: str, rows_folder: Path, tiny_qwen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = {
        "base.model": str(tiny_qwen),
        "base.quantization": quantization,
        "data.dir": str(rows_folder),
        "lora.r": "2",
        "train.max_steps": "1",
        "train.pack_tokens": "2600",
    }
    with Products() as products:
        arguments = [word for key, value in recipe.items() for word in ("--set", f"{key}={value}")]
        assert train.main(["--to", str(tmp_path / "run"), *arguments]) == 0
    assert products.all > 20
    assert products.in_bf16 == []


@pytest.mark.usefixtures("_emulated")
def test_merging_and_perplexity(rows_folder: Path, tiny_qwen: Path, tiny_adapter: Path, tmp_path: Path) -> None:
    adapter = read_adapter(tiny_adapter)
    weights = Weights(tiny_qwen, "tiny", adapter.base_sha256)
    rows = read_rows(rows_folder, "development")
    with Products() as products:
        merge(weights, adapter, tmp_path)
        for in_4bit in (False, True):
            model = load_model(tiny_qwen, in_4bit=in_4bit, adapter=tiny_adapter).eval()
            assert likelihood(model, load_tokenizer(tiny_qwen), rows).perplexity > 1
        assert likelihood(load_model(tmp_path).eval(), load_tokenizer(tmp_path), rows).perplexity > 1
    assert products.all > 20
    assert products.in_bf16 == []
    assert load_model(tmp_path, as_stored=True).dtype == torch.bfloat16  # stored in 16 bits all the same


@pytest.mark.usefixtures("_emulated")
def test_answering_with_transformers(tiny_qwen: Path, tmp_path: Path) -> None:
    from generator.engines.transformers import TransformersEngine

    settings = GeneratorSettings(model=str(tiny_qwen), adapter="", cache=str(tmp_path), engine="transformers")
    engine = TransformersEngine(settings)
    assert engine._model.dtype == torch.float32  # it writes in a thread of its own, which is not watched
