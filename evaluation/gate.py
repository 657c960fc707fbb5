"""Figures against those of an earlier run: what fell by more than its interval."""

from collections.abc import Collection, Mapping
from pathlib import Path

from evaluation.stats import Figure

ROUNDING = 1e-9
"""Difference that two runs of the same figures may have."""


def compare(
    figures: Mapping[str, Figure], committed: Mapping[str, Figure], less_is_better: Collection[str] = ()
) -> list[str]:
    """The figures that are on the wrong side of the interval of the committed ones, each as a line.

    Args:
        less_is_better: names of figures that are worse where they are higher.
    """
    return [
        f"{name}: {value.mean:.3f}, committed {committed[name].mean:.3f} "
        f"({committed[name].low:.3f}-{committed[name].high:.3f})"
        for name, value in figures.items()
        if name in committed and _worse(value.mean, committed[name], name in less_is_better)
    ]


def _worse(value: float, committed: Figure, less_is_better: bool) -> bool:
    return value > committed.high + ROUNDING if less_is_better else value < committed.low - ROUNDING


def report(
    figures: Mapping[str, Figure], committed: Mapping[str, Figure], file: Path, less_is_better: Collection[str] = ()
) -> int:
    """Print what fell; 1 if something did, else 0."""
    fallen = compare(figures, committed, less_is_better)
    for line in fallen:
        print(f"FELL  {line}")
    print(f"\n{len(figures)} figures compared with {file}: {len(fallen)} fell by more than their interval")
    return 1 if fallen else 0
