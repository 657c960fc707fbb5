"""Vectors as a FAISS index, in memory and as bytes."""

import contextlib
from collections.abc import Iterator

import faiss
import numpy as np


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


def no_vectors(dimension: int) -> faiss.Index:
    """An empty index: that of a build whose vectors are not made yet."""
    return faiss.IndexFlatIP(dimension)


def pack_vectors(vectors: np.ndarray) -> bytes:
    """An exact index of inner products over 16-bit floats, serialised.

    Of unit vectors they change a cosine by less than 0.001; they take half the memory of 32 bits and, as reading memory
    is what a search waits for, a quarter of the time (faiss.IndexScalarQuantizer, QT_fp16).

    Args:
        vectors: shape (passages, dimension), float32.
    """
    index = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    return bytes(faiss.serialize_index(index).tobytes())


def unpack_vectors(content: bytes) -> faiss.Index:
    """The index of `pack_vectors`. To be called on bytes whose hash was checked: FAISS trusts what it parses."""
    return faiss.deserialize_index(np.frombuffer(content, dtype=np.uint8))
