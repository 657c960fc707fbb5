"""When to answer by a reader's readings: fitted on labelled questions that it was not trained on."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.progress import bar
from dataset.labelled import LabelledQuestion
from index.ranking import Answerability
from rag.reader.decision import SIGNALS
from rag.search.retriever import IndexRetriever

FOLDS = 5
STRENGTH = 0.3
"""Inverse strength of the regularisation (scikit-learn's C): there are some hundred questions for nine signals."""


def fit_decision(
    retriever: IndexRetriever, labels: Sequence[LabelledQuestion]
) -> tuple[Answerability, dict[str, float]]:
    """A logistic regression on standardised signals, both classes weighing the same, and its bar: where the share of
    the answerable that is answered and the share of the others that is refused are equal. Where their sum is greatest
    (Youden 1950) moves by a quarter with a few questions.

    The bar and what is reported of it are chosen on probabilities by models that did not see the question.

    Returns:
        the decision, and AUROC, answered of the answerable, refused of the others.
    """
    from sklearn.metrics import roc_auc_score, roc_curve
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    values, truth = [], []
    with bar("reading", len(labels), " questions") as progress:
        for label in labels:
            query = retriever.read(label.text[: retriever.settings.max_question_chars])
            found = retriever.read_through(query)
            if len(found.signals):  # none of a question in a language that is not read
                values.append(found.signals)
                truth.append(label.answerable)
            progress.update()
    signals, answerable = np.array(values), np.array(truth)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    unseen = cross_val_predict(_model(), signals, answerable, cv=folds, method="predict_proba")[:, 1]
    answered_wrongly, answered, bars = roc_curve(answerable, unseen, drop_intermediate=False)
    threshold = float(bars[int(np.argmin(np.abs(answered - (1 - answered_wrongly))))])
    scaler, regression = _model().fit(signals, answerable).named_steps.values()
    said = unseen >= threshold
    decision = Answerability(
        signals=SIGNALS,
        mean=tuple(map(float, scaler.mean_)),
        scale=tuple(map(float, scaler.scale_)),
        coefficients=tuple(map(float, regression.coef_[0])),
        intercept=float(regression.intercept_[0]),
        threshold=threshold,
        risk=float((said & ~answerable).sum() / max(1, said.sum())),
        low=tuple(map(float, signals.min(axis=0))),
        high=tuple(map(float, signals.max(axis=0))),
    )
    return decision, {
        "questions": len(labels),
        "auroc": float(roc_auc_score(answerable, unseen)),
        "answered_of_answerable": float(said[answerable].mean()),
        "refused_of_others": float((~said)[~answerable].mean()),
    }


def _model() -> Any:  # sklearn is not typed
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000))
