"""A cross-encoder for inference beside the judge: the stricter of the two decides."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from core.errors import WeightsError
from rag.checks.entailment import StrictJudge, read_entailment


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
    asked: list[tuple[str, str]] = []

    def entails(premise: str, hypothesis: str) -> float:
        asked.append((premise, hypothesis))
        return entailed

    strict = StrictJudge(Says(judge), entails)
    assert strict.support("It lasts 3 days.", "A cold lasts days.", "Colds", "") == expected
    assert (strict.supported, strict.weak) == (0.5, 0.2)
    # What is unsupported already is not read a second time.
    assert asked == ([("Colds\nA cold lasts days.", "It lasts 3 days.")] if judge >= 0.2 else [])


@pytest.mark.weights
def test_a_folder_is_loaded_and_its_labels_are_read(tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    from index.embedders.weights import find_weights

    folder = find_weights().folder
    for name, labels in {"nli": ["contradiction", "Entailment", "neutral"], "stars": ["one", "two", "three"]}.items():
        config = AutoConfig.from_pretrained(folder, id2label=dict(enumerate(labels)))
        AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path / name)
        AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path / name)
    entails = read_entailment(str(tmp_path / "nli"))
    assert 0 < entails("Gout is a form of arthritis.", "Gout is arthritis.") < 1
    with pytest.raises(WeightsError, match="has the labels one, two, three; expected one that begins with 'entail'"):
        read_entailment(str(tmp_path / "stars"))
    with pytest.raises(WeightsError, match="leave rag.nli empty to judge without"):
        read_entailment(str(tmp_path / "none"))
