"""Time builds of the first rows of a CSV: cold, unchanged, and with one row in a hundred changed.

python -m bench.building --csv artifacts/medquad.csv --index artifacts/bench/index --rows 1000
"""

import argparse
import csv
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.process import memory_mib
from core.errors import run_command
from core.settings import IndexSettings, load
from index.build import build
from index.store import open_index


def _rows(path: Path, limit: int) -> list[list[str]]:
    """The header and the first rows of a CSV in UTF-8 with commas."""
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [row for _, row in zip(range(limit + 1), csv.reader(file), strict=False)]


def _revised(rows: list[list[str]], answer: int) -> Iterator[list[str]]:
    """The rows, one answer in a hundred with a sentence more."""
    for number, row in enumerate(rows):
        revised = number > 0 and number % 100 == 0
        yield [*row[:answer], f"{row[answer]} It was revised.", *row[answer + 1 :]] if revised else row


def _timed(settings: IndexSettings, rows: list[list[str]]) -> float:
    with Path(settings.csv).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    started = time.perf_counter()
    build(settings)
    return round(time.perf_counter() - started, 1)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.building", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--csv", metavar="F", help="the CSV (default: data/health_qa.csv)")
    parser.add_argument("--index", metavar="DIR", help="where to build")
    parser.add_argument("--rows", type=int, metavar="N", default=sys.maxsize - 1, help="rows to take (default: all)")
    arguments = parser.parse_args(argv)
    settings = load({"index.csv": arguments.csv, "index.dir": arguments.index}).index
    rows = _rows(Path(settings.csv), arguments.rows)
    answer = [name.lower() for name in rows[0]].index(settings.answer_column)
    with tempfile.TemporaryDirectory() as scratch:
        settings = dataclasses.replace(settings, csv=str(Path(scratch) / Path(settings.csv).name))
        cold = _timed(settings, rows)
        unchanged = _timed(settings, rows)
        changed = _timed(settings, list(_revised(rows, answer)))
        _timed(settings, rows)  # the index that searches and questions then use
    index = open_index(Path(settings.dir))
    print(
        json.dumps(
            {
                "rows": len(rows) - 1,
                "passages": len(index.passages),
                "cold_s": cold,
                "unchanged_s": unchanged,
                "one_percent_changed_s": changed,
                "passages_per_s": round(len(index.passages) / cold, 1),
                "peak_memory_mib": memory_mib("VmHWM"),
            }
        )
    )
    return 0


if __name__ == "__main__":
    run_command(main)
