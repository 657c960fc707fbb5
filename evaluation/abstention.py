"""How well a search knows when the file holds no answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import DataError
from core.progress import bar
from rag.search.retriever import IndexRetriever


def auroc(probabilities: np.ndarray, answerable: np.ndarray) -> float:
    """Probability that an answerable question is rated higher than an unanswerable one (Fawcett 2006)."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(answerable, probabilities))


@dataclass(frozen=True)
class RiskCoverage:
    """The share of all questions that are answered when only the surest are, and the share of these without an
    answer."""

    coverage: tuple[float, ...]
    risk: tuple[float, ...]

    def coverage_at(self, risk: float) -> float:
        """The largest share that can be answered at this risk (El-Yaniv and Wiener 2010)."""
        return max((c for c, r in zip(self.coverage, self.risk, strict=True) if r <= risk), default=0.0)


def risk_coverage(probabilities: Sequence[float] | np.ndarray, answerable: np.ndarray) -> RiskCoverage:
    """The curve over all thresholds."""
    order = np.argsort(-np.asarray(probabilities), kind="stable")
    wrong = np.cumsum(~answerable[order])
    count = np.arange(1, len(order) + 1)
    return RiskCoverage(tuple(count / len(order)), tuple(wrong / count))


@dataclass(frozen=True)
class Abstention:
    """How well a retriever tells questions that the file can answer from those that it cannot."""

    auroc: float
    coverage_at_5_percent_risk: float
    threshold: float
    answerable: int
    answerable_refused: int
    unanswerable: int
    unanswerable_refused: int
    by_kind: dict[str, list[int]]
    """Kind -> refused, all."""
    curve: dict[str, list[float]]


def abstention(retriever: IndexRetriever, rows: Sequence[dict[str, Any]]) -> Abstention:
    """Judge every row's question as an answer would be: by the reader, or without one by the search's own signals.

    Args:
        rows: each with "question" and "answerable", and "kind" where the unanswerable ones have kinds.

    Raises:
        DataError: all of the questions are answerable, or none is.
    """
    with bar("searching", len(rows), " questions") as progress:
        sure, threshold = [], 0.0
        for row in rows:
            found = retriever.read_through(retriever.read(row["question"]))
            sure.append(found.answerable)
            threshold = found.bar
            progress.update()
    sure_of, truth = np.array(sure), np.array([bool(row["answerable"]) for row in rows])
    if truth.all() or not truth.any():
        raise DataError("the questions are all answerable, or none is; expected some of each")
    refused = sure_of < threshold
    by_kind: dict[str, list[int]] = {}
    for row, is_refused in zip(rows, refused, strict=True):
        counts = by_kind.setdefault(row.get("kind", "all") if not row["answerable"] else "answerable", [0, 0])
        counts[0] += int(is_refused)
        counts[1] += 1
    curve = risk_coverage(sure_of, truth)
    return Abstention(
        auroc(sure_of, truth),
        curve.coverage_at(0.05),
        threshold,
        int(truth.sum()),
        int((refused & truth).sum()),
        int((~truth).sum()),
        int((refused & ~truth).sum()),
        by_kind,
        {"coverage": list(curve.coverage), "risk": list(curve.risk)},
    )
