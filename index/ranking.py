"""How an index ranks and when it has no answer: numbers fitted on questions, recorded with the index.

`index/ranking.json` holds those fitted on the project's own development questions; `citewell evaluate search fit` fits
others, which `index.build` takes up with the setting `index.ranking`.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import DataError

DEFAULT = Path(__file__).with_name("ranking.json")
STAGES = ("headed", "question", "lexical")
"""Dense over passages under their questions, dense over questions alone, BM25 over question and answer."""


@dataclass(frozen=True)
class Answerability:
    """Logistic regression over a search's signals: the probability that the file holds an answer."""

    signals: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float
    threshold: float
    """Probability below which to abstain."""
    risk: float
    """Share of the questions answered at this threshold that the file could not answer, where it was fitted."""
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    """Each signal's least and greatest value where it was fitted; empty in files from before they were kept."""


NEVER_FITTED = Answerability((), (), (), (), 0.0, 0.0, 1.0)
"""Answers every question."""


@dataclass(frozen=True)
class Ranking:
    """Weights of reciprocal rank fusion (Cormack et al. 2009) for each stage, and the answerability model."""

    weights: dict[str, float]
    rrf_k: float
    """Cormack's constant: how fast a rank's worth falls."""
    topic_votes: float
    """How much a candidate gains if the best candidates are of its topic; 0 is nothing, 1 doubles the score at most."""
    aspect_match: float
    """How much a candidate gains if its question asks the same of its topic as the query does."""
    answerability: Answerability
    fitted_on: str
    answerability_by_words: Answerability = NEVER_FITTED
    """The same from the signals of words alone, for an index whose vectors are not made yet."""

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"


def read_ranking(content: bytes, name: str) -> Ranking:
    """Parse and check a ranking file's content; `name` is for the error.

    Raises:
        DataError: it is not whole.
    """
    try:
        values = json.loads(content)
        fitted = read_answerability(values.pop("answerability"))
        by_words = values.pop("answerability_by_words", None)  # files from before it have none
        ranking = Ranking(
            **values,
            answerability=fitted,
            answerability_by_words=read_answerability(by_words) if by_words else NEVER_FITTED,
        )
        if set(ranking.weights) != set(STAGES) or not all(weight >= 0 for weight in ranking.weights.values()):
            raise ValueError(f"expected a weight for each of {', '.join(STAGES)}")
        if min(ranking.topic_votes, ranking.aspect_match) < 0 or ranking.rrf_k <= 0:
            raise ValueError("a gain or the constant is negative")
        for model in (ranking.answerability, ranking.answerability_by_words):
            if len({len(model.signals), len(model.mean), len(model.scale), len(model.coefficients)}) != 1:
                raise ValueError("its signals and coefficients differ in number")
            if not len(model.low) == len(model.high) in (0, len(model.signals)):
                raise ValueError("its signals and their ranges differ in number")
        return ranking
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{name} is no ranking file ({error}); fit one: citewell evaluate search fit --to {name}"
        ) from error


def read_answerability(values: dict[str, Any]) -> Answerability:
    """A model as `dataclasses.asdict` wrote it; raises TypeError where a value is missing or unknown."""
    read: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return Answerability(**read)


def find_ranking(name: str) -> bytes:
    """The content of the ranking file that the setting names: `default`, or a path.

    Raises:
        DataError: it is missing or not whole.
    """
    path = DEFAULT if name == "default" else Path(name)
    if not path.is_file():
        raise DataError(f"no ranking at {path}; fit one: citewell evaluate search fit --to {path}")
    content = path.read_bytes()
    read_ranking(content, str(path))
    return content
