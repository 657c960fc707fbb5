"""The folder of a training that can be resumed: what it trains with, beside its checkpoints."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import DataError
from core.files import write_atomic

FACTS = "run.json"


def begin_run(run: Path, facts: Mapping[str, Any], resume: bool) -> None:
    """Make the run folder, or check that the one that stands is of the very same training.

    Raises:
        DataError: there is no checkpoint to resume from, or it is another training's.
    """
    path = run / FACTS
    if not resume:
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(parents=True)
        write_atomic(path, json.dumps(facts, indent=1) + "\n")
        return
    if not path.is_file() or not list(run.glob("checkpoint-*")):
        raise DataError(f"no checkpoint in {run} to resume from; to start again, leave out --resume")
    before = json.loads(path.read_text(encoding="utf-8"))
    if changed := [key for key, value in facts.items() if before.get(key) != value]:
        raise DataError(
            f"{run} was trained with other {', '.join(changed)} (now {facts[changed[0]]!r}, "
            f"then {before.get(changed[0])!r}); to start again, leave out --resume"
        )
