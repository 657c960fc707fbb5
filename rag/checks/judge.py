"""Whether a passage supports a sentence: meaning, rare words, numbers and negation, weighed together.

A near vector is not enough: "30 mg" is near to "300 mg", and "helps" to "does not help". So numbers with their units,
codes such as "hepatitis B", what is negated, and rare words that the passage does not hold are looked at by themselves.
A logistic regression weighs all of it; a wrong number outweighs the rest. It is no entailment model: it does not know
that a man is a person.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import DataError
from core.text.claims import TOKEN, negation_differs, number_differs, stem
from core.text.sentences import sentence_spans
from core.text.words import content_words

WEIGHTS = Path(__file__).with_name("verdicts.json")
SUPPORTED, WEAK = 0.5, 0.2
"""Probabilities from which a sentence is supported, and weakly supported."""
FEATURES = ("meaning", "rarest", "rare", "number", "negation")


@dataclass(frozen=True)
class Judge:
    """Estimates how likely a quote supports a sentence.

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
        forms = {stem(token): token for token in TOKEN.findall(claim)}
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
        raise DataError(f"{weights} is damaged ({error!r}); make it again: citewell evaluate verdicts fit") from error
