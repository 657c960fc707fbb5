"""Figures with intervals: one bootstrap for every measure.

Every measure is a ratio of sums over questions (a mean over those that it applies to), so that one bootstrap serves
them all, paired differences included.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000
"""The number of draws of the bootstrap (Efron 1979); intervals are the middle 95 % of the means over resampled
questions."""


@dataclass(frozen=True)
class Figure:
    """A mean over questions with its 95 % interval."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Ratio:
    """A measure as a ratio of sums over questions: of `top` to `bottom`, both of shape (questions,)."""

    top: np.ndarray
    bottom: np.ndarray
    exponential: bool = False
    """Whether the measure is exp of the ratio, as perplexity is."""

    def over(self, drawn: np.ndarray) -> np.ndarray:
        """Its value over each row of drawn questions, shape (draws, questions)."""
        bottom = self.bottom[drawn].sum(axis=-1)
        value = self.top[drawn].sum(axis=-1) / np.where(bottom, bottom, np.nan)
        return np.exp(value) if self.exponential else value


@dataclass(frozen=True)
class Combined:
    """A measure that is computed from several ratios over the same questions, as F1 is."""

    parts: tuple[Ratio, ...]
    combine: Callable[[list[np.ndarray]], np.ndarray]

    @property
    def top(self) -> np.ndarray:
        return self.parts[0].top

    @property
    def bottom(self) -> np.ndarray:
        """Above zero for each question that any part is over."""
        return np.sum([part.bottom for part in self.parts], axis=0)

    def over(self, drawn: np.ndarray) -> np.ndarray:
        """Its value over each row of drawn questions, shape (draws, questions)."""
        return self.combine([part.over(drawn) for part in self.parts])


Measure = Ratio | Combined
Measured = dict[str, Measure]


def figure(measure: Measure, other: Measure | None = None, seed: int = 0) -> Figure:
    """Value with its 95 % bootstrap interval; of a pair, the difference over the same questions."""
    count = len(measure.top)
    if not count:
        return Figure(0.0, 0.0, 0.0, 0)
    drawn = np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))
    whole = np.arange(count)[None]
    values, value = measure.over(drawn), measure.over(whole)[0]
    if other is not None:
        values, value = values - other.over(drawn), value - other.over(whole)[0]
    values = values[~np.isnan(values)]
    if not len(values) or np.isnan(value):
        return Figure(0.0, 0.0, 0.0, 0)
    low, high = np.percentile(values, [2.5, 97.5])
    return Figure(float(value), float(low), float(high), int(np.count_nonzero(measure.bottom)))


def mean(values: np.ndarray, seed: int = 0) -> Figure:
    """Mean of one value a question, shape (questions,), with its interval."""
    return figure(Ratio(values, np.ones(len(values))), seed=seed)
