"""How long work speaks to its user: lines and bars, both silent where nobody looks."""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from tqdm import tqdm

Say = Callable[[str], None]
"""Called with each line for the user."""
Listener = Callable[[str, float], None]
"""Called with what is being done, and the share of it that is done, from 0 to 1."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def silent(line: str) -> None:
    """A `Say` that says nothing."""


@contextlib.contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Tell a listener, such as a page, of every bar that moves inside the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def bar(description: str, total: int | None, unit: str, *, done: int = 0) -> tqdm:
    """A progress bar with rate and time left, on a terminal only, and for whoever listens (`heard_by`)."""
    listener = _listener.get()
    reached = done

    class Bar(tqdm):  # type: ignore[misc]  # tqdm is not typed
        def update(self, n: float | None = 1) -> bool | None:
            nonlocal reached
            reached += int(n or 0)
            if listener is not None:
                listener(description, min(1.0, reached / total) if total else 0.0)
            return super().update(n)

    return Bar(
        total=total,
        initial=done,
        desc=description,
        unit=unit,
        unit_scale=unit == "B",
        disable=None,  # None: where standard error is no terminal
        leave=False,
    )
