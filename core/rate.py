"""How often somebody did something within the last minute."""

import threading
import time
from collections import deque
from collections.abc import Callable

MINUTE_S = 60.0


class Rate:
    """Counts what each caller does; it may be asked from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._times: dict[str, deque[float]] = {}

    def count(self, caller: str, limit: int, now: float | None = None) -> float:
        """Count one more, if the caller is within the limit of a minute.

        Args:
            now: seconds by the clock; None asks it.

        Returns:
            0.0 if it was counted, else the seconds after which the next one is.
        """
        now = self._clock() if now is None else now
        with self._lock:
            for name in [name for name, times in self._times.items() if now - times[-1] > MINUTE_S]:
                del self._times[name]  # callers who come once would fill the memory
            times = self._times.setdefault(caller, deque())
            while times and now - times[0] > MINUTE_S:
                times.popleft()
            if len(times) >= limit:
                return MINUTE_S - (now - times[0])
            times.append(now)
            return 0.0
