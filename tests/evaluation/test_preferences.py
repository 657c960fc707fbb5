"""What preference training changed is measured against sft, and a run ships only by the rule."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError
from core.settings import GeneratorSettings
from evaluation.preference_report import decide, drift, trust
from evaluation.preferences import named_models
from evaluation.stats import Combined, Figure, Ratio, figure
from generator.prompt import REFUSAL
from generator.tuning.rows import Row
from tests.dataset.test_preferences import REFERENCE, ROW, SILENT, Words
from tests.generator.test_preferences import made_pairs

MEASURES = ("trust", "citation_recall", "citation_precision", "failures", "invented_numbers", "words", "chosen_drift")


def scores(rows: list[Row], written: list[str]) -> dict[str, float]:
    return {name: figure(ratio).mean for name, ratio in trust(rows, written, Words()).items()}


def test_right_answers_and_right_refusals_score_one() -> None:
    found = scores([ROW, SILENT], [REFERENCE, REFUSAL])
    assert found == pytest.approx({**dict.fromkeys(found, 1.0), "failures": 0.0})


def test_trust_is_the_mean_of_its_parts_by_hand() -> None:
    """Four questions: one answered in part with a wrong marker, one refused and one answered wrongly, one right."""
    half = "Gout is a form of arthritis [2]. It lasts 10 days [1]."
    found = scores([ROW, ROW, SILENT, SILENT], [half, REFUSAL, REFERENCE, REFUSAL])
    # Answers: covered 2/3 of one; precision (2/3)/2, recall (2/3)/2. Grounded refusals: each F1 is 1/2.
    assert found["trust_answers"] == pytest.approx(1 / 3)
    assert found["trust_refusals"] == pytest.approx(0.5)
    assert found["trust_citations"] == pytest.approx(0.75)
    assert found["trust"] == pytest.approx((1 / 3 + 0.5 + 0.75) / 3)
    assert found["failures"] == pytest.approx(0.25)


def test_a_model_that_refuses_everything_gets_little() -> None:
    assert scores([ROW, SILENT], [REFUSAL, REFUSAL])["trust"] < 0.2


def test_a_combined_measure_is_resampled_over_its_questions() -> None:
    ones = np.ones(50)
    half = Ratio(np.arange(50) % 2.0, ones)
    found = figure(Combined((half, Ratio(ones, ones)), lambda parts: parts[0] * parts[1]))
    assert found == figure(half)
    assert found.low < 0.5 < found.high


def differences(**changed: float) -> dict[str, Figure]:
    values = {**dict.fromkeys(MEASURES, 0.0), "trust": 0.05, **changed}
    return {name: Figure(value, value - 0.01, value + 0.01, 9) for name, value in values.items()}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, ""),
        ({"trust": 0.005}, "is no sure gain"),
        ({"citation_recall": -0.02}, "citation recall -0.020, the bar is -0.010"),
        ({"failures": 0.02}, "failures +0.020"),
        ({"failures": -0.2}, ""),
        ({"invented_numbers": 0.01}, "invented numbers +0.010"),
        ({"words": 8.0}, "answers are +8.0 words long"),
        ({"chosen_drift": -0.2}, "the chosen answers lose 0.200 nats a token"),
    ],
)
def test_a_run_ships_by_the_rule_alone(changed: dict[str, float], reason: str) -> None:
    reasons = decide(differences(**changed), 30.0)
    assert (reason in "; ".join(reasons)) if reason else reasons == []


def test_drift_is_nothing_for_the_same_adapter_and_something_for_the_base(tiny_qwen: Path, tiny_adapter: Path) -> None:
    settings = GeneratorSettings(model=str(tiny_qwen))
    adapters = {"base": "", "sft": str(tiny_adapter), "same": str(tiny_adapter)}
    found = drift(settings, adapters, made_pairs(range(4)))
    assert figure(found["same"]["kl"]).mean == pytest.approx(0.0, abs=1e-5)
    assert figure(found["same"]["chosen_drift"]).mean == pytest.approx(0.0, abs=1e-5)
    assert figure(found["base"]["kl"]).mean > 1e-3
    assert abs(figure(found["base"]["chosen_drift"]).mean) > 1e-3


def test_models_are_named_with_their_adapters() -> None:
    assert named_models("base, sft,dpo=runs/dpo") == {"base": "", "sft": "default", "dpo": "runs/dpo"}
    with pytest.raises(DataError, match="names 'dpo' without an adapter; expected base, sft, or NAME=DIR"):
        named_models("sft,dpo")
    with pytest.raises(DataError, match="expected sft among them"):
        named_models("base,dpo=x")
