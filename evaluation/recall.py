"""Compare the compressed vectors of an index with an exact search of the same vectors.

citewell evaluate recall --index artifacts/index
citewell evaluate recall --index artifacts/index --storage rabitq4 sq8 --questions 500 --to recall.json
citewell evaluate recall --index artifacts/index --probed 48 96 192 384     # fewer lists are faster and find less

For each storage: recall@10 (the share of the ten nearest passages of an exact search that it finds among its ten),
bytes a vector in memory, and milliseconds of a search (median and 99th percentile, and of the processor's time, which
other work on the machine does not change). The queries are the file's own questions, each pushed off its place by
noise, as no question is asked in the file's words.
"""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from core.command import command_parser
from core.errors import IndexFolderError, run_command
from core.files import write_atomic
from core.processor import processor
from core.settings import load
from index.opening import open_index
from index.vectors import CODES, EXACT, PROBED, Vectors, load_vectors, save_vectors

K = 10
_WARM = 20
"""Searches before those that are measured: they bring the file from the disk."""
NOISE = 0.5
"""Length of the noise that is added to a unit vector: a paraphrase has a cosine of 0.85 to 0.95 to its question."""


@dataclass(frozen=True)
class Recall:
    """How a storage does beside an exact search."""

    storage: str
    probed: int
    """Lists that a search visits; 0 for an exact one, which has none."""
    vectors: int
    recall_at_10: float
    bytes_per_vector: float
    """Of what a search visits in memory; the full vectors of a compressed storage lie on disk beside it."""
    bytes_on_disk: float
    build_s: float
    build_cpu_s: float
    p50_ms: float
    p99_ms: float
    cpu_p50_ms: float
    cpu_p99_ms: float


def compare(
    vectors: np.ndarray,
    queries: np.ndarray,
    storages: Sequence[str],
    folder: Path,
    probed: Sequence[int] = (PROBED,),
    done: Callable[[Recall], object] = lambda _: None,
) -> list[Recall]:
    """Store vectors in each way below `folder` and search them for the queries; exact is always the first.

    Args:
        vectors: shape (vectors, dimension); may be mapped into memory.
        queries: shape (queries, dimension), L2-normalised float32.
        probed: lists to visit; each is measured.
        done: called with each result as it comes.
    """
    truth: list[set[int]] = []
    measured = []
    for storage in (EXACT, *(each for each in storages if each != EXACT)):
        began, began_cpu = time.perf_counter(), time.process_time()
        target = folder / storage
        target.mkdir()
        save_vectors(target, "vectors", vectors, storage)
        build_s, build_cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
        sizes = {file.name: file.stat().st_size for file in target.iterdir()}
        for lists in (0,) if storage == EXACT else probed:
            found, milliseconds = searched(load_vectors(target, "vectors", lists), queries)
            truth = truth or found
            recall = np.mean([len(mine & true) / len(true) for mine, true in zip(found, truth, strict=True)])
            (p50_ms, cpu_p50_ms), (p99_ms, cpu_p99_ms) = np.percentile(milliseconds, (50, 99), axis=0).round(2).tolist()
            measured.append(
                Recall(
                    storage,
                    lists,
                    len(vectors),
                    round(float(recall), 4),
                    round(sizes["vectors.faiss"] / len(vectors), 1),
                    round(sum(sizes.values()) / len(vectors), 1),
                    round(build_s, 1),
                    round(build_cpu_s, 1),
                    p50_ms,
                    p99_ms,
                    cpu_p50_ms,
                    cpu_p99_ms,
                )
            )
            done(measured[-1])
    return measured


def searched(vectors: Vectors, queries: np.ndarray) -> tuple[list[set[int]], np.ndarray]:
    """The rows of the ten nearest of each query, and the milliseconds of each search, after some to warm up.

    The milliseconds have the shape (queries, 2): by the clock, and of the processor.
    """
    for query in queries[:_WARM]:
        vectors.nearest(query, K)
    found, milliseconds = [], []
    for query in queries:
        began, began_cpu = time.perf_counter(), time.thread_time()
        found.append({row for row, _ in vectors.nearest(query, K)})
        milliseconds.append((1000 * (time.perf_counter() - began), 1000 * (time.thread_time() - began_cpu)))
    return found, np.array(milliseconds)


def pushed(vectors: np.ndarray, noise: float = NOISE, seed: int = 0) -> np.ndarray:
    """Unit vectors near the given ones: noise of this length added to each."""
    random = np.random.default_rng(seed)
    added = random.standard_normal(vectors.shape).astype(np.float32)
    added *= noise / np.linalg.norm(added, axis=1, keepdims=True)
    moved = vectors + added
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), dtype=np.float32)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("evaluation.recall", __doc__)
    parser.add_argument("--index", metavar="DIR", help="the index folder (default: artifacts/index)")
    parser.add_argument(
        "--storage", nargs="+", choices=CODES, default=CODES, metavar="S", help=f"of {', '.join(CODES)}"
    )
    parser.add_argument(
        "--questions", type=int, default=300, metavar="N", help="questions to search for (default: 300)"
    )
    parser.add_argument(
        "--probed", type=int, nargs="+", default=[PROBED], metavar="N", help=f"lists to visit (default: {PROBED})"
    )
    parser.add_argument("--to", type=Path, metavar="F", help="write the figures to F, as JSON")
    arguments = parser.parse_args(argv)
    index = open_index(Path(load({"index.dir": arguments.index}).index.dir))
    if not index.embedded:
        raise IndexFolderError(f"{index.folder} has no vectors yet; embed them: citewell build --index {index.folder}")
    asked = index.question_vectors
    rows = np.linspace(0, asked.ntotal - 1, min(arguments.questions, asked.ntotal), dtype=int)
    with tempfile.TemporaryDirectory() as folder:
        queries = pushed(asked.reconstruct_batch(rows))
        vectors = index.all_vectors().astype(np.float16)
        print(f"{processor().label}; {len(vectors):,} vectors, {len(rows)} questions")
        print("storage  lists recall@10   bytes on disk build s   p50 ms   p99 ms, of the processor")
        measured = compare(vectors, queries, arguments.storage, Path(folder), arguments.probed, _show)
    if arguments.to:
        write_atomic(arguments.to, json.dumps([asdict(each) for each in measured], indent=1) + "\n")
    return 0


def _show(row: Recall) -> None:
    print(
        f"{row.storage:<8} {row.probed or 'all':>5} {row.recall_at_10:>9.4f} {row.bytes_per_vector:>7.1f} "
        f"{row.bytes_on_disk:>7.1f} {row.build_s:>7.1f} {row.p50_ms:>8.2f} {row.p99_ms:>8.2f} "
        f"{row.cpu_p50_ms:>6.2f} {row.cpu_p99_ms:>6.2f}",
        flush=True,
    )


if __name__ == "__main__":
    run_command(main)
