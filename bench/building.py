"""Time builds of a CSV: cold, killed and resumed, unchanged, with one row in a hundred changed; and the first answer.

python -m bench.building --csv artifacts/medquad.csv --index artifacts/bench/index
python -m bench.building --csv artifacts/medquad.csv --index artifacts/bench/index --rows 1000
"""

import csv
import dataclasses
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.process import memory_mib
from core.command import command_parser
from core.errors import CiteWellError, run_command
from core.settings import IndexSettings, load
from index.build import build
from index.opening import open_index
from index.status import read_status

KILLED_AT = 0.9
"""Share of the vectors at which the cold build is killed."""
QUESTION = "how is gout treated"


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


def _write(file: Path, rows: Iterator[list[str]] | list[list[str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows(rows)


def _timed(settings: IndexSettings) -> float:
    started = time.perf_counter()
    build(settings)
    return round(time.perf_counter() - started, 1)


def _command(settings: IndexSettings, *flags: str) -> list[str]:
    return [sys.executable, "-m", "index.build", "--csv", settings.csv, "--index", settings.dir, *flags]


def _seconds_until(reached: Callable[[], bool], process: subprocess.Popen[bytes]) -> float:
    started = time.perf_counter()
    while not reached():
        if process.poll() not in (None, 0):
            raise CiteWellError(f"the build ended with status {process.returncode}; its errors stand above")
        if process.poll() == 0:
            break
        time.sleep(0.05)
    return time.perf_counter() - started


def _cold(settings: IndexSettings) -> dict[str, float]:
    """One build from nothing, killed at nine tenths (kill -9) and resumed.

    The cold time is that of both processes without what the second one takes before it embeds.
    """
    folder = Path(settings.dir)
    shutil.rmtree(folder, ignore_errors=True)
    first = subprocess.Popen(_command(settings), stdout=subprocess.DEVNULL)
    words_s = _seconds_until((folder / "current").exists, first)
    killed_s = words_s + _seconds_until(
        lambda: (status := read_status(folder)) is not None and status.share >= KILLED_AT, first
    )
    first.kill()
    first.wait()
    before = read_status(folder)
    second = subprocess.Popen(_command(settings), stdout=subprocess.DEVNULL)
    started = time.perf_counter()
    idle_s = _seconds_until(lambda: read_status(folder) != before, second)
    second.wait()
    resumed_s = time.perf_counter() - started
    return {
        "words_s": round(words_s, 1),
        "cold_s": round(killed_s + resumed_s - idle_s, 1),
        "resumed_s": round(resumed_s, 1),
        "resumed_share": round(resumed_s / (killed_s + resumed_s - idle_s), 3),
    }


def _first_answer(settings: IndexSettings, folder: Path) -> float:
    """Seconds from the start of a build from nothing to an answered question, in two processes one after the other."""
    fresh = dataclasses.replace(settings, dir=str(folder))
    started = time.perf_counter()
    subprocess.run(_command(fresh, "--words"), stdout=subprocess.DEVNULL, check=True)
    asked = [sys.executable, "-m", "rag.ask", "--index", fresh.dir, QUESTION]
    subprocess.run(asked, stdout=subprocess.DEVNULL, check=True)
    return round(time.perf_counter() - started, 1)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("bench.building", __doc__)
    parser.add_argument("--csv", metavar="F", help="the CSV (default: data/health_qa.csv)")
    parser.add_argument("--index", metavar="DIR", help="where to build")
    parser.add_argument("--rows", type=int, metavar="N", default=sys.maxsize - 1, help="rows to take (default: all)")
    arguments = parser.parse_args(argv)
    settings = load({"index.csv": arguments.csv, "index.dir": arguments.index}).index
    rows = _rows(Path(settings.csv), arguments.rows)
    answer = [name.lower() for name in rows[0]].index(settings.answer_column)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / Path(settings.csv).name
        settings = dataclasses.replace(settings, csv=str(file))
        _write(file, rows)
        first_answer_s = _first_answer(settings, Path(scratch) / "fresh")
        figures = _cold(settings)
        unchanged = _timed(settings)
        _write(file, _revised(rows, answer))
        changed = _timed(settings)
        _write(file, rows)
        build(settings)  # the index that searches and questions then use
    index = open_index(Path(settings.dir))
    print(
        json.dumps(
            {
                "rows": len(rows) - 1,
                "passages": len(index.passages),
                "first_answer_s": first_answer_s,
                **figures,
                "unchanged_s": unchanged,
                "one_percent_changed_s": changed,
                "passages_per_s": round(len(index.passages) / figures["cold_s"], 1),
                "peak_memory_mib": memory_mib("VmHWM"),
            }
        )
    )
    return 0


if __name__ == "__main__":
    run_command(main)
