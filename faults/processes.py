"""Functions run in processes of their own: to their end, or killed at a moment; and what became of them."""

import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

from core.errors import CiteWellError, explained, is_disk_full

CONTEXT = multiprocessing.get_context("forkserver")
LONGEST_S = 300.0
"""Seconds after which a process counts as crashed: it hangs."""

Kind = Literal["done", "refused", "crashed"]


@dataclass(frozen=True)
class Outcome:
    """What became of a function in a process of its own."""

    kind: Kind
    value: Any = None
    """What it returned, or the message with which it refused, or the end of its traceback."""
    seconds: float = 0.0


def preload(models: bool) -> None:
    """Have every process forked with the heavy modules imported: importing them each time would take most of the time.

    Args:
        models: torch and what stands on it, too.
    """
    CONTEXT.set_forkserver_preload(["faults.warm", *["faults.models"] * models])


def outcome(function: Callable[..., Any], *arguments: Any) -> Outcome:
    """Run a function to its end.

    An error of CiteWell's or of the file system is a refusal, as `core.errors.run_command` has it; any other, and a
    death by signal, is a crash.
    """
    ours, theirs = CONTEXT.Pipe(duplex=False)
    began = time.monotonic()
    process = CONTEXT.Process(target=_report, args=(theirs, function, arguments))
    process.start()
    theirs.close()
    try:
        late: tuple[Kind, Any] = ("crashed", f"it took over {LONGEST_S:.0f} s")
        kind, value = ours.recv() if ours.poll(LONGEST_S) else late
    except EOFError:
        process.join()
        kind, value = "crashed", f"it died with status {process.exitcode}"
    process.kill()
    process.join()
    return Outcome(kind, value, time.monotonic() - began)


def _report(pipe: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    _silently()
    try:
        pipe.send(("done", function(*arguments)))
    except (CiteWellError, OSError) as error:
        pipe.send(("refused", explained(error)))
    except Exception as error:
        kind = "refused" if is_disk_full(error) else "crashed"
        pipe.send((kind, explained(error) if kind == "refused" else traceback.format_exc(limit=-4)))


def started(function: Callable[..., Any], *arguments: Any) -> BaseProcess:
    """Start a function that the caller kills."""
    process = CONTEXT.Process(target=_run, args=(function, arguments))
    process.start()
    return process


def _run(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    _silently()
    function(*arguments)


def killed_after(seconds: float, function: Callable[..., Any], *arguments: Any) -> bool:
    """Kill a function (SIGKILL) after so many seconds; returns False if it had ended by then."""
    process = started(function, *arguments)
    process.join(seconds)
    running = process.is_alive()
    process.kill()
    process.join()
    return running


def killed_while_repeating(seconds: float, sign: Path, function: Callable[..., Any], *arguments: Any) -> None:
    """Kill a function that repeats something for ever so many seconds after it wrote the file `sign`."""
    process = started(function, *arguments)
    deadline = time.monotonic() + LONGEST_S
    while not sign.exists():
        if not process.is_alive() or time.monotonic() > deadline:
            raise CiteWellError(f"{function.__name__} ended before it began (status {process.exitcode})")
        time.sleep(0.005)
    time.sleep(seconds)
    process.kill()
    process.join()


def _silently() -> None:
    """What killed and refused processes print belongs to no one."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
