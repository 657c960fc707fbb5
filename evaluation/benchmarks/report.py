"""Scores of models on the same questions: their means, and what one model lost or won over another."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import DataError
from core.files import write_atomic
from evaluation.stats import Figure, Ratio, figure

FORMAT = "citewell benchmark 1"
"""What a file of results says it is."""
Scores = Mapping[str, Mapping[str, Ratio]]
"""Measure -> model -> its scores, one for each question."""
Figures = dict[str, dict[str, Figure]]
"""Measure -> model, or the difference of two -> figure."""


@dataclass(frozen=True)
class Statistic(Ratio):
    """A measure that is no mean, such as F1 or Matthews' correlation: computed from all questions at once."""

    answers: Sequence[Any] = ()
    compute: Callable[[list[Any]], float] = len

    def over(self, drawn: np.ndarray) -> np.ndarray:
        return np.array([self.compute([self.answers[number] for number in row]) for row in drawn])


def scores(answers: Sequence[Any], compute: Callable[[list[Any]], float]) -> Ratio:
    """The scores of one model: a mean where each question has a number, else what `compute` makes of them all."""
    ones = np.ones(len(answers))
    if all(isinstance(each, int | float | np.number) for each in answers):
        return Ratio(np.array(answers, float), ones)
    return Statistic(ones, ones, answers=answers, compute=compute)


def pooled(parts: Sequence[Ratio]) -> Ratio:
    """Scores over the questions of several tasks together."""
    return Ratio(np.concatenate([part.top for part in parts]), np.concatenate([part.bottom for part in parts]))


def figures(measured: Scores) -> Figures:
    """Means of each model, and of each further one the difference from the first, paired by question."""
    result: Figures = {}
    for measure, by_model in measured.items():
        first, *others = by_model
        result[measure] = {name: figure(each) for name, each in by_model.items()}
        for name in others:
            result[measure][f"{name} - {first}"] = figure(by_model[name], by_model[first])
    return result


def table(shown: Figures) -> str:
    """The figures as text: a line for each measure, a column for each model and each difference."""
    columns = list(next(iter(shown.values())))
    width = max(28, *(len(measure) + 2 for measure in shown))
    lines = [" " * width + "".join(f"{column:>26}" for column in columns)]
    for measure, by_column in shown.items():
        cells = [_cell(by_column[column], signed=" - " in column) for column in columns]
        lines.append(f"{measure:<{width}}" + "".join(f"{cell:>26}" for cell in cells))
    return "\n".join(lines)


def _cell(value: Figure, *, signed: bool) -> str:
    if not value.n:
        return "-"
    sign = "+" if signed else ""
    return f"{value.mean:{sign}.3f} ({value.low:{sign}.3f} to {value.high:{sign}.3f})"


def changes(shown: Figures, less_is_better: Sequence[str] = ()) -> list[str]:
    """The differences whose interval leaves out zero, worst first, as lines; one line where there is none."""
    found = []
    for measure, by_column in shown.items():
        for column, value in by_column.items():
            if " - " in column and value.n and not value.low <= 0 <= value.high:
                worse = (value.mean < 0) != (measure in less_is_better)
                line = f"{'worse' if worse else 'better'}: {measure}, {column}: {_cell(value, signed=True)}"
                found.append((not worse, -abs(value.mean), line))
    return [line for *_, line in sorted(found)] or ["no difference that these questions show"]


def check_target(file: Path) -> None:
    """Refuse to replace a file that holds no results of a benchmark.

    Raises:
        DataError: the file is damaged or somebody else's.
    """
    if not file.exists():
        return
    try:
        found = json.loads(file.read_text(encoding="utf-8"))["format"]
    except (OSError, ValueError, KeyError, TypeError):
        found = "nothing that can be read as such"
    if found != FORMAT:
        raise DataError(
            f"{file} is not replaced: expected results of a benchmark ({FORMAT}), found {found}; move it away, or name "
            "another folder: --to DIR"
        )


def write(file: Path, by_benchmark: Mapping[str, Figures], about: Mapping[str, Any]) -> None:
    """Write the results as JSON, rounded to what their intervals tell.

    Raises:
        OSError: the disk is full or the folder cannot be written; the file is then as it was before.
    """
    results = {
        benchmark: {
            measure: {
                column: {key: round(number, 4) for key, number in vars(value).items()}
                for column, value in by_column.items()
            }
            for measure, by_column in shown.items()
        }
        for benchmark, shown in by_benchmark.items()
    }
    write_atomic(file, json.dumps({"format": FORMAT, "about": about, "figures": results}, indent=1) + "\n")
