"""Measure how an index grows: opening, memory and searching at several sizes, and compressed vectors at one million.

python -m bench.scale recall --index artifacts/medquad      # the index's own vectors, compressed
python -m bench.scale disk --index artifacts/medquad        # bytes a passage
python -m bench.scale vectors --index artifacts/medquad --count 1000000
python -m bench.scale open --index artifacts/medquad --sizes 16000 160000 1600000
python -m bench.scale plot                                  # docs/scale.png from what was measured

The rows are synthetic: 40 words an answer, drawn from 30,000 by Zipf's law. The vectors are those of a real index,
repeated with noise of the length that `evaluation.recall` adds to its queries. What was measured is kept in
bench/scale.json, each result as it comes; the indexes stay below --to.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.chart import OTHERS, OURS
from bench.process import memory_mib, run
from core.charts import chart
from core.command import command_parser
from core.errors import run_command
from core.files import write_atomic
from core.paths import PACKAGES
from core.processor import processor
from evaluation.recall import Recall, compare, pushed
from index.corpus import Corpus, Record, record_id
from index.keeping import Keeping, publish
from index.opening import open_index
from index.passages import Passage
from index.ranking import DEFAULT
from index.reader import Index
from index.store import Recipe, add_vectors, write_words
from index.vectors import CODES

WORDS = 30_000
"""Different words of the synthetic rows; a real file of 16 k answers has as many."""
QUERIES, SEARCHES = 300, 50
"""Searches of vectors alone, and of an index."""
PROBING = (96, 192, 384)
"""Lists that a search of compressed vectors visits, in turn."""
PARTS = {"records.arrow": "records", "vectors.faiss": "vectors", "questions.faiss": "question vectors"}
"""What files of a build hold; the others are small."""
RESULTS = PACKAGES / "bench/scale.json"


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
    began, began_cpu = time.perf_counter(), time.process_time()
    index = open_index(folder)
    open_s, open_cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    after = memory_mib()
    vector = index.vectors.reconstruct_batch(np.array([0]))[0]
    dense, lexical = [], []
    for row in np.linspace(0, len(index.questions) - 1, SEARCHES, dtype=int):
        words = index.questions[int(row)][1].split()[2:5]
        began = time.thread_time()
        index.vectors.nearest(vector, 100)
        between = time.thread_time()
        index.lexical.best(words, 100)
        dense.append(1000 * (between - began))
        lexical.append(1000 * (time.thread_time() - between))
    return {
        "passages": len(index.passages),
        "mib": sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) >> 20,
        "open_s": round(open_s, 3),
        "open_cpu_s": round(open_cpu_s, 3),
        "open_mib": after - before,
        "dense_cpu_ms": round(float(np.median(dense)), 2),
        "lexical_cpu_ms": round(float(np.median(lexical)), 2),
        "searched_mib": memory_mib() - before,
    }


def plot(results: dict[str, Any], target: Path) -> None:
    """Draw how opening grows with the file, and what the compressed vectors find in which time."""
    rows = sorted(results["open"].values(), key=lambda row: row["passages"])
    passages = [row["passages"] for row in rows]
    with chart(target, 3, (12, 3.6), dpi=110) as (figure, (seconds, memory, codes)):
        for axis, name, title in ((seconds, "open_cpu_s", "Seconds to open"), (memory, "open_mib", "MiB once open")):
            values = [row[name] for row in rows]
            axis.loglog(passages, values, "o-", color=OURS, label="measured")
            axis.loglog(passages, [values[0] * each / passages[0] for each in passages], ":", color=OTHERS)
            axis.set(title=title, xlabel="passages (dotted: as the file grows)")
        memory.loglog(passages, [row["mib"] for row in rows], "s-", color=OTHERS, label="on disk")
        memory.legend(fontsize=8)
        for storage, style in (("rabitq4", "o-"), ("sq8", "s--")):
            found = [row for row in results["vectors"].values() if row["storage"] == storage]
            codes.plot(
                [row["cpu_p50_ms"] for row in found], [row["recall_at_10"] for row in found], style, label=storage
            )
        count = next(iter(results["vectors"].values()))["vectors"]
        codes.set(title=f"{count:,} synthetic vectors", xlabel="milliseconds of a search", ylabel="recall@10")
        codes.legend(fontsize=8)
        figure.suptitle(f"{results['machine']}, processor time", fontsize=9)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("bench.scale", __doc__)
    parser.add_argument(
        "part", choices=("recall", "vectors", "disk", "open", "plot", "one"), help="what to measure, or to draw"
    )
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[16_000, 160_000, 1_600_000], metavar="N", help="passages of each index"
    )
    parser.add_argument("--count", type=int, default=1_000_000, metavar="N", help="vectors (default: 1,000,000)")
    parser.add_argument("--storage", nargs="+", choices=CODES, default=CODES, help=f"of {', '.join(CODES)}")
    parser.add_argument("--probed", type=int, nargs="+", default=PROBING, metavar="N", help="lists that searches visit")
    parser.add_argument("--index", type=Path, metavar="DIR", help="an index whose vectors are repeated")
    parser.add_argument("--to", type=Path, default=Path("artifacts/scale"), metavar="DIR", help="where to build")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="F", help="where results are kept")
    arguments = parser.parse_args(argv)
    if arguments.part == "one":  # in a process of its own, for its memory
        print(json.dumps(opened(arguments.index)))
        return 0
    results = json.loads(arguments.results.read_text()) if arguments.results.is_file() else {}
    if arguments.part == "plot":
        plot(results, PACKAGES / "docs/scale.png")
        return 0
    results["machine"] = processor().label
    results.setdefault("measured", {})[arguments.part] = datetime.now(UTC).isoformat(timespec="minutes")
    arguments.to.mkdir(parents=True, exist_ok=True)

    def keep(key: str, value: dict[str, Any]) -> None:
        results.setdefault(arguments.part, {})[key] = value
        write_atomic(arguments.results, json.dumps(results, indent=1) + "\n")
        print(json.dumps(value), file=sys.stderr, flush=True)

    real = open_index(arguments.index)
    measure = {"recall": measure_recall, "vectors": measure_vectors, "disk": measure_disk, "open": measure_open}
    measure[arguments.part](arguments, real, keep)
    return 0


Keep = Callable[[str, dict[str, Any]], None]
"""Keeps a result under its key."""


def measure_recall(arguments: argparse.Namespace, real: Index, keep: Keep) -> None:
    """Compress the index's own vectors and search them for its questions."""
    asked = real.question_vectors.reconstruct_batch(
        np.linspace(0, real.question_vectors.ntotal - 1, QUERIES, dtype=int)
    )
    _compare(arguments, real.all_vectors().astype(np.float16), pushed(asked), keep)


def measure_vectors(arguments: argparse.Namespace, real: Index, keep: Keep) -> None:
    """Compress many vectors that are made from those of the index."""
    own = real.all_vectors()
    queries = pushed(own[np.linspace(0, len(own) - 1, QUERIES, dtype=int)], seed=10_000)
    _compare(arguments, made_vectors(own, arguments.count), queries, keep)


def _compare(arguments: argparse.Namespace, vectors: np.ndarray, queries: np.ndarray, keep: Keep) -> None:
    def done(row: Recall) -> None:
        key = f"{row.storage} {row.probed}" if row.probed else row.storage
        keep(key, {**dataclasses.asdict(row), "peak_mib": memory_mib("VmHWM")})

    with tempfile.TemporaryDirectory(dir=arguments.to) as folder:
        compare(vectors, queries, arguments.storage, Path(folder), arguments.probed, done)


def measure_disk(arguments: argparse.Namespace, real: Index, keep: Keep) -> None:
    """Count the bytes a passage that each part of the index takes on disk."""
    sizes: Counter[str] = Counter()
    for name, entry in real.manifest.files.items():
        sizes[PARTS.get(name, Path(name).parts[0] if "/" in name else "rest")] += entry["bytes"]
    for part, size in [*sizes.items(), ("all", sizes.total())]:
        keep(part, {"bytes_per_passage": round(size / len(real.passages), 1)})


def measure_open(arguments: argparse.Namespace, real: Index, keep: Keep) -> None:
    """Build an index of each size, where it is not there from before, and open it in a process of its own."""
    for size in arguments.sizes:
        folder = arguments.to / f"index-{size}"
        if not (folder / "current").exists():
            began = time.process_time()
            build_synthetic(folder, real.all_vectors(), size)
            print(f"{size:,} built in {time.process_time() - began:.0f} s of the processor", file=sys.stderr)
        keep(str(size), run("scale", "one", "--index", str(folder)))


if __name__ == "__main__":
    run_command(main)
