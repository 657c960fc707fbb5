"""What became of the faults: one row of counts for each kind."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from core.files import write_atomic
from core.processor import processor


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
    def harm(self) -> int:
        """How often something went wrong."""
        return self.lost + self.crashed + self.changed


class Table:
    """The counts of a run, by kind, in the order in which they began."""

    def __init__(self) -> None:
        self._rows: dict[str, Counts] = {}

    def of(self, kind: str) -> Counts:
        """The counts of a kind; new ones where it has none yet."""
        return self._rows.setdefault(kind, Counts(kind))

    def lines(self) -> Iterable[str]:
        """The table as text."""
        yield f"{'fault':58} {'tried':>6} {'unharmed':>8} {'refused':>8} {'lost':>5} {'crashed':>7} {'changed':>7}"
        for row in self._rows.values():
            counts = f"{row.unharmed:8} {row.refused:8} {row.lost:5} {row.crashed:7} {row.changed:7}"
            yield f"{row.kind:58} {row.tried:6} {counts}  {row.remark}".rstrip()

    def write(self, path: Path) -> None:
        """Keep the counts as JSON, those of kinds that did not run this time as they were."""
        kept = json.loads(path.read_text(encoding="utf-8"))["kinds"] if path.is_file() else {}
        kinds = {**kept, **{row.kind: asdict(row) for row in self._rows.values()}}
        write_atomic(path, json.dumps({"processor": processor().label, "kinds": kinds}, indent=1) + "\n")
