"""OpenVINO scores as transformers does."""

from pathlib import Path
from typing import Any

import pytest

from core.settings import GeneratorSettings
from evaluation.benchmarks import scorer
from evaluation.benchmarks.backends import OpenVino, Transformers
from evaluation.benchmarks.models import Model, find_model
from tests.conftest import ROOT

PAIRS = [
    ("What is gout? It is", " a form of arthritis"),
    ("What is gout? It is", " a"),
    ("What is gout? It is", " a kind of fever that"),
    ("What is gout? It has", " no name"),
    ("What ", "then"),
    ("", "gout"),
]
TINY_NATS = 0.02
"""Nats a token that two ways of computing a tiny model in 16 bits may be apart."""
REAL_NATS = 0.1
"""Nats a token that eight bits a weight may be from the checkpoint: docs/benchmarks.md states it."""


@pytest.fixture(scope="module")
def tiny(tiny_qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    cache = str(tmp_path_factory.mktemp("cache"))
    return find_model(str(tiny_qwen), GeneratorSettings(cache=cache, engine="openvino", quant="f16", device="cpu"))


@pytest.fixture(scope="module")
def ours(tiny: Model) -> OpenVino:
    return OpenVino(tiny)


@pytest.fixture(scope="module")
def theirs(tiny: Model) -> Transformers:
    return Transformers(tiny)


def test_continuations_score_as_with_transformers(ours: OpenVino, theirs: Transformers) -> None:
    for pair, one, other in zip(PAIRS, ours.loglikelihood(PAIRS), theirs.loglikelihood(PAIRS), strict=True):
        assert one[0] == pytest.approx(other[0], abs=TINY_NATS * len(pair[1]))
        assert one[1] == other[1]


def test_the_order_of_requests_changes_nothing(ours: OpenVino) -> None:
    forward = ours.loglikelihood(PAIRS)
    backward = ours.loglikelihood(PAIRS[::-1])[::-1]
    assert [nats for nats, _ in forward] == pytest.approx([nats for nats, _ in backward], abs=1e-3)


def test_a_long_context_is_read_in_pieces(ours: OpenVino, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ours.loglikelihood([("one two three four five" * 4, " six")])
    ours.loglikelihood([("another one", " six")])
    monkeypatch.setattr(scorer, "READ_TOKENS", 7)
    assert ours.loglikelihood([("one two three four five" * 4, " six")])[0][0] == pytest.approx(whole[0][0], abs=1e-3)


def test_a_context_that_is_too_long_loses_its_beginning(ours: OpenVino, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluation.benchmarks.backends.CONTEXT_TOKENS", 12)
    (cut,), (short,) = ours.loglikelihood([("z" * 50 + "gout is", " a")]), ours.loglikelihood([("zzzgout is", " a")])
    assert cut[0] == pytest.approx(short[0], abs=1e-3)


def test_whole_texts_score_as_with_transformers(ours: OpenVino, theirs: Transformers) -> None:
    texts = ["Gout is a form of arthritis.", "x"]
    assert ours.rolling(texts) == pytest.approx(theirs.rolling(texts), abs=TINY_NATS * 30)


def test_generated_texts_are_those_of_transformers(ours: OpenVino, theirs: Transformers) -> None:
    arguments: dict[str, Any] = {"until": ["\n\n"], "max_gen_toks": 8, "do_sample": False}
    prompts = [("What is gout?", arguments), ("What is", arguments)]
    assert ours.generate(prompts) == theirs.generate(prompts)


def test_generation_stops_before_the_text_that_is_named(ours: OpenVino) -> None:
    (whole,) = ours.generate([("What is gout?", {"max_gen_toks": 8})])
    stop = whole[2:4]
    assert ours.generate([("What is gout?", {"max_gen_toks": 8, "until": [stop]})]) == [whole[: whole.find(stop)]]


@pytest.mark.weights
def test_the_real_weights_score_as_with_transformers() -> None:
    """With eight bits a weight, against the checkpoint in the format that this machine multiplies."""
    settings = GeneratorSettings(cache=str(ROOT / "artifacts/models"), engine="openvino", quant="q8_0", device="cpu")
    model = find_model("sft", settings)
    pairs = [
        ("Question: Which organ makes insulin?\nAnswer:", " The pancreas"),
        ("Question: Which organ makes insulin?\nAnswer:", " The liver"),
        ("Question: What causes gout?\nAnswer:", " Uric acid"),
    ]
    ours, theirs = OpenVino(model).loglikelihood(pairs), Transformers(model).loglikelihood(pairs)
    for pair, one, other in zip(pairs, ours, theirs, strict=True):
        assert one[0] == pytest.approx(other[0], abs=REAL_NATS * len(pair[1].split()) * 2)
    assert sorted(range(3), key=lambda n: ours[n]) == sorted(range(3), key=lambda n: theirs[n])
