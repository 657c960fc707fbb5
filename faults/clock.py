"""A clock that was set to another time, for the process that calls this."""

import datetime
import sys
import time
from typing import Any

_time, _now, _datetime = time.time, datetime.datetime.now, datetime.datetime


def step(seconds: float) -> None:
    """Set the clock so many seconds off, for every module that is loaded."""

    class Stepped(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return _now(tz) + datetime.timedelta(seconds=seconds)

    time.time = lambda: _time() + seconds
    for module in list(sys.modules.values()):
        if getattr(module, "datetime", None) is _datetime:
            vars(module)["datetime"] = Stepped
