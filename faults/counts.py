"""What became of the faults: one row of counts for each kind, and the figures that a kind measured beside."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.files import write_atomic
from core.processor import processor
from faults.processes import Outcome


@dataclass
class Counts:
    """The outcomes of one kind of fault. The last three must stay 0."""

    kind: str
    tried: int = 0
    unharmed: int = 0
    """Everything was there afterwards, and answered as before."""
    refused: int = 0
    """A clear message named the fault."""
    lost: int = 0
    """Something that had been kept was gone."""
    crashed: int = 0
    """A process ended by a signal of its own, or with a traceback."""
    changed: int = 0
    """An answer differed from the one without the fault."""
    remark: str = ""

    @property
    def survived(self) -> int:
        """How often nothing went wrong, or a clear message named what did."""
        return self.unharmed + self.refused

    @property
    def harm(self) -> int:
        """How often something went wrong."""
        return self.lost + self.crashed + self.changed

    def judge(
        self, after: Outcome, is_whole: Callable[[Any], bool], what: str = "", during: Outcome | None = None
    ) -> None:
        """Count one try, after which what had been kept must be there: a refusal to show it is a loss.

        Args:
            after: what was read afterwards.
            during: the operation that met the fault, where it came to an end; it may refuse.
        """
        self.tried += 1
        if during is not None and during.kind == "crashed":
            self.crashed += 1
            self._remark(what, during)
        elif after.kind == "crashed":
            self.crashed += 1
            self._remark(what, after)
        elif after.kind != "done" or not is_whole(after.value):
            self.lost += 1
            self._remark(what, after)
        elif during is not None and during.kind == "refused":
            self.refused += 1
        else:
            self.unharmed += 1

    def compare(self, after: Outcome, before: Any, what: str = "") -> None:
        """Count one try, after which the answer must be what it was before, or a clear message must refuse it."""
        self.tried += 1
        if after.kind == "done" and after.value == before:
            self.unharmed += 1
        elif after.kind == "refused":
            self.refused += 1
        elif after.kind == "crashed":
            self.crashed += 1
            self._remark(what, after)
        else:
            self.changed += 1
            self._remark(what, after)

    def _remark(self, what: str, after: Outcome) -> None:
        lines = str(after.value).strip().splitlines() or [""]
        self.remark = f"{what}: {lines[-1]}".removeprefix(": ")[:160]


class Table:
    """The counts of a run, by kind, in the order in which they began; and what was measured, by name."""

    def __init__(self) -> None:
        self._rows: dict[str, Counts] = {}
        self.measured: dict[str, dict[str, Any]] = {}

    def of(self, kind: str) -> Counts:
        """The counts of a kind; new ones where it has none yet."""
        return self._rows.setdefault(kind, Counts(kind))

    def lines(self) -> Iterable[str]:
        """The table as text."""
        yield f"{'fault':58} {'tried':>6} {'unharmed':>8} {'refused':>8} {'lost':>5} {'crashed':>7} {'changed':>7}"
        for row in self._rows.values():
            counts = f"{row.unharmed:8} {row.refused:8} {row.lost:5} {row.crashed:7} {row.changed:7}"
            yield f"{row.kind:58} {row.tried:6} {counts}  {row.remark}".rstrip()
        for name, figures in self.measured.items():
            yield f"{name}: {', '.join(f'{key} {value}' for key, value in figures.items())}"

    def write(self, path: Path) -> None:
        """Keep the counts as JSON, each kind with machine and day; what did not run this time stays as it was."""
        kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        where = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "processor": f"{processor().name} ({processor().label})"}
        rows = {row.kind: {**asdict(row), "survived": row.survived, **where} for row in self._rows.values()}
        kinds = {**kept.get("kinds", {}), **rows}
        measured = {**kept.get("measured", {}), **{name: {**each, **where} for name, each in self.measured.items()}}
        write_atomic(path, json.dumps({"kinds": kinds, "measured": measured}, indent=1, ensure_ascii=False) + "\n")


Count = Callable[[str], Counts]
"""A kind of fault -> its counts in this run."""
