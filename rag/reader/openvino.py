"""The reader on a CPU: converted once to OpenVINO, then run without torch."""

import contextlib
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino
from tokenizers import Tokenizer

from core.cached_folder import DAILY_S, made_once
from core.errors import WeightsError
from core.inference import Streams
from core.progress import log
from index.embedders.weights import EmbedderWeights
from rag.answer import Hit
from rag.reader.base import Reading, pair
from rag.reader.folder import ReaderFolder
from rag.reader.inputs import Pair, Row, Tokenize, batch, row

MODEL = "openvino_model.xml"
BATCH = 2
"""Rows that one stream reads together; more gain nothing on a CPU."""
SAME = 0.02
"""Largest difference of a logit to the original that a converted reader may have on the probe."""


class OpenVinoReader:
    """A `Reader` over a folder with a converted network; `load` makes that folder."""

    def __init__(self, folder: Path, tokenize: Tokenize, identity: str) -> None:
        self.identity = identity
        self._tokenize = tokenize
        self._streams = Streams(folder / MODEL)

    @classmethod
    def load(cls, reader: ReaderFolder, base: EmbedderWeights, cache: Path) -> "OpenVinoReader":
        """Load a reader from the cache, converting it first if it is not there whole.

        Raises:
            WeightsError: it was trained over other weights than the base's, or does not fit them.
            OSError: the cache cannot be written.
        """
        reader.check_base(base)
        folder = cache / f"reader-{reader.sha256[:12]}"
        facts = {"reader": reader.sha256, "base": base.sha256, "openvino": openvino.__version__}
        with made_once(folder, facts, DAILY_S) as empty:
            if empty is not None:
                log.info("converting the reader for this processor (some seconds, once)")
                _convert(reader, base, empty)
        return cls(folder, tokenizer_of(base), reader.identity)

    def read(self, question: str, hits: Sequence[Hit]) -> list[Reading]:
        return self.read_pairs([pair(question, hit) for hit in hits])

    def read_pairs(self, pairs: Sequence[Pair]) -> list[Reading]:
        """Read each pair, in their order."""
        rows = [row(each, self._tokenize) for each in pairs]
        order = sorted(range(len(rows)), key=lambda at: -len(rows[at].ids))  # like lengths together: less padding
        readings: dict[int, Reading] = {}
        groups = [order[begin : begin + BATCH] for begin in range(0, len(order), BATCH)]
        batches = (batch([rows[at] for at in group]) for group in groups)
        with contextlib.closing(self._streams.run(batches)) as outputs:  # type: ignore[type-var]
            for group, (grades, sentences) in zip(groups, outputs, strict=True):
                for place, at in enumerate(group):
                    readings[at] = reading(grades[place], sentences[place][: rows[at].sentences])
        return [readings[at] for at in range(len(rows))]


def tokenizer_of(base: EmbedderWeights) -> Tokenize:
    """The base's tokenizer; rows are cut by `rag.reader.inputs`."""
    tokenizer = Tokenizer.from_file(str(base.folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True  # "[SEP]" in a text is letters, and ends no part of a row
    return lambda text: list(tokenizer.encode(text, add_special_tokens=False).ids)


def reading(grades: np.ndarray, sentences: np.ndarray) -> Reading:
    """A reading from the network's logits, shapes (3,) and (sentences,)."""
    return Reading(
        float(_sigmoid(grades).sum()), float(grades[1]), tuple(float(value) for value in _sigmoid(sentences))
    )


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.asarray(logits, dtype=np.float64))))


def _convert(reader: ReaderFolder, base: EmbedderWeights, target: Path) -> None:
    """Trace the network, save it, and compare it with what it was made from."""
    import torch

    from rag.reader.network import load_network

    network = load_network(reader, base).eval()
    probe = batch([Row((101, 2023, 102, 2003, 102, 1037, 3231, 102), (0, 0, 0, 1, 1, 1, 1, 1), (-1,) * 5 + (0, 1, -1))])
    example = {name: torch.from_numpy(values) for name, values in probe.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer remarks on every constant of the model's own code
        converted = openvino.convert_model(network, example_input=example)
    for given, name in zip(converted.inputs, probe, strict=True):
        given.get_tensor().set_names({name})
    openvino.save_model(converted, target / MODEL, compress_to_fp16=False)
    with torch.no_grad():
        logits = network(**example)[0].numpy()
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    difference = np.abs(openvino.compile_model(target / MODEL, "CPU", exact)(probe)[0] - logits).max()
    if difference > SAME:
        raise WeightsError(f"converted, the reader gives other logits: they differ by {difference:.3f}")
