"""Compare the compressed vectors of an index with an exact search of the same vectors.

citewell evaluate recall --index artifacts/index
citewell evaluate recall --index artifacts/index --storage rabitq4 sq8 --questions 500 --to recall.json

For each storage: recall@10 (the share of the ten nearest passages of an exact search that it finds among its ten),
bytes a vector in memory, and milliseconds of a search (median and 99th percentile). The queries are the file's own
questions, each pushed off its place by noise, as no question is asked in the file's words.
"""

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from core.command import command_parser
from core.errors import IndexFolderError, run_command
from core.files import write_atomic
from core.processor import processor
from core.settings import load
from index.opening import open_index
from index.vectors import CODES, EXACT, Vectors, load_vectors, save_vectors

K = 10
NOISE = 0.5
"""Length of the noise that is added to a unit vector: a paraphrase has a cosine of 0.85 to 0.95 to its question."""


@dataclass(frozen=True)
class Recall:
    """How a storage does beside an exact search."""

    storage: str
    vectors: int
    recall_at_10: float
    bytes_per_vector: float
    """Of what a search visits in memory; the full vectors of a compressed storage lie on disk beside it."""
    bytes_on_disk: float
    build_s: float
    p50_ms: float
    p99_ms: float


def compare(vectors: np.ndarray, queries: np.ndarray, storages: Sequence[str], folder: Path) -> list[Recall]:
    """Store vectors in each way below `folder` and search them for the queries; exact is always the first.

    Args:
        vectors: shape (vectors, dimension); may be mapped into memory.
        queries: shape (queries, dimension), L2-normalised float32.
    """
    truth: list[set[int]] = []
    measured = []
    for storage in (EXACT, *(each for each in storages if each != EXACT)):
        began = time.perf_counter()
        target = folder / storage
        target.mkdir()
        save_vectors(target, "vectors", vectors, storage)
        build_s = time.perf_counter() - began
        opened = load_vectors(target, "vectors")
        found, times = searched(opened, queries)
        truth = truth or found
        recall = float(np.mean([len(mine & true) / len(true) for mine, true in zip(found, truth, strict=True)]))
        sizes = {file.name: file.stat().st_size for file in target.iterdir()}
        measured.append(
            Recall(
                storage,
                len(vectors),
                round(recall, 4),
                round(sizes["vectors.faiss"] / len(vectors), 1),
                round(sum(sizes.values()) / len(vectors), 1),
                round(build_s, 1),
                round(float(np.percentile(times, 50)), 2),
                round(float(np.percentile(times, 99)), 2),
            )
        )
    return measured


def searched(vectors: Vectors, queries: np.ndarray) -> tuple[list[set[int]], list[float]]:
    """The rows of the ten nearest of each query, and the milliseconds of each search, after one to warm up."""
    vectors.nearest(queries[0], K)
    found, times = [], []
    for query in queries:
        began = time.perf_counter()
        found.append({row for row, _ in vectors.nearest(query, K)})
        times.append(1000 * (time.perf_counter() - began))
    return found, times


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
    parser.add_argument("--to", type=Path, metavar="F", help="write the figures to F, as JSON")
    arguments = parser.parse_args(argv)
    index = open_index(Path(load({"index.dir": arguments.index}).index.dir))
    if not index.embedded:
        raise IndexFolderError(f"{index.folder} has no vectors yet; embed them: citewell build --index {index.folder}")
    asked = index.question_vectors
    rows = np.linspace(0, asked.ntotal - 1, min(arguments.questions, asked.ntotal), dtype=int)
    with tempfile.TemporaryDirectory() as folder:
        queries = pushed(asked.reconstruct_batch(rows))
        measured = compare(index.all_vectors().astype(np.float16), queries, arguments.storage, Path(folder))
    print(f"{processor().label}; {measured[0].vectors:,} vectors, {len(rows)} questions")
    print(f"{'storage':<10} {'recall@10':>9} {'bytes':>7} {'on disk':>8} {'build s':>8} {'p50 ms':>8} {'p99 ms':>8}")
    for each in measured:
        print(
            f"{each.storage:<10} {each.recall_at_10:>9.4f} {each.bytes_per_vector:>7.1f} {each.bytes_on_disk:>8.1f} "
            f"{each.build_s:>8.1f} {each.p50_ms:>8.2f} {each.p99_ms:>8.2f}"
        )
    if arguments.to:
        write_atomic(arguments.to, json.dumps([asdict(each) for each in measured], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    run_command(main)
