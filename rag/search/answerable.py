"""Does the file hold an answer? Signals of a search, and the probability that a fitted model reads from them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from core.text.words import terms
from index.lexical import K1
from index.ranking import STAGES, Answerability
from index.reader import Index
from rag.search.query import Query
from rag.search.stages import Candidate, Stages

SIGNALS = (
    "headed_cosine",
    "headed_mean3",
    "headed_margin",
    "question_cosine",
    "lexical_share",
    "agreement",
    "topic_share",
    "coverage",
    "coverage_question",
    "unknown_share",
    "telling_terms",
    "asks_dose",
    "file_size",
)
_NEAR = 20
"""Ranks in which a stage agrees with another."""
NEAR_ALL = 0.26
"""Cosine to the file's questions at large from which a search cannot be certain: all of them are near."""
UNCERTAIN = 0.85
"""The most that it is sure then."""


def signals(index: Index, query: Query, stages: Stages, candidates: Sequence[Candidate]) -> np.ndarray:
    """The signals of `SIGNALS`, shape (13,).

    The two best cosines and the mean of three; how far the best passage stands out from the tenth; BM25 of the best
    document as a share of what the question's terms could give; the share of the five best candidates that every stage
    has within 20; the commonest topic's share of the ten best questions; how much of the question's terms (weighted by
    how telling they are) the best three passages and the best questions hold; how much of them the file holds nowhere;
    how many terms there are; whether it asks for a dose; the decimal logarithm of how many questions the file has, as
    the best of many is nearer than the best of few.
    """
    headed = [score for _, score in stages.headed[:10]] or [0.0]
    own_terms = tuple(dict.fromkeys(terms(query.searched)))
    weights = {term: index.lexical.weight(term) for term in own_terms}
    total = sum(weights.values()) or 1.0
    best = candidates[:5]
    agreed = [all(candidate.ranks.get(stage, _NEAR + 1) <= _NEAR for stage in STAGES) for candidate in best]
    best_questions = list(dict.fromkeys(candidate.question_row for candidate in candidates))[:10]
    topics = Counter(index.topics[row][0] for row in best_questions)
    passage_terms = {term for candidate in best[:3] for term in terms(index.passages[candidate.passage_row].text)}
    question_terms = {term for candidate in best[:3] for term in terms(index.questions[candidate.question_row][1])}
    reachable = sum(weight * (K1 + 1) for weight in weights.values()) or 1.0  # BM25's most of a term
    return np.array(
        [
            headed[0],
            float(np.mean(headed[:3])),
            headed[0] - headed[-1],
            stages.question[0][1] if stages.question else 0.0,
            (stages.lexical[0][1] if stages.lexical else 0.0) / reachable,
            float(np.mean(agreed)) if agreed else 0.0,
            max(topics.values(), default=0) / 10,
            sum(weight for term, weight in weights.items() if term in passage_terms | question_terms) / total,
            sum(weight for term, weight in weights.items() if term in question_terms) / total,
            sum(weight for term, weight in weights.items() if not index.lexical.knows(term)) / total,
            min(len(own_terms), 12) / 12,
            float(query.asks_dose),
            float(np.log10(len(index.questions))),
        ]
    )


def background(index: Index, vector: np.ndarray) -> float:
    """The median cosine of a question to the file's questions at large.

    An embedder that does not know a language holds all its texts for near each other. With MiniLM a German question has
    0.29 to 0.42 over a German file; English questions have at most 0.23 over any of five files, 0.08 in the median.
    """
    return float(np.median(index.background @ vector))


def probability(model: Answerability, values: np.ndarray) -> float:
    """The probability that the file holds an answer; 1 of a model that was never fitted.

    Signals beyond the range that it was fitted on count as the end of that range: a file of ten questions is no more
    promising than the smallest one that was measured.
    """
    if not model.signals:
        return 1.0
    if model.low:
        values = np.clip(values, model.low, model.high)
    scaled = (values - np.array(model.mean)) / np.array(model.scale)
    return float(1 / (1 + np.exp(-(scaled @ np.array(model.coefficients) + model.intercept))))
