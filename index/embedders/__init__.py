"""Text -> vectors, by a sentence-transformers model found in a package, a folder or on the hub.

On a CPU the model runs in OpenVINO, converted once; on CUDA, and where it cannot be converted, in torch.
"""

from pathlib import Path

from core.errors import explained, is_disk_full
from core.files import sha256_file
from core.libraries import cuda_available
from core.progress import log
from core.settings import IndexSettings
from index.embedders.base import Embedder
from index.embedders.weights import ADAPTER_WEIGHTS, EmbedderWeights, adapted_weights, adapter_folder, find_weights


def load_embedder(settings: IndexSettings) -> Embedder:
    """Load the embedder that the settings name: the one of the passages.

    Raises:
        WeightsError: the model is not to be had, or its weights are not the official ones.
    """
    return _load(find_weights(settings.embedder), settings)


def load_question_embedder(settings: IndexSettings, passages: Embedder) -> Embedder:
    """The embedder of questions: that of the passages, with the adapter that the settings name merged into it.

    Raises:
        WeightsError: the adapter is missing, damaged, or was trained over other weights.
    """
    if not settings.adapter:
        return passages
    return _load(adapted_weights(settings), settings)


def adapter_identity(settings: IndexSettings) -> str:
    """Name and hash of the adapter that the settings name; empty for none. Raises as `load_question_embedder` does."""
    if not settings.adapter:
        return ""
    folder = adapter_folder(settings.adapter)
    return f"{folder.name}@{sha256_file(folder / ADAPTER_WEIGHTS)[:12]}"


def _load(weights: EmbedderWeights, settings: IndexSettings) -> Embedder:
    if not cuda_available():
        from index.embedders.openvino import OpenVinoEmbedder

        try:
            return OpenVinoEmbedder.load(weights, Path(settings.cache), settings.batch_size)
        except (ImportError, RuntimeError, ValueError) as error:
            said = explained(error) if is_disk_full(error) else str(error).strip()
            reason = (said or type(error).__name__).splitlines()[-1]
            log.warning(
                f"notice: embedding with torch, which is slower: OpenVINO cannot run {weights.label} ({reason})"
            )
    from index.embedders.torch import TorchEmbedder

    return TorchEmbedder(weights, settings.batch_size)
