"""Each thing that is measured runs in a process of its own, so that its memory is its own too."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from core.errors import CiteWellError


def run(module: str, *arguments: str, environment: dict[str, str] | None = None, **settings: object) -> dict[str, Any]:
    """Run `python -m bench.MODULE ARGUMENTS` and return the JSON object of its last line.

    Args:
        environment: further variables of the process.
        settings: `group_key=value`, given to the process through its environment.

    Raises:
        CiteWellError: the process failed; its messages are on standard error.
    """
    named = {f"CITEWELL_{name.upper()}": str(value) for name, value in settings.items()}
    ended = subprocess.run(
        [sys.executable, "-m", f"bench.{module}", *arguments],
        env={**os.environ, **(environment or {}), **named},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise CiteWellError(f"python -m bench.{module} {' '.join(arguments)} ended with status {ended.returncode}")
    result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return result


def memory_mib(field: str = "VmRSS", process: int | None = None) -> int:
    """Memory of a process (this one) in MiB: resident now (VmRSS) or at its peak (VmHWM), from Linux's /proc."""
    for line in Path(f"/proc/{process or 'self'}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) // 1024
    raise CiteWellError(f"/proc/{process or 'self'}/status has no {field}")
