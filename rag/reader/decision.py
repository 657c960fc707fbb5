"""Is the question answered by what was read? The one decision, by a fitted model over readings and names."""

from collections.abc import Sequence

import numpy as np

from core.text.words import terms
from index.reader import Index
from rag.answer import Hit
from rag.reader.base import Reading
from rag.search.query import Query

SIGNALS = (
    "best",
    "second",
    "third",
    "sentence",
    "search",
    "names_held",
    "names_unknown",
    "names_missing",
    "fused",
    "question_cosine",
)
_MOST_SURE = 0.999
"""The search's own probability beyond which more says nothing."""

_MOST_MISSING = 2
"""More missing names than these say no more."""


def signals(
    index: Index, query: Query, hits: Sequence[Hit], readings: Sequence[Reading], searched: float, missing: int
) -> np.ndarray:
    """The signals of `SIGNALS`, shape (10,).

    Log-odds that the three best passages answer; the probability of the best sentence of the best one; log-odds of the
    search by itself; how much of the question's words (weighted by how telling they are) the best passage holds, and
    how much the file holds nowhere; how many names are missing; the best passage's fused score and the cosine of its
    question.

    Args:
        hits: what was read, best first.
        searched: the search's own probability that the file holds an answer.
        missing: how many names of the question the best passages do not hold.
    """
    logits = [reading.logit for reading in readings[:3]]
    logits += [min(logits, default=-9.0)] * (3 - len(logits))
    weights = {term: index.lexical.weight(term) for term in dict.fromkeys(terms(query.searched))}
    total = sum(weights.values()) or 1.0
    held = set(terms(f"{hits[0].question} {hits[0].text}")) if hits else set()
    sure = min(max(searched, 1 - _MOST_SURE), _MOST_SURE)
    return np.array(
        [
            *logits,
            max(readings[0].sentences, default=0.0) if readings else 0.0,
            float(np.log(sure / (1 - sure))),
            sum(weight for term, weight in weights.items() if term in held) / total,
            sum(weight for term, weight in weights.items() if not index.lexical.knows(term)) / total,
            min(missing, _MOST_MISSING),
            hits[0].score if hits else 0.0,
            hits[0].scores.get("question", 0.0) if hits else 0.0,
        ]
    )
