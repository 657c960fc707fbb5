"""How long work reports to its user: lines of one logger, and bars that become lines where there is no terminal."""

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from tqdm import tqdm

log = logging.getLogger("citewell")
"""The logger of lines for the user: `info` for what is being done, `warning` for what differs from the request."""
Listener = Callable[[str, float], None]
"""Called with what is being done, and the share of it that is done, from 0 to 1."""

LINE_S = 10
"""Seconds between two lines about long work, where no terminal shows a bar."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


class _StandardError(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what is standard error now, which tests and pages exchange."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def show_lines(level: int = logging.INFO) -> None:
    """Show the lines of this process on standard error; a command does so once, a library call prints nothing."""
    log.setLevel(level)
    log.propagate = False  # libraries give the root logger a handler: each line would come twice
    if not log.handlers:
        log.addHandler(_StandardError())


@contextlib.contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Call a listener, such as a page, for every bar that moves inside the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def bar(description: str, total: int | None, unit: str, *, done: int = 0) -> tqdm:
    """A progress bar with rate and time left on a terminal, and for whoever listens (`heard_by`).

    Where standard error is no terminal (a log, a container), it gets a line every ten seconds.
    """
    listener = _listener.get()
    report = _Lines(description, total, unit, done)

    class Bar(tqdm):  # type: ignore[misc]  # tqdm is not typed
        def update(self, n: float | None = 1) -> bool | None:
            report.add(int(n or 0))
            if listener is not None:
                listener(description, report.share)
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


class _Lines:
    """Counts what is done, and reports it in lines where no terminal shows a bar."""

    def __init__(self, description: str, total: int | None, unit: str, done: int) -> None:
        self._description, self._total, self._unit = description, total, unit
        self._began_with = self._done = done
        self._started = self._told = time.monotonic()

    @property
    def share(self) -> float:
        return min(1.0, self._done / self._total) if self._total else 0.0

    def add(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._told >= LINE_S and not sys.stderr.isatty():
            self._told = now
            log.info(self._line(now - self._started))

    def _line(self, seconds: float) -> str:
        """The line to report, such as "embedding: 37 % (11,612 of 31,383 texts), 88.2 a second, 03:44 left"."""
        rate = (self._done - self._began_with) / seconds
        amount, of = (tqdm.format_sizeof(self._done), tqdm.format_sizeof(self._total or 0))
        if self._unit != "B":
            amount, of = f"{self._done:,}", f"{self._total or 0:,}"
        if not self._total:
            return f"{self._description}: {amount}{self._unit}, {rate:.1f} a second"
        left = tqdm.format_interval((self._total - self._done) / rate) if rate else "?"
        counted = f"{amount} of {of}{self._unit}"
        return f"{self._description}: {self.share:.0%} ({counted}), {rate:.1f} a second, {left} left"
