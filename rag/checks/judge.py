"""Whether a passage supports a sentence: meaning, rare words, numbers and negation, weighed together.

A near vector is not enough: "30 mg" is near to "300 mg", and "helps" to "does not help". So numbers with their units,
codes such as "hepatitis B", what is negated, and rare words that the passage does not hold are looked at by themselves,
and a network for entailment (`rag.checks.entailment`) reads the sentence with the passage, and with the quote: it
follows other words for the same thing. A logistic regression weighs all of it, and two rules stand above it.
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
from rag.checks.entailment import Entails

WEIGHTS = Path(__file__).with_name("verdicts.json")
SUPPORTED, WEAK = 0.6, 0.2
"""Probabilities from which a sentence is supported, and weakly supported. A true sentence that falls between them is
said in its passage's own words instead; a false one above them stands."""
FEATURES = ("meaning", "rarest", "rare", "number", "negation", "entailed")
WRONG_NUMBER = 0.99 * WEAK
"""What is left of the probability where a number differs: the sentence cannot even be weakly supported."""
DENIED = 0.99 * SUPPORTED
"""What is left of it where one text denies what the other says: it cannot be supported."""
MOST_ENTAILED = 8.0
"""Log-odds of the network beyond which more says nothing."""


@dataclass(frozen=True)
class Judge:
    """Estimates how likely a quote supports a sentence.

    Args:
        similarity: texts, the first one compared with the others -> cosines.
        rarity: a word -> 0 for an everyday one to 1 for one that few texts hold.
        weights: of the `FEATURES`, without the last where no network reads.
    """

    similarity: Callable[[str, list[str]], Sequence[float]]
    rarity: Callable[[str], float]
    weights: tuple[float, ...]
    bias: float
    entails: Entails | None = None
    supported: float = SUPPORTED
    weak: float = WEAK

    def support(self, claim: str, quote: str, heading: str, text: str) -> float:
        """Probability that a quote, from a passage with this heading and text, supports a sentence."""
        values = self.features(claim, quote, heading, text)
        return self.probability(values)

    def probability(self, features: Sequence[float]) -> float:
        """Probability of support at the values of `FEATURES`."""
        log_odds = sum(weight * value for weight, value in zip(self.weights, features, strict=True)) + self.bias
        return limited(1 / (1 + math.exp(-log_odds)), features)

    def features(self, claim: str, quote: str, heading: str, text: str) -> list[float]:
        """The values of `FEATURES`, without the last where no network reads."""
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
        values = [
            max(cosines),
            max(rarities, default=0.0),
            sum(rarities),
            float(number_differs(claim, f"{quote}\n{heading}")),
            float(negation_differs(claim, said[nearest])),
        ]
        if self.entails is not None:
            read = [self.entails(claim, heading, each) for each in dict.fromkeys((text, quote))]
            values.append(sum(min(max(each, -MOST_ENTAILED), MOST_ENTAILED) for each in read) / len(read))
        return values


def limited(probability: float, features: Sequence[float]) -> float:
    """A probability under the rules for numbers and negation, at the values of `FEATURES`."""
    number, negation = features[FEATURES.index("number")], features[FEATURES.index("negation")]
    return probability * (WRONG_NUMBER if number else 1.0) * (DENIED if negation else 1.0)


def rarity_of(vocabulary: Path) -> Callable[[str], float]:
    """Rarity by a word's place in a WordPiece vocabulary, which BERT's authors ordered by frequency; 1 if not in it."""
    rank = {word: row for row, word in enumerate(vocabulary.read_text(encoding="utf-8").splitlines())}
    first, last = math.log(2000), math.log(max(len(rank), 2001))  # before 2,000 stand single signs

    def rarity(word: str) -> float:
        row = rank.get(word.casefold())
        return 1.0 if row is None else min(1.0, max(0.0, (math.log(max(row, 1)) - first) / (last - first)))

    return rarity


def read_judge(
    similarity: Callable[[str, list[str]], Sequence[float]],
    vocabulary: Path,
    entails: Entails | None = None,
    weights: Path = WEIGHTS,
) -> Judge:
    """The judge with the weights that were fitted with a network for entailment, or those without one.

    Raises:
        DataError: the file of weights is damaged.
    """
    try:
        values = json.loads(weights.read_text(encoding="utf-8"))["with_network" if entails else "by_itself"]
        names = FEATURES if entails else FEATURES[:-1]
        fitted = tuple(float(values["weights"][name]) for name in names)
        return Judge(similarity, rarity_of(vocabulary), fitted, float(values["bias"]), entails)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{weights} is damaged ({error!r}); make it again: citewell evaluate verdicts fit") from error
