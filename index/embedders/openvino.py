"""The embedder on a CPU: a sentence-transformers model converted once to OpenVINO, then run without torch.

Several inference streams work on length-sorted batches at once, in bf16 where the processor has it
(https://docs.openvino.ai, "High-level Performance Hints"), the default model's linear layers in 8 bits where it has
instructions for them. `python -m bench` compares vectors and speed.
"""

import contextlib
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino
from tokenizers import Tokenizer

from core.cached_folder import DAILY_S, made_once
from core.files import sha256_file
from core.inference import Streams
from core.processor import processor
from core.progress import log
from core.text.sentences import Span
from index.embedders.base import Done
from index.embedders.eight_bits import CALIBRATION, quantise
from index.embedders.torch import TorchEmbedder
from index.embedders.weights import DEFAULT_SHA256, EmbedderWeights

BATCH = 8
"""Texts in a batch of one stream; larger ones gain nothing on a CPU and take more memory."""
LENGTH_STEP = 8
"""Batches are padded to a multiple of this: for every shape that it meets, OpenVINO prepares and keeps kernels."""
MODEL = "openvino_model.xml"
TOKENIZER = "tokenizer.json"
PROBES = ("a cold", "Iron deficiency is the most frequent cause of anaemia.\nIt is treated with iron. " * 8)
SAME = 0.999
"""Cosine to the original that a converted model must reach on the probes: below it, a part was not converted."""
SAME_IN_EIGHT_BITS = 0.99
"""The same for one in 8 bits, whose products are rounded."""


class OpenVinoEmbedder:
    """An `Embedder` over a folder with a converted model; `load` makes that folder."""

    def __init__(self, folder: Path, identity: str, batch_size: int = 0) -> None:
        self.identity = identity
        self._batch_size = batch_size or BATCH
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))  # truncates at the model's limit
        self._splitter = Tokenizer.from_file(str(folder / TOKENIZER))
        self._splitter.no_truncation()
        for tokenizer in (self._tokenizer, self._splitter):
            tokenizer.encode_special_tokens = True  # "[SEP]" in a text is letters, and no mark of the model's
        self._streams = Streams(folder / MODEL)

    @classmethod
    def load(cls, weights: EmbedderWeights, cache: Path, batch_size: int) -> "OpenVinoEmbedder":
        """Load a model from the cache, converting it first if it is not there whole.

        Raises:
            RuntimeError: OpenVINO does not run on this processor, or cannot convert the model.
            ValueError: the model has no fast tokenizer, or the converted model gives other vectors.
            OSError: the cache cannot be written.
        """
        folder = cache / f"{Path(weights.label).name}-{weights.sha256[:12]}"
        facts: dict[str, str | int] = {"model": weights.sha256, "openvino": openvino.__version__}
        # What 8 bits cost the search was measured for the default weights alone (docs/measured.md). Vectors of 8 bits
        # and of more can be searched with each other: an index may move between processors, its identity stays.
        eight_bits = weights.sha256 == DEFAULT_SHA256 and processor().vnni
        if eight_bits:
            folder = folder.with_name(f"{folder.name}-8bit")
            facts["calibration"] = sha256_file(CALIBRATION)
        with made_once(folder, facts, DAILY_S) as empty:
            if empty is not None:
                log.info(f"converting {weights.label} for this processor (some seconds, once)")
                _convert(weights, empty, eight_bits)
        return cls(folder, weights.identity, batch_size)

    @property
    def dimension(self) -> int:
        return int(self._streams.model.output(0).partial_shape[1].get_length())

    def token_spans(self, texts: Sequence[str]) -> list[list[Span]]:
        encodings = self._splitter.encode_batch(list(texts), add_special_tokens=False)
        return [[(start, end) for start, end in encoding.offsets if end > start] for encoding in encodings]

    def embed(self, texts: Sequence[str], done: Done | None = None) -> np.ndarray:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        tokens = self._tokens(texts)
        order = sorted(range(len(texts)), key=lambda i: -len(tokens[i]))  # like lengths together: less padding
        batches = [order[begin : begin + self._batch_size] for begin in range(0, len(order), self._batch_size)]
        padded = (_padded([tokens[row] for row in rows]) for rows in batches)
        with contextlib.closing(self._streams.run(padded)) as outputs:  # type: ignore[type-var]
            for rows, (embedded,) in zip(batches, outputs, strict=True):
                vectors[rows] = embedded
                if done is not None:
                    done(rows, vectors[rows])
        return vectors

    def _tokens(self, texts: Sequence[str]) -> list[np.ndarray]:
        tokens: list[np.ndarray] = []
        for begin in range(0, len(texts), 1000):
            encodings = self._tokenizer.encode_batch(list(texts[begin : begin + 1000]))
            tokens.extend(np.array(encoding.ids, dtype=np.int64) for encoding in encodings)
        return tokens


def _padded(rows: list[np.ndarray]) -> dict[str, np.ndarray]:
    longest = max(len(row) for row in rows)
    shape = (len(rows), -(-longest // LENGTH_STEP) * LENGTH_STEP)
    input_ids, attention_mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for number, row in enumerate(rows):
        input_ids[number, : len(row)] = row
        attention_mask[number, : len(row)] = 1
    return {"input_ids": input_ids, "attention_mask": attention_mask}


def _convert(weights: EmbedderWeights, target: Path, eight_bits: bool) -> None:
    """Trace the whole pipeline (transformer, pooling, whatever follows) and save it with its tokenizer."""
    import torch

    original = TorchEmbedder(weights)
    model = original.model.cpu().eval()
    if not getattr(model.tokenizer, "is_fast", False):
        raise ValueError("it has no fast tokenizer")

    class Pipeline(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            vectors = self.model({"input_ids": input_ids, "attention_mask": attention_mask})["sentence_embedding"]
            return torch.nn.functional.normalize(vectors, dim=-1)

    example = torch.ones((2, 16), dtype=torch.long)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer remarks on every constant of the model's own code
        converted = openvino.convert_model(Pipeline(), example_input={"input_ids": example, "attention_mask": example})
    tokenizer = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.enable_truncation(model.max_seq_length or model.tokenizer.model_max_length)
    tokenizer.save(str(target / TOKENIZER))
    if eight_bits:
        texts = tokenizer.encode_batch(CALIBRATION.read_text(encoding="utf-8").splitlines())
        ids = [np.array([text.ids], np.int64) for text in texts]  # one by one: what pads a batch would be seen, too
        quantise(converted, [{"input_ids": each, "attention_mask": np.ones_like(each)} for each in ids])
    openvino.save_model(converted, target / MODEL, compress_to_fp16=False)

    cosines = (OpenVinoEmbedder(target, weights.identity).embed(PROBES) * original.embed(PROBES)).sum(axis=1)
    expected = SAME_IN_EIGHT_BITS if eight_bits else SAME
    if cosines.min() < expected:
        raise ValueError(f"converted, it gives other vectors: cosine {cosines.min():.4f}, expected {expected}")
