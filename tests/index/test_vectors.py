from pathlib import Path

import numpy as np
import pytest

from index.vectors import CODES, EXACT, EXACT_BELOW, ExactVectors, load_vectors, save_vectors, storage_of


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    random = np.random.default_rng(0)
    centres = random.standard_normal((100, 64))
    made = centres[random.integers(0, 100, 4000)] + 0.6 * random.standard_normal((4000, 64))
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


@pytest.mark.parametrize("storage", CODES)
def test_compressed_vectors_find_what_exact_ones_find_with_the_same_scores(
    tmp_path: Path, vectors: np.ndarray, storage: str
) -> None:
    for name in (EXACT, storage):
        (tmp_path / name).mkdir()
        save_vectors(tmp_path / name, "vectors", vectors, name)
    exact, compressed = (load_vectors(tmp_path / name, "vectors") for name in (EXACT, storage))
    shares = []
    for query in vectors[::40]:
        true, found = dict(exact.nearest(query, 10)), dict(compressed.nearest(query, 10))
        shares.append(len(true.keys() & found.keys()) / 10)
        assert all(found[row] == pytest.approx(true[row], abs=1e-4) for row in true.keys() & found.keys())
    assert np.mean(shares) >= 0.97
    among = np.arange(0, 4000, 7)
    assert compressed.nearest(vectors[3], 5, among)[0] == pytest.approx(
        exact.nearest(vectors[3], 5, among)[0], abs=1e-4
    )
    assert np.allclose(compressed.reconstruct_batch(among), exact.reconstruct_batch(among), atol=1e-3)
    assert (tmp_path / storage / "vectors.faiss").stat().st_size < (tmp_path / EXACT / "vectors.faiss").stat().st_size


def test_of_equal_vectors_the_lowest_rows_are_found(tmp_path: Path) -> None:
    one = np.zeros((500, 64), dtype=np.float32)
    one[:, 0] = 1
    save_vectors(tmp_path, "vectors", one, EXACT)
    exact = load_vectors(tmp_path, "vectors")
    assert isinstance(exact, ExactVectors)
    assert [row for row, _ in exact.nearest(one[0], 7)] == list(range(7))
    assert [row for row, _ in exact.nearest(one[0], 3, np.array([9, 4, 300, 2]))] == [2, 4, 9]
    assert exact.nearest(one[0], 3, np.array([], dtype=np.int64)) == ()


def test_vectors_are_stored_exactly_up_to_two_million() -> None:
    assert [storage_of("auto", count) for count in (1, EXACT_BELOW, EXACT_BELOW + 1)] == ["exact", "exact", "rabitq4"]
    assert storage_of("sq8", 1) == "sq8"
