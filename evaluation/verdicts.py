"""How well the judge tells true sentences from false ones, and the fit of its weights.

citewell evaluate verdicts                            # how well it tells them apart, on data/dev/verdicts.jsonl
citewell evaluate verdicts --claims claims.jsonl      # and on claims about answers to patients' questions
citewell evaluate verdicts fit --index artifacts/medquad    # fit the weights, and write rag/checks/verdicts.json

Each is measured with the network for entailment, and without: the judge of a machine that cannot have it. Fitted to are
that set; what was written about passages (sentences of data/train/answers.jsonl, those that say more than the passages
or contradict them, and data/train/statements.jsonl), of those passages that the network was not trained on; and, with
--claims, the claims of half of the questions. Every set counts the same. The other half of the claims measures.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.command import command_parser
from core.errors import run_command
from core.files import read_jsonl, write_atomic
from core.paths import shipped
from core.progress import bar
from core.settings import load
from dataset.verifier.pairs import STATEMENTS, about_passages
from dataset.verifier.pairs import SUPPORTED as ENTAILED
from dataset.written import ANSWERS
from index.reader import Index
from rag.answer import NumberedSource
from rag.checks.citations import Verifier, verdict
from rag.checks.entailment import DEFAULT, is_own, open_entailment
from rag.checks.judge import FEATURES, SUPPORTED, WEAK, WEIGHTS, Judge, limited, rarity_of, read_judge

PAIRS = shipped("data/dev/verdicts.jsonl")
"""Hand-written sentences over hand-written passages: verbatim, paraphrased, number, negated, other, absent."""
TRUE = ("verbatim", "paraphrased", "written", "said", "entailment")
"""Kinds of sentences that the passage supports."""
KINDS = {"written": ("written", "more or wrong"), "statements": ("said", "unsaid or wrong")}
"""The kinds of what was written about passages, supported and not, by source."""
FOLDS = 8
VERDICTS = ("supported", "weak", "unsupported")


@dataclass(frozen=True)
class Judged:
    """A sentence over a passage, and whether the passage supports it."""

    sentence: str
    heading: str
    text: str
    kind: str
    group: str
    """Sentences of one group are never on both sides of a fold."""

    @property
    def true(self) -> bool:
        return self.kind in TRUE


def by_hand(path: Path) -> list[Judged]:
    """The sentences of a file of heading, evidence, sentence and kind; raises DataError as `read_jsonl` does."""
    rows = read_jsonl(path, "heading", "evidence", "sentence", "kind")
    return [Judged(row["sentence"], row["heading"], row["evidence"], row["kind"], row["evidence"]) for row in rows]


def of_passages(index: Index) -> Iterator[Judged]:
    """What was written about passages that the network was not trained on: sentences of answers, and statements."""
    for passage, each in about_passages(ANSWERS, STATEMENTS, index, kept_back=True):
        supported, unsupported = KINDS[each.source]
        kind = supported if each.at_least == ENTAILED else unsupported
        yield Judged(each.pair.question, each.pair.heading, " ".join(each.pair.sentences), kind, passage)


def of_claims(path: Path, measured: bool) -> Iterator[Judged]:
    """Claims about answers to patients' questions, of the half of the questions that measures or of that to fit to.

    Args:
        path: JSON Lines of `question`, `answer`, `claim` and `label` (Entailment, Neutral or Contradiction).
    """
    for row in read_jsonl(path, "question", "answer", "claim", "label"):
        question = str(row["question"])
        if is_measured(question) == measured:
            yield Judged(row["claim"], "", row["answer"], str(row["label"]).casefold(), question)


def is_measured(question: str) -> bool:
    """Whether a question's claims measure, and nothing is fitted to them."""
    return hashlib.sha256(question.encode()).digest()[1] % 2 == 0


def features(judge: Judge, judged: Sequence[Judged]) -> np.ndarray:
    """The judge's features of each sentence over the words that it would quote, shape (sentences, features)."""
    rows = []
    with bar("reading", len(judged), " sentences") as progress:
        for each in judged:
            rows.append(judge.features(each.sentence, _quote(each), each.heading, each.text))
            progress.update()
    return np.array(rows)


def _quote(each: Judged) -> str:
    return Verifier([NumberedSource(1, each.heading, each.text)]).best(each.sentence)[0].citation.quote


def fit(values: np.ndarray, sets: dict[str, Sequence[Judged]]) -> dict[str, Any]:
    """Weights, and what they come to on the sentences of each set, judged by weights that never saw their group.

    Args:
        values: features of the sets' sentences, in the sets' order.
        sets: by name; every set counts the same.
    """
    from sklearn.model_selection import GroupKFold

    judged = [each for part in sets.values() for each in part]
    true = np.array([each.true for each in judged])
    weight = np.concatenate([np.full(len(part), len(judged) / len(sets) / len(part)) for part in sets.values()])
    unseen = np.zeros(len(judged))
    for train, test in GroupKFold(FOLDS).split(values, true, [each.group for each in judged]):
        unseen[test] = _model(values[train], true[train], weight[train]).predict_proba(values[test])[:, 1]
    unseen = np.array([limited(value, row) for value, row in zip(unseen, values, strict=True)])
    model = _model(values, true, weight)
    scaler, regression = model.named_steps.values()
    scaled = regression.coef_[0] / scaler.scale_
    ends = np.cumsum([len(part) for part in sets.values()])[:-1]
    return {
        "weights": dict(zip(FEATURES, (round(float(each), 4) for each in scaled), strict=False)),
        "bias": round(float(regression.intercept_[0] - scaled @ scaler.mean_), 4),
        **{name: measured(part, sets[name]) for name, part in zip(sets, np.split(unseen, ends), strict=True)},
    }


def _model(values: np.ndarray, true: np.ndarray, weight: np.ndarray) -> Any:  # sklearn is not typed
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=10, max_iter=5000))
    return model.fit(values, true, logisticregression__sample_weight=weight)


def measured(support: np.ndarray, judged: Sequence[Judged]) -> dict[str, Any]:
    """AUROC, precision and recall of each class, and the verdicts by kind."""
    from sklearn.metrics import roc_auc_score

    true = np.array([each.true for each in judged])
    verdicts = [verdict(value, SUPPORTED, WEAK) for value in support]
    said = np.array([each == "supported" for each in verdicts])
    kinds: dict[str, Counter[str]] = {}
    for one, found in zip(judged, verdicts, strict=True):
        kinds.setdefault(one.kind, Counter())[found] += 1
    return {
        "pairs": len(judged),
        "auroc": float(roc_auc_score(true, support)),
        "supported": {"precision": float(true[said].mean()), "recall": float(said[true].mean())},
        "not supported": {"precision": float((~true)[~said].mean()), "recall": float((~said)[~true].mean())},
        "kinds": {kind: {each: counts[each] for each in VERDICTS} for kind, counts in kinds.items()},
    }


def show(name: str, of: dict[str, Any]) -> None:
    """Print what was measured."""
    print(f"{name}: {of['pairs']} sentences, AUROC {of['auroc']:.3f}")
    for side in ("supported", "not supported"):
        print(f"  {side:<16} precision {of[side]['precision']:.3f}  recall {of[side]['recall']:.3f}")
    for kind, counts in of["kinds"].items():
        print(f"  {kind:<16} " + ", ".join(f"{count} {said}" for said, count in counts.items() if count))


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("evaluation.verdicts", __doc__)
    parser.add_argument("command", nargs="?", choices=["measure", "fit"], default="measure")
    parser.add_argument(
        "--pairs", metavar="F", type=Path, default=PAIRS, help="JSONL of heading, evidence, sentence, kind"
    )
    parser.add_argument("--claims", metavar="F", type=Path, help="JSONL of question, answer, claim, label")
    parser.add_argument("--index", metavar="DIR", help="for fit: the index of the answers' passages")
    arguments = parser.parse_args(argv)

    from index.embedders import load_embedder
    from index.embedders.base import cosines
    from index.embedders.weights import find_weights

    settings = load({"index.dir": arguments.index})
    similarity = partial(cosines, load_embedder(settings.index))
    vocabulary = find_weights().folder / "vocab.txt"
    network = settings.rag.nli if is_own(settings.rag.nli) else DEFAULT
    entails = open_entailment(network, Path(settings.index.cache))
    sets: dict[str, Sequence[Judged]] = {"measured": by_hand(arguments.pairs)}
    unfitted = Judge(similarity, rarity_of(vocabulary), (), 0.0, entails)
    if arguments.command == "fit":
        from rag.opening import open_retriever

        index = open_retriever(load({"index.dir": arguments.index, "rag.reader": ""})).index
        sets["written"] = list(of_passages(index))
        if arguments.claims:
            sets["claims"] = list(of_claims(arguments.claims, measured=False))
    claims = list(of_claims(arguments.claims, measured=True)) if arguments.claims else []
    fitted_to = [each for part in sets.values() for each in part]
    values = features(unfitted, [*fitted_to, *claims])
    named = {"by_itself": values[:, : len(FEATURES) - 1], **({"with_network": values} if entails else {})}
    if arguments.command == "fit":
        fitted = {name: fit(part[: len(fitted_to)], sets) for name, part in named.items()}
        write_atomic(WEIGHTS, json.dumps(fitted, indent=2) + "\n")
        for name, result in fitted.items():
            for of in sets:
                show(f"{name.replace('_', ' ')}, {of}, by weights that never saw the passage", result[of])
        print(f"wrote {WEIGHTS}")
    for name, part in named.items():
        judge = read_judge(similarity, vocabulary, entails if name == "with_network" else None)
        support = np.array([judge.probability(row) for row in part])
        if arguments.command == "measure":
            show(name.replace("_", " "), measured(support[: len(fitted_to)], sets["measured"]))
        if claims:
            show(f"{name.replace('_', ' ')}, claims about answers", measured(support[len(fitted_to) :], claims))
    return 0


if __name__ == "__main__":
    run_command(main)
