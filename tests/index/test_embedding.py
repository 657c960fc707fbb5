from pathlib import Path

import numpy as np
import pytest

from core.errors import WeightsError
from core.settings import Settings
from index import embedding
from index.embedding import load_embedder


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"no model\.safetensors in .*; expected a sentence-transformers model folder"
    ):
        load_embedder(str(tmp_path))


def test_altered_default_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"not the official file")
    monkeypatch.setattr(embedding, "_default_folder", lambda: tmp_path)
    with pytest.raises(
        WeightsError, match=r"has SHA-256 .*…, the official all-MiniLM-L6-v2 has 53aa51172d14…; reinstall"
    ):
        load_embedder()


@pytest.mark.weights
def test_the_packaged_embedder(real_settings: Settings) -> None:
    embedder = load_embedder(real_settings.index.embedder, batch_size=2)
    texts = ["a cold", "an infection of the nose and throat", "train timetable for Monday morning"]
    vectors = embedder.embed(texts)
    assert vectors.shape == (3, embedder.dimension)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert np.allclose(embedder.embed(texts[::-1])[::-1], vectors, atol=1e-5)
    assert [texts[0][start:end] for start, end in embedder.token_spans(texts[0])] == ["a", "cold"]
