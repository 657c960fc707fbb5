"""Measure how an index grows: opening, memory and searching at several sizes, and compressed vectors at one million.

python -m bench.scale open --sizes 16000 160000 1600000 --index artifacts/medquad --to artifacts/scale
python -m bench.scale vectors --count 1000000 --index artifacts/medquad --to artifacts/scale
python -m bench.scale plot --to artifacts/scale        # writes docs/images/scale.png from what was measured

The rows are synthetic: 40 words an answer, drawn from 30,000 by Zipf's law. The vectors are
those of a real index, repeated with noise of the length that `evaluation.recall` adds to its queries.
"""

import argparse
import dataclasses
import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np

from bench.process import memory_mib, run
from core.charts import chart
from core.command import command_parser
from core.errors import run_command
from core.files import write_atomic
from core.paths import PACKAGES
from core.processor import processor
from evaluation.recall import compare, pushed
from index.corpus import Corpus, Record, record_id
from index.keeping import Keeping, publish
from index.opening import open_index
from index.passages import Passage
from index.ranking import DEFAULT
from index.store import Recipe, add_vectors, write_words

WORDS = 30_000
"""Different words of the synthetic rows; a real file of 16 k answers has as many."""
QUERIES = 300


def made_vectors(real: np.ndarray, count: int) -> np.ndarray:
    """So many unit vectors of 16 bits near real ones, each repeat with noise of its own."""
    made = np.empty((count, real.shape[1]), dtype=np.float16)
    for at, begin in enumerate(range(0, count, len(real))):
        made[begin : begin + len(real)] = pushed(real, seed=at)[: count - begin]
    return made


def made_records(count: int) -> list[Record]:
    """Records of one passage each."""
    random = np.random.default_rng(0)
    words = np.array([_word(number) for number in range(WORDS)])
    share = 1 / np.arange(1, WORDS + 1)
    drawn = random.choice(WORDS, size=(count, 40), p=share / share.sum())
    records = []
    for number, row in enumerate(drawn):
        answer = f"Number {number}: {' '.join(words[row])}."
        records.append(Record(record_id(answer), (f"What is {words[row[0]]} of {words[row[1]]} {number}?",), answer))
    return records


def _word(number: int) -> str:
    """A word of letters for each number."""
    letters = "aeioubcdfghjklmnprstvz"
    word = ""
    while number or len(word) < 4:
        number, at = divmod(number, len(letters))
        word += letters[at]
    return word


def build_synthetic(folder: Path, real: np.ndarray, count: int) -> None:
    """Write and publish an index of so many passages below `folder`."""
    records = made_records(count)
    passages = [Passage(f"{each.id}-0", each.id, 0, len(each.answer), each.answer) for each in records]
    recipe = Recipe("synthetic", real.shape[1], "", DEFAULT.read_bytes(), {"vectors": "auto", "passage_tokens": 200})
    corpus = Corpus("synthetic", "", "synthetic", count, tuple(records), ())
    words = write_words(folder, corpus, folder, passages, recipe)
    vectors = made_vectors(real, count)
    publish(folder, add_vectors(words, vectors, vectors), Keeping())


def opened(folder: Path) -> dict[str, float]:
    """Seconds and memory of opening in this process, and of searching once it is open."""
    before = memory_mib()
    began = time.perf_counter()
    index = open_index(folder)
    open_s = time.perf_counter() - began
    after = memory_mib()
    vector = index.vectors.reconstruct_batch(np.array([0]))[0]
    times = []
    for row in np.linspace(0, len(index.questions) - 1, 50, dtype=int):
        began = time.perf_counter()
        index.vectors.nearest(vector, 100)
        index.lexical.best(index.questions[int(row)][1].split()[2:5], 100)
        times.append(1000 * (time.perf_counter() - began))
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return {
        "passages": len(index.passages),
        "bytes": size,
        "open_s": round(open_s, 3),
        "open_mib": after - before,
        "search_p50_ms": round(float(np.percentile(times, 50)), 1),
        "search_p99_ms": round(float(np.percentile(times, 99)), 1),
    }


def plot(results: dict[str, object], target: Path) -> None:
    """Draw size, opening time and memory of each size that was measured, before and now."""
    with chart(target, 2, (9, 3.4), dpi=130) as (figure, axes):
        for axis, name, title in zip(
            axes, ("open_s", "open_mib"), ("seconds to open", "MiB after opening"), strict=True
        ):
            for key, label in (("before", "schema 3"), ("open", "schema 4")):
                rows = [row for row in results.get(key, []) if row[name] > 0]  # type: ignore[attr-defined]
                axis.loglog([row["passages"] for row in rows], [row[name] for row in rows], "o-", label=label)
            axis.set_title(title, fontsize=10)
            axis.set_xlabel("passages")
            axis.legend(fontsize=8)
        figure.suptitle(str(results.get("machine", "")), fontsize=9)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("bench.scale", __doc__)
    parser.add_argument("part", choices=("open", "vectors", "plot", "one"), help="what to measure, or to draw")
    parser.add_argument("--sizes", type=int, nargs="+", default=[16_000, 160_000, 1_600_000], metavar="N")
    parser.add_argument("--count", type=int, default=1_000_000, metavar="N", help="vectors (default: 1,000,000)")
    parser.add_argument("--index", type=Path, metavar="DIR", help="an index whose vectors are repeated")
    parser.add_argument("--to", type=Path, default=Path("artifacts/scale"), metavar="DIR", help="where to write")
    arguments = parser.parse_args(argv)
    if arguments.part == "one":  # in a process of its own, for its memory
        print(json.dumps(opened(arguments.index)))
        return 0
    file = arguments.to / "scale.json"
    results = json.loads(file.read_text()) if file.is_file() else {}
    results["machine"] = processor().label
    if arguments.part == "plot":
        plot(results, PACKAGES / "docs/images/scale.png")
        return 0
    measure(arguments, results)
    write_atomic(file, json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))
    return 0


def measure(arguments: argparse.Namespace, results: dict[str, object]) -> None:
    """Measure a part and put it into the results."""
    index = open_index(arguments.index)
    real = index.all_vectors()
    if arguments.part == "vectors":
        folder = arguments.to / "vectors"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        vectors = made_vectors(real, arguments.count)
        queries = pushed(real[np.linspace(0, len(real) - 1, QUERIES, dtype=int)], seed=10_000)
        measured = compare(vectors, queries, ("rabitq4", "sq8"), folder)
        results["vectors"] = [dataclasses.asdict(each) for each in measured]
        results["vectors_peak_mib"] = memory_mib("VmHWM")
        shutil.rmtree(folder)
        return
    rows = []
    for size in arguments.sizes:
        folder = arguments.to / f"index-{size}"
        if not (folder / "current").exists():
            began = time.perf_counter()
            build_synthetic(folder, real, size)
            print(f"{size:,} built in {time.perf_counter() - began:.0f} s", file=sys.stderr)
        rows.append(run("scale", "one", "--index", str(folder)))
    results["open"] = rows


if __name__ == "__main__":
    run_command(main)
