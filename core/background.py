"""How a helper process behaves: it uses idle processor time only, and ends with the process that it helps."""

import contextlib
import os
import signal
import threading
import time

LOOK_S = 1.0
"""Seconds between two looks at whether the parent is still there."""


def become_helper() -> None:
    """Run at the lowest priority from here on, and end as by Ctrl-C once the process that started this one has ended.

    Linux has a class of scheduling for the first: of a process that is merely nice, the threads of a model that writes
    an answer still wait for each other. Elsewhere it is merely nice.
    """
    with contextlib.suppress(AttributeError, OSError):
        os.nice(19)
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    # What a shell starts in the background, with & or nohup, inherits that it ignores Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with, args=(os.getppid(),), name="end with parent", daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os.kill(os.getpid(), signal.SIGINT)
