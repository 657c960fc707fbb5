import json
from pathlib import Path

import numpy as np
import pytest

from core.settings import IndexSettings
from evaluation.recall import compare, main, pushed
from tests.fakes import WordEmbedder


def test_recall_is_that_of_the_ten_nearest_and_exact_is_one(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((2000, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    exact, codes = compare(vectors, pushed(vectors[:50]), ["sq8"], tmp_path)
    assert (exact.storage, exact.recall_at_10, codes.storage) == ("exact", 1.0, "sq8")
    assert codes.recall_at_10 >= 0.95
    assert 2 * 32 <= exact.bytes_per_vector < 2 * 32 + 1
    assert codes.bytes_on_disk > codes.bytes_per_vector + 2 * 32


def test_a_pushed_vector_is_of_length_one_and_near() -> None:
    vectors = np.eye(64, dtype=np.float32)
    moved = pushed(vectors)
    assert np.linalg.norm(moved, axis=1) == pytest.approx(np.ones(64), abs=1e-5)
    assert np.mean((moved * vectors).sum(axis=1)) == pytest.approx(1 / np.sqrt(1 + 0.5**2), abs=0.02)


def test_the_command_prints_and_writes_the_figures(
    small_index: IndexSettings, word_embedder: WordEmbedder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--index", small_index.dir, "--storage", "sq8", "--to", str(tmp_path / "recall.json")]) == 0
    assert "recall@10" in capsys.readouterr().out
    figures = json.loads((tmp_path / "recall.json").read_text())
    assert [row["storage"] for row in figures] == ["exact", "sq8"]
    assert figures[0]["recall_at_10"] == 1
