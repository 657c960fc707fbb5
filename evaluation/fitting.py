"""Fitting of what `index/ranking.json` holds: the weights of the fusion, and when to abstain."""

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dataset.answerability import as_answerability, classifier, out_of_fold
from evaluation.judged_questions import JudgedQuestions
from evaluation.search_stages import MAIN, as_run, measured
from index.ranking import STAGES, Answerability, Ranking
from index.reader import Index
from rag.search.answerable import SIGNALS
from rag.search.results import SearchResult
from rag.search.stages import fuse

WEIGHTS = (0.25, 0.5, 1.0, 2.0)
CONSTANTS = (5.0, 10.0, 20.0, 60.0)
VOTES = (0.0, 0.5, 1.0, 2.0)
MATCHES = (0.0, 0.1, 0.2, 0.3)
STRENGTH = 5.0
"""Inverse strength of the regularisation (scikit-learn's C)."""
MAX_REFUSED = 0.045
"""Most of the answerable questions that the threshold may refuse."""


@dataclass(frozen=True)
class Searched:
    """Judged questions with what the search found for each, and each question's vector."""

    judged: JudgedQuestions
    found: Mapping[str, SearchResult]
    vectors: Mapping[str, np.ndarray]


def fit_fusion(index: Index, searched: Searched, ranking: Ranking) -> Ranking:
    """The weights, the constant and the gains of the grids with the highest mean nDCG@10: the gains after the weights.

    The grids are coarse on purpose: finer values fit the questions, not the file.
    """
    weighted = [
        dataclasses.replace(
            ranking,
            weights=dict(zip(STAGES, (1.0, question, lexical), strict=True)),
            rrf_k=constant,
            topic_votes=1.0,
            aspect_match=0.2,
        )
        for question, lexical, constant in itertools.product(WEIGHTS, WEIGHTS, CONSTANTS)
    ]
    best = max(weighted, key=lambda tried: _worth(index, searched, tried))
    gains = [
        dataclasses.replace(best, topic_votes=votes, aspect_match=match)
        for votes, match in itertools.product(VOTES, MATCHES)
    ]
    return max(gains, key=lambda tried: _worth(index, searched, tried))


def _worth(index: Index, searched: Searched, ranking: Ranking) -> float:
    ranked = {
        key: [
            index.questions[item.question_row][0].id
            for item in fuse(index, found.stages, searched.vectors[key], ranking, found.query)
        ]
        for key, found in searched.found.items()
    }
    return float(measured(searched.judged, as_run(ranked))[MAIN].mean())


def fit_answerability(signals: np.ndarray, answerable: np.ndarray) -> Answerability:
    """Logistic regression on standardised signals, both classes weighing the same.

    Files of different size have different bars: the intercept and the coefficient of the size are moved so that
    `MAX_REFUSED` of the answerable questions of every file are below one half. The risk is that of probabilities by
    models that did not see the question.

    Args:
        signals: shape (questions, signals), of one file or of several that differ in size.
        answerable: shape (questions,), boolean.
    """
    model = classifier(STRENGTH).fit(signals, answerable)
    size = signals[:, SIGNALS.index("file_size")]
    odds = log_odds(model.predict_proba(signals)[:, 1])
    sizes = np.unique(size)
    bars = [float(np.quantile(odds[(size == one) & answerable], MAX_REFUSED)) for one in sizes]
    slope, offset = np.polyfit(sizes, bars, 1) if len(sizes) > 1 else (0.0, bars[0])
    answered = log_odds(out_of_fold(signals, answerable, STRENGTH)) >= offset + slope * size
    fitted = as_answerability(model, SIGNALS, signals, answerable, answered, 0.5)
    row = SIGNALS.index("file_size")
    coefficients = list(fitted.coefficients)
    coefficients[row] -= float(slope * fitted.scale[row])
    moved = float(fitted.intercept - offset - slope * fitted.mean[row])
    return dataclasses.replace(fitted, coefficients=tuple(coefficients), intercept=moved)


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """ln(p / (1 - p)), finite at 0 and 1."""
    clipped = np.clip(probabilities, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(clipped / (1 - clipped)))
