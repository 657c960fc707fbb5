"""What reads whether a text entails a sentence: the shipped network, a folder, another's cross-encoder, or nothing."""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.errors import WeightsError
from core.settings import load
from rag.checks.entailment import SHIPPED, StrictJudge, is_own, open_entailment, read_cross_encoder
from rag.checks.judge import Judge
from rag.opening import open_judge
from rag.reader.folder import TENSORS
from tests.conftest import ROOT

CONVERTED = ROOT / "artifacts/embedders"


@dataclass(frozen=True)
class Says:
    """A judge of one mind."""

    value: float
    supported: float = 0.5
    weak: float = 0.2

    def support(self, claim: str, quote: str, heading: str, text: str) -> float:
        return self.value


@pytest.mark.parametrize(("judge", "entailed", "expected"), [(0.9, 0.3, 0.3), (0.6, 0.95, 0.6), (0.1, 0.99, 0.1)])
def test_the_stricter_one_decides(judge: float, entailed: float, expected: float) -> None:
    asked: list[tuple[str, str, str]] = []

    def entails(claim: str, heading: str, text: str) -> float:
        asked.append((claim, heading, text))
        return math.log(entailed / (1 - entailed))

    strict = StrictJudge(Says(judge), entails)
    assert strict.support("It lasts 3 days.", "A cold lasts days.", "Colds", "") == pytest.approx(expected)
    assert (strict.supported, strict.weak) == (0.5, 0.2)
    # What is unsupported already is not read a second time.
    assert asked == ([("It lasts 3 days.", "Colds", "A cold lasts days.")] if judge >= 0.2 else [])


@pytest.mark.weights
def test_the_shipped_network_follows_other_words_and_sees_what_is_denied() -> None:
    entails = open_entailment("default", CONVERTED)
    assert entails is not None
    text = "Ice on the joint eases the pain. Colchicine is taken at the first sign of an attack."
    true = entails("You can ease the pain with ice on the joint.", "How is gout treated?", text)
    for false in ("Ice makes the pain worse.", "Gout is inherited from the mother.", "Ice cures gout for good."):
        assert entails(false, "How is gout treated?", text) < 0 < true


@pytest.mark.weights
def test_without_the_shipped_network_the_judge_weighs_the_rest_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    damaged = tmp_path / "verifier"
    shutil.copytree(SHIPPED, damaged)
    (damaged / TENSORS).write_bytes(b"nothing")
    monkeypatch.setattr("rag.checks.entailment.SHIPPED", damaged)
    judge = open_judge(load({"index.cache": str(CONVERTED)}))
    assert isinstance(judge, Judge)
    assert (judge.entails, len(judge.weights)) == (None, 5)
    (notice,) = (line for line in told if line.startswith("notice"))
    assert "judged without the network for entailment" in notice
    with pytest.raises(WeightsError, match="is damaged"):
        open_entailment(str(damaged), tmp_path)


def test_none_is_asked_for() -> None:
    assert open_entailment("", Path("nowhere")) is None
    assert is_own("")
    assert is_own("default")
    assert is_own(str(SHIPPED))
    assert not is_own("cross-encoder/nli-deberta-v3-small")


@pytest.mark.weights
def test_a_cross_encoder_is_loaded_and_its_labels_are_read(tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    from index.embedders.weights import find_weights

    folder = find_weights().folder
    for name, labels in {"nli": ["contradiction", "Entailment", "neutral"], "stars": ["one", "two", "three"]}.items():
        config = AutoConfig.from_pretrained(folder, id2label=dict(enumerate(labels)))
        AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path / name)
        AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path / name)
    entails = read_cross_encoder(str(tmp_path / "nli"))
    assert -14 < entails("Gout is arthritis.", "", "Gout is a form of arthritis.") < 14
    with pytest.raises(WeightsError, match="has the labels one, two, three; expected one that begins with 'entail'"):
        read_cross_encoder(str(tmp_path / "stars"))
    with pytest.raises(WeightsError, match="leave rag.nli empty to judge without"):
        read_cross_encoder(str(tmp_path / "none"))
