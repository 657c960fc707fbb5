"""When to answer by a reader's readings: fitted on labelled questions that it was not trained on."""

from collections.abc import Sequence

import numpy as np

from core.progress import bar
from dataset.answerability import as_answerability, classifier, out_of_fold
from dataset.labelled import LabelledQuestion
from index.ranking import Answerability
from rag.reader.decision import SIGNALS
from rag.search.retriever import IndexRetriever

STRENGTH = 0.3
"""Inverse strength of the regularisation (scikit-learn's C): there are some hundred questions for ten signals."""


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
    unseen = out_of_fold(signals, answerable, STRENGTH)
    answered_wrongly, answered, bars = roc_curve(answerable, unseen, drop_intermediate=False)
    threshold = float(bars[int(np.argmin(np.abs(answered - (1 - answered_wrongly))))])
    said = unseen >= threshold
    fitted = classifier(STRENGTH).fit(signals, answerable)
    decision = as_answerability(fitted, SIGNALS, signals, answerable, said, threshold)
    return decision, {
        "questions": len(labels),
        "auroc": float(roc_auc_score(answerable, unseen)),
        "answered_of_answerable": float(said[answerable].mean()),
        "refused_of_others": float((~said)[~answerable].mean()),
    }
