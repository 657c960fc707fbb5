"""Who may change what everybody asks, and how often: the one place where the page decides it."""

import threading
import time
from collections import defaultdict, deque

import streamlit as st

from core.settings import load
from ui.visitor import visitor

MINUTE_S = 60.0
_lock = threading.Lock()
_uploaded: dict[str, deque[float]] = defaultdict(deque)
"""Address -> the times of its uploads within the last minute."""


def may_edit() -> bool:
    """Whether this visitor may index files, go back to an earlier index, and cancel what others index: an editor,
    unless the settings let nobody.
    """
    return load().ui.uploads == "everybody" and visitor().may_edit


def may_upload(address: str, now: float | None = None) -> bool:
    """Count one more file from an address; whether it is within the limit of a minute."""
    now, limit = time.monotonic() if now is None else now, load().ui.uploads_per_minute
    with _lock:
        for other in [each for each, times in _uploaded.items() if now - times[-1] > MINUTE_S]:
            del _uploaded[other]
        times = _uploaded[address]
        while times and now - times[0] > MINUTE_S:
            times.popleft()
        if len(times) >= limit:
            return False
        times.append(now)
        return True


def address() -> str:
    """The visitor's address; Streamlit knows none of a browser on this machine."""
    return st.context.ip_address or "this machine"
