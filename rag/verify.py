"""Whether a passage says what a sentence says: meaning, rare words, numbers and negation, weighed together.

python -m rag.verify                  # how well it tells true sentences from false ones, on data/dev/verdicts.jsonl
python -m rag.verify fit              # fit the weights to that set anew, and write rag/verdicts.json

A near vector is not enough: "30 mg" is near to "300 mg", and "helps" to "does not help". So numbers with their units,
codes such as "hepatitis B", what is negated, and rare words that the passage does not hold are looked at by themselves.
A logistic regression weighs all of it; a wrong number outweighs the rest. It is no entailment model: it does not know
that a man is a person.
"""

import argparse
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import DataError, run_command
from core.files import read_jsonl, write_atomic
from core.sentences import sentence_spans
from core.settings import load
from rag.citations import content_words, verdict

WEIGHTS = Path(__file__).with_name("verdicts.json")
PAIRS = Path(__file__).parent.parent / "data/dev/verdicts.jsonl"
"""Hand-written sentences over hand-written passages: verbatim, paraphrased, number, negated, other, absent."""
TRUE = ("verbatim", "paraphrased")
"""Kinds of pairs whose sentence the passage supports."""
SUPPORTED, WEAK = 0.5, 0.2
"""Probabilities from which a sentence is supported, and weakly supported."""
SCOPE = 3
"""Content words after a negation that are negated by it."""
FEATURES = ("meaning", "rarest", "rare", "number", "negation")

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+\d*(?:['’][^\W\d_]+)?|%|[,;:.]")
_STOP = frozenset(",;:.")
_SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_SPELLED = {
    **{word: str(value) for value, word in enumerate(f"{_SMALL} seventeen eighteen nineteen".split())},
    **{word: str(10 * value) for value, word in enumerate("twenty thirty forty fifty sixty seventy".split(), start=2)},
    **{"eighty": "80", "ninety": "90", "hundred": "100", "thousand": "1000", "million": "1000000"},
    **{"once": "1", "twice": "2", "half": "0.5", "quarter": "0.25"},
}
_COUNTS_ONLY_WITH_A_UNIT = frozenset(("one", "quarter"))
_UNITS = frozenset(
    "day week month year hour minut second dose tablet pill mg ml percent time pound kilo cup glass".split()
)
_CODE = re.compile(r"\b([A-Za-z]{3,})\s+([A-Z]\d{0,2})\b(?!['’])")
_HARD = re.compile(r"(?:no|not|never|none|neither|nor|without|cannot|nothing|\w+n['’]t)$")
_SOFT = re.compile(r"(?:avoid|prevent|stop|lack|keep|fail)\w*$|(?:trouble|unable|hardly|rarely|less|free|against)$")
_NO_NEGATION = re.compile(r"\b(?:no|not) (?:more|longer|less|later|fewer|only)\b", re.I)


def numbers(text: str) -> list[tuple[str, str]]:
    """Numbers in digits, spelled ones among them, each with the stem of the word that it counts; empty if none."""
    tokens = [token.casefold() for token in _TOKEN.findall(text)]
    found = []
    for place, token in enumerate(tokens):
        value = token.replace(",", "") if token[0].isdigit() else _SPELLED.get(token)
        if value is None:
            continue
        unit = _unit(tokens[place + 1 :])
        if token not in _COUNTS_ONLY_WITH_A_UNIT or unit in _UNITS:
            found.append((value, unit))
    return found


def _unit(after: Sequence[str]) -> str:
    for token in after[:4]:
        if token in ("%",):
            return "percent"
        if token in _STOP:
            return ""
        stem = _stem(token)
        if stem and not stem[0].isdigit() and token not in _SPELLED:
            return stem
    return ""


def number_differs(claim: str, said: str) -> bool:
    """Whether a sentence holds a number, or a code such as "vitamin C", that a text has not or has of other things."""
    known = numbers(said)
    values = {value for value, _ in known}
    counted: dict[str, set[str]] = {}
    for value, unit in known:
        counted.setdefault(unit, set()).add(value)
    if any(value not in counted.get(unit, values) or value not in values for value, unit in numbers(claim)):
        return True
    codes = {(_stem(word), code) for word, code in _CODE.findall(said)}
    named = {word for word, _ in codes}
    return any(
        _stem(word) in named and (_stem(word), code) not in codes for word, code in _CODE.findall(claim) if _stem(word)
    )


def negated(text: str, *, soft: bool) -> set[str]:
    """Stems that a negation reaches: up to `SCOPE` content words after it, in its clause.

    Args:
        soft: count words that deny by their meaning as well: "avoid", "prevent", "lack".
    """
    tokens = [token.casefold() for token in _TOKEN.findall(_NO_NEGATION.sub("", text))]
    reached: set[str] = set()
    for place, token in enumerate(tokens):
        if not (_HARD.match(token) or (soft and _SOFT.match(token))):
            continue
        stems: list[str] = []
        for later in tokens[place + 1 :]:
            if later in _STOP or later == "but" or len(stems) == SCOPE:
                break
            if stem := _stem(later):
                stems.append(stem)
        reached.update(stems)
    return reached


def negation_differs(claim: str, said: str) -> bool:
    """Whether one of two sentences denies what the other says in the same words."""
    denied = (negated(claim, soft=False) & set(content_words(said))) - negated(said, soft=True)
    asserted = (negated(said, soft=False) & set(content_words(claim))) - negated(claim, soft=True)
    return bool(denied or asserted)


def _stem(token: str) -> str:
    return next(iter(content_words(token)), "")


@dataclass(frozen=True)
class Judge:
    """Tells how likely a quote supports a sentence.

    Args:
        similarity: texts, the first one compared with the others -> cosines.
        rarity: a word -> 0 for an everyday one to 1 for one that few texts hold.
    """

    similarity: Callable[[str, list[str]], Sequence[float]]
    rarity: Callable[[str], float]
    weights: tuple[float, ...]
    bias: float
    supported: float = SUPPORTED
    weak: float = WEAK

    def support(self, claim: str, quote: str, heading: str, text: str) -> float:
        """Probability that a quote, from a passage with this heading and text, supports a sentence."""
        values = self.features(claim, quote, heading, text)
        return 1 / (1 + math.exp(-sum(w * x for w, x in zip(self.weights, values, strict=True)) - self.bias))

    def features(self, claim: str, quote: str, heading: str, text: str) -> list[float]:
        """The values of `FEATURES`."""
        spans = sentence_spans(quote) or [(0, len(quote))]
        said = [quote[start:end] for start, end in spans]
        given, stems = set(content_words(heading)), set(content_words(claim))
        asserted = stems - given or stems
        cosines = self.similarity(claim, [*said, quote] if len(said) > 1 else said)
        shares = [len(stems & (set(content_words(each)) | given)) / max(1, len(stems)) for each in said]
        nearest = max(range(len(said)), key=lambda n: shares[n] + cosines[n])
        forms = {_stem(token): token for token in _TOKEN.findall(claim)}
        absent = [stem for stem in asserted - set(content_words(text)) - given if not stem[0].isdigit()]
        rarities = [self.rarity(forms.get(stem, stem)) for stem in absent]
        return [
            max(cosines),
            max(rarities, default=0.0),
            sum(rarities),
            float(number_differs(claim, f"{quote}\n{heading}")),
            float(negation_differs(claim, said[nearest])),
        ]


def rarity_of(vocabulary: Path) -> Callable[[str], float]:
    """Rarity by a word's place in a WordPiece vocabulary, which BERT's authors ordered by frequency; 1 if not in it."""
    rank = {word: row for row, word in enumerate(vocabulary.read_text(encoding="utf-8").splitlines())}
    first, last = math.log(2000), math.log(max(len(rank), 2001))  # before 2,000 stand single signs

    def rarity(word: str) -> float:
        row = rank.get(word.casefold())
        return 1.0 if row is None else min(1.0, max(0.0, (math.log(max(row, 1)) - first) / (last - first)))

    return rarity


def read_judge(
    similarity: Callable[[str, list[str]], Sequence[float]], vocabulary: Path, weights: Path = WEIGHTS
) -> Judge:
    """The judge with the fitted weights.

    Raises:
        DataError: the file of weights is damaged.
    """
    try:
        values = json.loads(weights.read_text(encoding="utf-8"))
        fitted = tuple(float(values["weights"][name]) for name in FEATURES)
        return Judge(similarity, rarity_of(vocabulary), fitted, float(values["bias"]))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{weights} is damaged ({error!r}); make it again: python -m rag.verify fit") from error


def _measured(features: np.ndarray, pairs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """AUROC, and by class what share is called what; each pair judged by weights that never saw its passage."""
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
    parser = argparse.ArgumentParser(
        prog="python -m rag.verify", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", nargs="?", choices=["measure", "fit"], default="measure")
    parser.add_argument(
        "--pairs", metavar="F", type=Path, default=PAIRS, help="JSONL of heading, evidence, sentence, kind"
    )
    arguments = parser.parse_args(argv)

    from index.embedding import cosines, find_weights, load_embedder
    from rag.answer import Evidence
    from rag.citations import Verifier

    settings = load().index
    pairs = read_jsonl(arguments.pairs, "heading", "evidence", "sentence", "kind")
    similarity = partial(cosines, load_embedder(settings, print))
    judge = Judge(similarity, rarity_of(find_weights().folder / "vocab.txt"), (), 0.0)
    rows = []
    for pair in pairs:
        item = Evidence("", "", pair["heading"], pair["evidence"], "", "", 1.0, n=1)
        quote = Verifier([item]).best(pair["sentence"])[0].citation.quote
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
