"""How long work speaks to its user: lines and bars, both silent where nobody looks."""

from collections.abc import Callable

from tqdm import tqdm

Say = Callable[[str], None]
"""Called with each line for the user."""


def silent(line: str) -> None:
    """A `Say` that says nothing."""


def bar(description: str, total: int | None, unit: str, *, done: int = 0) -> tqdm:
    """A progress bar with rate and time left, on a terminal only."""
    return tqdm(
        total=total,
        initial=done,
        desc=description,
        unit=unit,
        unit_scale=unit == "B",
        disable=None,  # None: where standard error is no terminal
        leave=False,
    )
