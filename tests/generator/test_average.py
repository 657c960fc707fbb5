"""The mean of adapters, and what cannot be averaged."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.errors import WeightsError
from core.settings import GeneratorSettings
from generator import average
from generator.adapters import CONFIG, TENSORS, prepare_tuned, read_adapter
from generator.tuning.recipe import RUN
from tests.fakes import without_hashes


@pytest.fixture
def doubled(tiny_adapter: Path, tmp_path: Path) -> Path:
    """The adapter, trained on so that each of its numbers is twice what it was."""
    folder = shutil.copytree(tiny_adapter, tmp_path / "doubled")
    save_file({name: each * 2 for name, each in load_file(folder / TENSORS).items()}, folder / TENSORS)
    without_hashes(folder)
    return folder


def test_the_mean_lies_between_and_answers(tiny_qwen: Path, tiny_adapter: Path, doubled: Path, tmp_path: Path) -> None:
    target = tmp_path / "averaged"
    words = ["--adapters", str(doubled), str(tiny_adapter), "--weights", "3", "1", "--to", str(target)]
    assert average.main(words) == 0
    ours, first = load_file(target / TENSORS), load_file(tiny_adapter / TENSORS)
    assert ours.keys() == first.keys()
    for name, matrix in first.items():
        assert ours[name].dtype == matrix.dtype
        torch.testing.assert_close(ours[name].float(), matrix.float() * 1.75, rtol=0.01, atol=1e-6)
    run = json.loads((target / RUN).read_text())
    assert run["averaged"] == {read_adapter(doubled).identity: 0.75, read_adapter(tiny_adapter).identity: 0.25}
    settings = GeneratorSettings(model=str(tiny_qwen), cache=str(tmp_path / "cache"), adapter=str(target))
    weights, adapter = prepare_tuned(settings)
    assert (weights.folder / "model.safetensors").is_file()
    assert adapter is not None
    assert adapter.name == "averaged"


def _other_base(folder: Path) -> None:
    run = json.loads((folder / RUN).read_text())
    (folder / RUN).write_text(json.dumps({**run, "base": {"name": "Qwen2-0.5B", "sha256": "f" * 64}}))


def _other_rank(folder: Path) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, "r": 64}))


def _fewer_matrices(folder: Path) -> None:
    matrices = load_file(folder / TENSORS)
    matrices.popitem()
    save_file(matrices, folder / TENSORS)


def _no_run(folder: Path) -> None:
    (folder / RUN).write_text("{")


def _torn(folder: Path) -> None:
    (folder / TENSORS).write_bytes((folder / TENSORS).read_bytes()[:100])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_other_base, "average adapters of one base"),
        (_other_rank, "r is 64 in doubled and"),
        (_fewer_matrices, "hold other matrices"),
        (_no_run, "cannot be read"),
        (_torn, "adapter_model.safetensors cannot be read: .*copy the adapter's folder again"),
    ],
)
def test_adapters_that_do_not_go_together_are_refused(
    change: Callable[[Path], None], expected: str, tiny_adapter: Path, doubled: Path, tmp_path: Path
) -> None:
    change(doubled)
    words = ["--adapters", str(doubled), str(tiny_adapter), "--to", str(tmp_path / "averaged")]
    with pytest.raises(WeightsError, match=expected):
        average.main(words)
    assert not (tmp_path / "averaged").exists()


@pytest.mark.parametrize("words", [["--weights", "1"], ["--weights", "1", "0"], ["--weights", "2", "1", "1"]])
def test_weights_are_one_an_adapter(words: list[str], tiny_adapter: Path, doubled: Path, tmp_path: Path) -> None:
    named = ["--adapters", str(doubled), str(tiny_adapter), "--to", str(tmp_path / "averaged")]
    with pytest.raises(WeightsError, match="expected two or more, each with a weight"):
        average.main([*named, *words])


def test_an_adapter_that_is_nowhere_is_told(tiny_adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no adapter 'nowhere'; expected .* shipped one \(medquad\)"):
        average.main(["--adapters", str(tiny_adapter), "nowhere", "--to", str(tmp_path / "averaged")])
