"""The embedder that runs in torch, with sentence-transformers: on CUDA, and wherever OpenVINO cannot run a model."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from core.libraries import quieten
from core.text.sentences import Span
from index.embedders.base import Done
from index.embedders.weights import EmbedderWeights

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


BATCH = 32
"""The library's own default."""


class TorchEmbedder:
    """An `Embedder` over a sentence-transformers model folder; the model is loaded at first use."""

    def __init__(self, weights: EmbedderWeights, batch_size: int = 0) -> None:
        self.identity = weights.identity
        self._weights = weights
        self._batch_size = batch_size or BATCH

    @cached_property
    def model(self) -> "SentenceTransformer":
        quieten()
        import torch
        from sentence_transformers import SentenceTransformer

        device = "cuda" if torch.cuda.is_available() else "cpu"
        model = SentenceTransformer(str(self._weights.folder), device=device, local_files_only=True)
        model.tokenizer.split_special_tokens = True  # "[SEP]" in a text is letters, and no mark of the model's
        if self._weights.adapter is not None:
            from peft import PeftModel

            base: Any = model[0].auto_model
            adapted: Any = PeftModel.from_pretrained(base, str(self._weights.adapter))
            model[0].auto_model = adapted.merge_and_unload()
        return model

    @property
    def dimension(self) -> int:
        dimension = self.model.get_embedding_dimension()
        assert dimension is not None
        return dimension

    def token_spans(self, texts: Sequence[str]) -> list[list[Span]]:
        if not texts:
            return []
        encoding = self.model.tokenizer(
            list(texts), add_special_tokens=False, return_offsets_mapping=True, truncation=False, verbose=False
        )
        return [[(start, end) for start, end in offsets if end > start] for offsets in encoding["offset_mapping"]]

    def embed(self, texts: Sequence[str], done: Done | None = None) -> np.ndarray:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # like lengths together: less padding
        for begin in range(0, len(order), self._batch_size):
            batch = order[begin : begin + self._batch_size]
            vectors[batch] = self.model.encode(
                [texts[i] for i in batch],
                batch_size=self._batch_size,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
            if done is not None:
                done(batch, vectors[batch])
        return vectors
