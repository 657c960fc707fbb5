"""Vectors under FAISS: exact ones of 16 bits, or compressed codes whose best are scored again exactly. Both are mapped
into memory, so that opening reads nothing and a search reads what it visits."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import faiss
import numpy as np

EXACT, CODES = "exact", ("rabitq4", "sq8")
"""The kinds of storage: every vector in 16 bits, or codes of 4 bits (RaBitQ) or 8 bits (SQ8) a dimension."""
EXACT_BELOW = 2_000_000
"""Vectors up to which the setting `auto` stores them exactly: a scan of them all takes a second."""
_FACTORY = {"rabitq4": "RaBitQ4", "sq8": "SQ8"}
PROBED = 192
"""Lists that a compressed search visits; all, where there are fewer."""
RESCORED = 200
"""Best by their codes that are scored again by their 16 bits, or as many as four times those asked for."""
_TRAINED_ON = 64
"""Vectors for each list that k-means sees: FAISS advises 39 to 256."""
_AT_ONCE = 1 << 16
"""Vectors that are added at once: 100 MB of 32 bits."""
_FLAT_LISTS = 1 << 14
"""Lists from which they are found by a graph (HNSW) and not by comparing all."""


class Vectors(Protocol):
    """Vectors that can be searched, known by their row."""

    @property
    def ntotal(self) -> int: ...

    @property
    def d(self) -> int: ...

    def nearest(self, query: np.ndarray, k: int, rows: np.ndarray | None = None) -> tuple[tuple[int, float], ...]:
        """Row and inner product of the k nearest of one query of shape (d,), best first, the lower row first of equals.

        Args:
            rows: those to search among; all if None.
        """

    def reconstruct_batch(self, rows: np.ndarray) -> np.ndarray:
        """The vectors of these rows, shape (len(rows), d), float32."""


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let FAISS search with one thread, and leave the calling thread's number as it was.

    Between searches FAISS's OpenMP threads spin for their next work, on the cores that embedding and generation need:
    with two threads, searching took twice as long as with one. The number belongs to the thread that sets it, and torch
    reads the same one: set at import, it would hold for neither the page's threads nor for FAISS alone.
    """
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


class ExactVectors:
    """Every vector in full; what `nearest` finds is what there is, ties included."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index
        self.ntotal, self.d = int(index.ntotal), int(index.d)

    def nearest(self, query: np.ndarray, k: int, rows: np.ndarray | None = None) -> tuple[tuple[int, float], ...]:
        count = self.ntotal if rows is None else len(rows)
        if not min(k, count):
            return ()
        parameters = None if rows is None else faiss.SearchParameters(sel=faiss.IDSelectorBatch(rows))  # type: ignore[call-arg]
        asked, wanted = query[None, :].astype(np.float32), min(k + 1, count)
        with one_thread():
            while True:
                (scores,), (found,) = self._index.search(asked, wanted, params=parameters)
                # FAISS keeps any of those that are equal at the end; all of them are looked at, to keep the lowest rows
                if wanted <= k or scores[-1] < scores[k - 1] or wanted == count:
                    break
                wanted = min(4 * wanted, count)
        return best_first(found, scores, k)

    def reconstruct_batch(self, rows: np.ndarray) -> np.ndarray:
        return self._index.reconstruct_batch(np.asarray(rows, dtype=np.int64))


class CompressedVectors:
    """Codes in inverted lists (IVF), of which a search visits `PROBED`; the best are scored again by `full`.

    RaBitQ: Gao and Long 2024, with 4 bits a dimension Gao et al. 2025 (faiss.IndexIVFRaBitQ).
    """

    def __init__(self, index: faiss.Index, full: np.ndarray, probed: int = PROBED, rescored: int = RESCORED) -> None:
        self._index, self._full = index, full
        self._probed, self._rescored = probed, rescored
        self.ntotal, self.d = int(index.ntotal), int(index.d)

    def nearest(self, query: np.ndarray, k: int, rows: np.ndarray | None = None) -> tuple[tuple[int, float], ...]:
        asked = query.astype(np.float32)
        if rows is not None and len(rows) <= _AT_ONCE:
            return best_first(rows, self.reconstruct_batch(rows) @ asked, k)
        selected = {} if rows is None else {"sel": faiss.IDSelectorBatch(rows)}
        parameters = faiss.SearchParametersIVF(nprobe=self._probed, **selected)  # type: ignore[call-arg]
        with one_thread():
            wanted = min(max(self._rescored, 4 * k), self.ntotal)
            found = self._index.search(asked[None, :], wanted, params=parameters)[1][0]
        found = np.sort(found[found >= 0])
        return best_first(found, self.reconstruct_batch(found) @ asked, k)

    def reconstruct_batch(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self._full[np.asarray(rows, dtype=np.int64)], dtype=np.float32)


def best_first(rows: np.ndarray, scores: np.ndarray, k: int) -> tuple[tuple[int, float], ...]:
    """The k best rows with their scores, best first, the lower row first of equals; rows below 0 are none."""
    ordered = [at for at in np.lexsort((rows, -scores)) if rows[at] >= 0][:k]
    return tuple((int(rows[at]), float(scores[at])) for at in ordered)


def no_vectors(dimension: int) -> Vectors:
    """An empty index: that of a build whose vectors are not made yet."""
    return ExactVectors(faiss.IndexFlatIP(dimension))


def storage_of(setting: str, count: int) -> str:
    """The storage of so many vectors that the setting `index.vectors` asks for; none need no codes."""
    if setting != "auto" and count:
        return setting
    return EXACT if count <= EXACT_BELOW else CODES[0]


def save_vectors(folder: Path, name: str, vectors: np.ndarray, storage: str) -> None:
    """Write vectors as `name`.faiss and, where they are compressed, in full as `name`.npy.

    Exact ones are an index of inner products over 16-bit floats. Of unit vectors they change a cosine by less than
    0.001; they take half the memory of 32 bits and, as reading memory is what a search waits for, a quarter of the time
    (faiss.IndexScalarQuantizer, QT_fp16).

    Args:
        vectors: shape (vectors, dimension), of 32 or 16 bits; may be mapped into memory.
        storage: `EXACT`, or one of `CODES`.
    """
    dimension = vectors.shape[1]
    if storage == EXACT:
        index: faiss.Index = faiss.IndexScalarQuantizer(
            dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        index.is_trained = True
    else:
        index = _trained(vectors, storage)
        full = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float16, vectors.shape)
        for begin in range(0, len(vectors), _AT_ONCE):
            full[begin : begin + _AT_ONCE] = vectors[begin : begin + _AT_ONCE]
        full.flush()
    for begin in range(0, len(vectors), _AT_ONCE):
        index.add(np.ascontiguousarray(vectors[begin : begin + _AT_ONCE], dtype=np.float32))
    faiss.write_index(index, str(folder / f"{name}.faiss"))


def list_count(vectors: int) -> int:
    """Inverted lists for so many vectors: four times their square root, rounded to a power of two, by FAISS's guide."""
    return int(2 ** max(0, round(np.log2(4 * np.sqrt(max(vectors, 1))))))


def _trained(vectors: np.ndarray, storage: str) -> faiss.Index:
    lists = min(list_count(len(vectors)), max(1, len(vectors) // 39))
    quantizer = "" if lists < _FLAT_LISTS else "_HNSW32"
    index = faiss.index_factory(
        vectors.shape[1], f"IVF{lists}{quantizer},{_FACTORY[storage]}", faiss.METRIC_INNER_PRODUCT
    )
    count = min(len(vectors), max(_TRAINED_ON * lists, 1000))
    sample = np.linspace(0, len(vectors) - 1, count, dtype=np.int64)
    index.train(np.ascontiguousarray(vectors[sample], dtype=np.float32))
    return index


def load_vectors(folder: Path, name: str, probed: int = PROBED) -> Vectors:
    """Map what `save_vectors` wrote into memory. To be called on files whose hash was checked: FAISS trusts what it
    parses.

    Args:
        probed: lists that a search visits, where the vectors are compressed.
    """
    full = folder / f"{name}.npy"
    if not full.exists():
        return ExactVectors(faiss.read_index(str(folder / f"{name}.faiss"), faiss.IO_FLAG_MMAP_IFC))
    index = faiss.read_index(str(folder / f"{name}.faiss"), faiss.IO_FLAG_MMAP)
    return CompressedVectors(index, np.load(full, mmap_mode="r"), probed)
