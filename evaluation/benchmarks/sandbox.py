"""Run programs that a model wrote: each in a process that can reach nothing (`evaluation.benchmarks.jail`)."""

import contextlib
import os
import platform
import secrets
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from core.errors import EngineError

JAIL = Path(__file__).with_name("jail.py")
SECONDS = 10.0
"""The time that a program may take, its start included."""
_PROBE = textwrap.dedent(
    """
    import os, socket
    def refused(attempt, *arguments):
        try:
            attempt(*arguments)
        except OSError:
            return
        raise SystemExit(f"{attempt} is possible")
    refused(socket.socket)
    refused(os.fork)
    refused(os.execv, PYTHON, ["python", "-c", ""])
    refused(os.kill, 1, 0)
    refused(open, FILE)
    refused(open, FILE + ".new", "w")
    refused(os.chmod, FILE, 0o600)
    """
)
"""A program that ends well only where all that it tries is refused."""


def check() -> None:
    """Try the sandbox with a program that attempts what none may do.

    Raises:
        EngineError: this machine cannot lock a program down, or not as far as it must be.
    """
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"):
        raise EngineError(
            f"generated code runs on Linux (x86-64 or ARM) alone, where the kernel can lock it down; this is "
            f"{platform.system()} on {platform.machine()}; leave humaneval out of --tasks"
        )
    with tempfile.NamedTemporaryFile() as file:
        said = run(f"PYTHON, FILE = {sys.executable!r}, {file.name!r}\n{_PROBE}")
    if said:
        raise EngineError(
            f"this machine cannot lock generated code down ({said}); it needs Linux 5.13 or later with Landlock and "
            "seccomp; leave humaneval out of --tasks"
        )


def run(program: str, seconds: float = SECONDS) -> str:
    """Run a program of Python; returns why it failed, or an empty string where it ended well."""
    word = secrets.token_hex(8)
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryFile() as said:
        reports, report = os.pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", str(JAIL), scratch, str(report), word],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=said,  # a file, whose size is limited
                pass_fds=(report,),
                env={"PATH": "/nowhere"},
                cwd=scratch,
                start_new_session=True,
            )
        finally:
            os.close(report)
        try:
            ended = _ended(process, program, seconds)
            if not ended and os.read(reports, len(word)) == word.encode():
                return ""
            said.seek(0)
            return ended or _last_line(said.read()) or "it ended before its tests did"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            os.close(reports)


def _ended(process: "subprocess.Popen[bytes]", program: str, seconds: float) -> str:
    """Wait for a program's end; why it was no good one, as far as its status shows."""
    try:
        process.communicate(program.encode(errors="replace"), seconds)
    except subprocess.TimeoutExpired:
        return f"it ran longer than {seconds:g} seconds"
    return f"it was ended by signal {-process.returncode}" if process.returncode < 0 else ""


def _last_line(said: bytes) -> str:
    return next(reversed(said.decode(errors="replace").strip().splitlines()), "")[:200]
