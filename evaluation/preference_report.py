"""Models after preference training side by side: TRUST-score, drift of likelihoods, and the rule by which one ships."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.progress import bar, log
from core.settings import GeneratorSettings, Settings
from dataset.judged import coverage, judge
from evaluation.answer_report import answers, candidate
from evaluation.measures import Table, measure
from evaluation.stats import Combined, Figure, Measured, Ratio, figure
from generator.adapters import Adapter, find_adapter
from generator.tuning.pairs import Pair, tokenise_pairs
from generator.tuning.rows import Row
from generator.weights import prepare_weights
from rag.checks.citations import SupportJudge

SHOWN = (
    "trust",
    "trust_answers",
    "trust_refusals",
    "trust_citations",
    "citation_recall",
    "citation_precision",
    "groundedness",
    "failures",
    "invented_numbers",
    "false_refusals",
    "refusal_recall",
    "whole_endings",
    "words",
    "pair_accuracy",
    "chosen_drift",
    "kl",
)
"""The measures of the table."""
BARS = {
    "citation_recall": (-0.01, 1),
    "citation_precision": (-0.01, 1),
    "failures": (0.01, -1),
    "invented_numbers": (0.005, -1),
}
"""Measure -> the greatest difference that does not count against a model, and which way is better."""
LONGER = 0.15
"""Share by which answers may grow or shrink."""
DRIFT = -0.05
"""Nats a token by which the chosen answers may lose likelihood."""


def compare(settings: Settings, adapters: Mapping[str, str], rows: Sequence[Row], pairs: Sequence[Pair]) -> Table:
    """Figures of each model, and of each less sft under "NAME - sft".

    Args:
        adapters: model -> its adapter by name or folder; empty for none. `sft` is one of them.

    Raises:
        WeightsError, EngineError, SettingsError: a model cannot be had.
    """
    from rag.opening import open_judge

    support = open_judge(settings)
    measured: dict[str, Measured] = {}
    for name, adapter in adapters.items():
        tuned = dataclasses.replace(settings.generator, adapter=adapter)
        model = dataclasses.replace(candidate("tuned" if adapter else "base", tuned), name=name)
        written = answers(model, rows)
        measured[name] = {**measure(rows, written, support), **trust(rows, written, support)}
    for name, drifted in drift(settings.generator, adapters, pairs).items():
        measured[name] |= drifted
    figures = {name: {key: figure(ratio) for key, ratio in each.items()} for name, each in measured.items()}
    for name in adapters:
        if name != "sft":
            figures[f"{name} - sft"] = {
                key: figure(ratio, measured["sft"][key]) for key, ratio in measured[name].items()
            }
    return figures


def trust(rows: Sequence[Row], written: Sequence[str], support: SupportJudge) -> dict[str, Ratio | Combined]:
    """TRUST-score and its three parts (Song et al. 2025, arXiv 2409.11242), and the share of answers with a failure.

    Gold claims are the reference's sentences; a passage entails a sentence where the judge supports it. A citation is
    right if its own passage supports the sentence (the paper also lets one pass that a set needs).
    """
    judged = [judge(row, text, support) for row, text in zip(rows, written, strict=True)]
    holds = np.array([row.answerable for row in rows], dtype=float)
    refused = np.array([each.refused for each in judged], dtype=float)
    said = 1 - refused
    covered = np.array([coverage(row, each) for row, each in zip(rows, judged, strict=True)])
    recall = np.array([each.cited_rightly / max(each.sentences, 1) for each in judged])
    precision = np.array([each.right_citations / max(each.citations, 1) for each in judged])
    right = covered * holds * said
    refusals = _F1(Ratio(refused * (1 - holds), refused), Ratio(refused * (1 - holds), 1 - holds))
    replies = _F1(Ratio(said * holds, said), Ratio(said * holds, holds))
    answered = _F1(Ratio(right, said), Ratio(right, holds))
    cited = _F1(Ratio(recall * said, said), Ratio(precision * said, said))
    failed = np.array([each.supported < each.sentences or each.invented for each in judged], dtype=float)
    grounded = Combined((*refusals.parts, *replies.parts), lambda p: (_f1(p[0], p[1]) + _f1(p[2], p[3])) / 2)
    whole = Combined(
        (*answered.parts, *refusals.parts, *replies.parts, *cited.parts),
        lambda p: (_f1(p[0], p[1]) + (_f1(p[2], p[3]) + _f1(p[4], p[5])) / 2 + _f1(p[6], p[7])) / 3,
    )
    return {
        "trust": whole,
        "trust_answers": answered,
        "trust_refusals": grounded,
        "trust_citations": cited,
        "failures": Ratio(np.where((said > 0) & (holds == 0), 1.0, failed * said), np.ones(len(rows))),
    }


def _F1(one: Ratio, other: Ratio) -> Combined:  # noqa: N802 - the measure's name
    return Combined((one, other), lambda parts: _f1(*parts))


def _f1(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The harmonic mean; 0 where a part has nothing to be counted over."""
    one, other = np.nan_to_num(one), np.nan_to_num(other)
    return 2 * one * other / np.maximum(one + other, 1e-12)


def drift(settings: GeneratorSettings, adapters: Mapping[str, str], pairs: Sequence[Pair]) -> dict[str, Measured]:
    """How each model's likelihoods differ from those of sft, over held-out pairs.

    `pair_accuracy`: share of pairs whose chosen answer gains more likelihood over sft than the rejected one (of sft
    itself: whose chosen answer is likelier a token). `chosen_drift`: nats a token that the chosen answers gain; `kl`:
    nats a token by which the next-token distributions along them differ from sft's.
    """
    import torch

    from generator.loading import load_model, load_tokenizer
    from generator.tuning.log_probs import READ, read_once

    weights = prepare_weights(settings)
    tokenizer = load_tokenizer(weights.folder)
    found = {
        name: find_adapter(dataclasses.replace(settings, adapter=each), weights) for name, each in adapters.items()
    }
    log.info("reading the held-out pairs with every model")
    model = _with_adapters(load_model(weights.folder), found).eval()
    values: dict[str, list[tuple[float, float, float, float, float]]] = {name: [] for name in adapters}
    with torch.no_grad(), bar("reading pairs", len(pairs), " pairs") as progress:
        for chosen, rejected in tokenise_pairs(pairs, tokenizer):
            batch = read_once([chosen, rejected])
            logs = {
                name: _log_softmax(model, name, found[name], {key: batch[key] for key in READ}, batch["places"])
                for name in ("sft", *(name for name in adapters if name != "sft"))
            }
            for name, each in logs.items():
                sums = _sums(each.gather(1, batch["answers"][:, None])[:, 0], batch["owners"])
                kl = (each.exp() * (each - logs["sft"])).sum(1)[batch["owners"] == 0].sum()
                first, second = (float(n) for n in batch["lengths"])
                values[name].append((*sums, first, second, float(kl)))
            progress.update()
    return {name: _drifted(np.array(values[name]), np.array(values["sft"]), name == "sft") for name in adapters}


def _drifted(own: np.ndarray, sft: np.ndarray, itself: bool) -> Measured:
    """Columns: log-probability of chosen and rejected, their tokens, and the sum of KL along the chosen one."""
    gained = own[:, :2] - (0 if itself else sft[:, :2])
    gained = gained / own[:, 2:4] if itself else gained
    ones = np.ones(len(own))
    return {
        "pair_accuracy": Ratio((gained[:, 0] > gained[:, 1]).astype(float), ones),
        "chosen_drift": Ratio(own[:, 0] - sft[:, 0], own[:, 2]),
        "kl": Ratio(own[:, 4], own[:, 2]),
    }


def _with_adapters(model: Any, found: Mapping[str, Adapter | None]) -> Any:
    from peft import PeftModel

    named = {name: adapter for name, adapter in found.items() if adapter is not None}
    first, *others = named
    tuned = PeftModel.from_pretrained(model, str(named[first].folder), adapter_name=first)
    for name in others:
        tuned.load_adapter(str(named[name].folder), adapter_name=name)
    return tuned


def _log_softmax(model: Any, name: str, adapter: Adapter | None, read: dict[str, Any], places: Any) -> Any:
    import contextlib

    if adapter is not None:
        model.set_adapter(name)
    with contextlib.nullcontext() if adapter is not None else model.disable_adapter():
        return model(**read, logits_to_keep=places, use_cache=False).logits[0].float().log_softmax(1)


def _sums(each: Any, owners: Any) -> tuple[float, float]:
    return float(each[owners == 0].sum()), float(each[owners == 1].sum())


def decide(difference: Mapping[str, Figure], words: float) -> list[str]:
    """The reasons against shipping a model, by its differences to sft; none where it may be shipped.

    TRUST-score must gain for sure, and nothing else may be worse by more than its bar.

    Args:
        words: the mean length of sft's answers.
    """
    reasons = []
    if not difference["trust"].low > 0:
        gain = difference["trust"]
        reasons.append(f"TRUST {gain.mean:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) is no sure gain")
    for name, (bar_, better) in BARS.items():
        value = difference[name].mean
        if better * value < better * bar_:
            reasons.append(f"{name.replace('_', ' ')} {value:+.3f}, the bar is {bar_:+.3f}")
    if abs(difference["words"].mean) > LONGER * max(words, 1.0):
        reasons.append(f"answers are {difference['words'].mean:+.1f} words long, sft's {words:.1f}")
    if difference["chosen_drift"].mean < DRIFT:
        reasons.append(f"the chosen answers lose {-difference['chosen_drift'].mean:.3f} nats a token")
    return reasons


def table_lines(figures: Table) -> list[str]:
    """The table as lines: a measure a line, a model a column."""
    lines = [f"{'':<20}" + "".join(f"{name:>26}" for name in figures)]
    for key in SHOWN:
        cells = [each.get(key) for each in figures.values()]
        shown = [f"{cell.mean:.3f} ({cell.low:.3f} to {cell.high:.3f})" if cell else "-" for cell in cells]
        lines.append(f"{key.replace('_', ' '):<20}" + "".join(f"{text:>26}" for text in shown))
    return lines
