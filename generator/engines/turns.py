"""One generation at a time, in the order of asking: two would share the cores, and both would be late."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

POLL_S = 0.25
"""How often a waiting caller gets to look up, to notice that it was stopped."""


class Turns:
    """A first-come, first-served queue over an engine.

    >>> with turns.take() as turn:
    ...     for ahead in turn.wait():
    ...         print(f"{ahead} before you")
    ...     generate()  # nobody else does now
    """

    def __init__(self) -> None:
        self._queue: deque[Turn] = deque()
        self._changed = Condition()

    @contextmanager
    def take(self) -> Iterator["Turn"]:
        """Join the queue; leaving the block, for whatever reason, lets the next one begin."""
        turn = Turn(self._queue, self._changed)
        with self._changed:
            self._queue.append(turn)
        try:
            yield turn
        finally:
            with self._changed:
                self._queue.remove(turn)
                self._changed.notify_all()


class Turn:
    """A place in the queue."""

    def __init__(self, queue: "deque[Turn]", changed: Condition) -> None:
        self._queue = queue
        self._changed = changed

    def wait(self) -> Iterator[int]:
        """Yield how many are ahead, at least every `POLL_S` seconds, until none is."""
        while ahead := self._ahead():
            yield ahead
            with self._changed:
                if self._queue.index(self) == ahead:
                    self._changed.wait(POLL_S)

    def _ahead(self) -> int:
        with self._changed:
            return self._queue.index(self)
