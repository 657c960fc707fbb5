"""How well the judge tells true sentences from false ones, and the fit of its weights.

citewell evaluate verdicts                  # how well it tells them apart, on data/dev/verdicts.jsonl
citewell evaluate verdicts fit              # fit the weights to that set, and write rag/checks/verdicts.json
"""

import json
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.command import command_parser
from core.errors import run_command
from core.files import read_jsonl, write_atomic
from core.paths import shipped
from core.settings import load
from rag.checks.citations import verdict
from rag.checks.judge import FEATURES, SUPPORTED, WEAK, WEIGHTS, Judge, rarity_of

PAIRS = shipped("data/dev/verdicts.jsonl")
"""Hand-written sentences over hand-written passages: verbatim, paraphrased, number, negated, other, absent."""
TRUE = ("verbatim", "paraphrased")
"""Kinds of pairs whose sentence the passage supports."""


def _measured(features: np.ndarray, pairs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """AUROC, and the precision and recall of each class; each pair is judged by weights that never saw its passage."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold, cross_val_predict

    true = np.array([pair["kind"] in TRUE for pair in pairs])
    groups = [pair["evidence"] for pair in pairs]
    probability = cross_val_predict(_model(), features, true, groups=groups, cv=GroupKFold(8), method="predict_proba")
    verdicts = [verdict(value, SUPPORTED, WEAK) for value in probability[:, 1]]
    said = np.array([each == "supported" for each in verdicts])
    kinds: dict[str, Counter[str]] = {}
    for pair, each in zip(pairs, verdicts, strict=True):
        kinds.setdefault(pair["kind"], Counter())[each] += 1
    return {
        "pairs": len(pairs),
        "auroc": float(roc_auc_score(true, probability[:, 1])),
        "supported": {"precision": float(true[said].mean()), "recall": float(said[true].mean())},
        "not supported": {"precision": float((~true)[~said].mean()), "recall": float((~said)[~true].mean())},
        "kinds": {kind: dict(counts) for kind, counts in kinds.items()},
    }


def _model() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=10, max_iter=5000)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("evaluation.verdicts", __doc__)
    parser.add_argument("command", nargs="?", choices=["measure", "fit"], default="measure")
    parser.add_argument(
        "--pairs", metavar="F", type=Path, default=PAIRS, help="JSONL of heading, evidence, sentence, kind"
    )
    arguments = parser.parse_args(argv)

    from index.embedders import load_embedder
    from index.embedders.base import cosines
    from index.embedders.weights import find_weights
    from rag.answer import NumberedSource
    from rag.checks.citations import Verifier

    settings = load().index
    pairs = read_jsonl(arguments.pairs, "heading", "evidence", "sentence", "kind")
    similarity = partial(cosines, load_embedder(settings))
    judge = Judge(similarity, rarity_of(find_weights().folder / "vocab.txt"), (), 0.0)
    rows = []
    for pair in pairs:
        source = NumberedSource(1, pair["heading"], pair["evidence"])
        quote = Verifier([source]).best(pair["sentence"])[0].citation.quote
        rows.append(judge.features(pair["sentence"], quote, pair["heading"], pair["evidence"]))
    features = np.array(rows)
    measured = _measured(features, pairs)
    print(f"{measured['pairs']} pairs, judged by weights that never saw their passage: AUROC {measured['auroc']:.3f}")
    for name in ("supported", "not supported"):
        print(f"  {name:<14} precision {measured[name]['precision']:.3f}  recall {measured[name]['recall']:.3f}")
    for kind, counts in measured["kinds"].items():
        print(f"  {kind:<14} " + ", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    if arguments.command == "fit":
        model = _model().fit(features, [pair["kind"] in TRUE for pair in pairs])
        weights = dict(zip(FEATURES, (round(float(value), 4) for value in model.coef_[0]), strict=True))
        fitted = {"weights": weights, "bias": round(float(model.intercept_[0]), 4), "measured": measured}
        write_atomic(WEIGHTS, json.dumps(fitted, indent=2) + "\n")
        print(f"wrote {WEIGHTS}")
    return 0


if __name__ == "__main__":
    run_command(main)
