"""PNG charts, drawn without a screen."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def chart(target: Path, panels: int, size: tuple[float, float], dpi: int = 120) -> Iterator[tuple[Any, Any]]:
    """Yield a matplotlib figure and the array of its axes, side by side; it is saved when the block ends.

    Args:
        size: of the whole figure, in inches.

    Raises:
        OSError: the target cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, panels, figsize=size, layout="constrained", squeeze=False)
    try:
        yield figure, axes[0]
        figure.savefig(target, dpi=dpi)
    finally:
        pyplot.close(figure)
