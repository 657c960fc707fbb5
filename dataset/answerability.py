"""Fitting of `index.ranking.Answerability`: the search's own, and a reader's decision."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from index.ranking import Answerability


def classifier(strength: float) -> Any:  # sklearn is not typed
    """A logistic regression on standardised signals, both classes weighing the same.

    Args:
        strength: inverse strength of the regularisation (scikit-learn's C).
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, class_weight="balanced", max_iter=1000))


def out_of_fold(signals: np.ndarray, answerable: np.ndarray, strength: float, folds: int = 5) -> np.ndarray:
    """Probability of each question by a classifier that did not see it.

    Raises:
        ValueError: a class has fewer questions than there are folds.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    splits = StratifiedKFold(folds, shuffle=True, random_state=0)
    found = cross_val_predict(classifier(strength), signals, answerable, cv=splits, method="predict_proba")
    return np.asarray(found[:, 1])


def as_answerability(
    fitted: Any, names: Sequence[str], signals: np.ndarray, answerable: np.ndarray, said: np.ndarray, threshold: float
) -> Answerability:
    """A fitted classifier in the form that is kept.

    Args:
        signals: what it was fitted on, shape (questions, signals).
        answerable: shape (questions,), boolean.
        said: whether each question would be answered, by a classifier that did not see it; the risk is read from this.
        threshold: probability below which to abstain.
    """
    scaler, regression = fitted.named_steps.values()
    return Answerability(
        signals=tuple(names),
        mean=tuple(map(float, scaler.mean_)),
        scale=tuple(map(float, scaler.scale_)),
        coefficients=tuple(map(float, regression.coef_[0])),
        intercept=float(regression.intercept_[0]),
        threshold=threshold,
        risk=float((said & ~answerable).sum() / max(1, said.sum())),
        low=tuple(map(float, signals.min(axis=0))),
        high=tuple(map(float, signals.max(axis=0))),
    )
