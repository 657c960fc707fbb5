"""Compare the embedder that runs in OpenVINO with sentence-transformers, on passages of an index.

python -m bench.embedding --index artifacts/index
"""

import json
import random
import time
from pathlib import Path

import numpy as np

from core.command import command_parser
from core.errors import run_command
from core.settings import load
from index.embedders import load_embedder
from index.embedders.base import Embedder
from index.embedders.torch import TorchEmbedder
from index.embedders.weights import find_weights
from index.opening import open_index
from index.passages import headed_text


def _embed(embedder: Embedder, texts: list[str]) -> tuple[np.ndarray, float]:
    """Vectors, and texts a second."""
    embedder.embed(texts[:16])
    started = time.perf_counter()
    vectors = embedder.embed(texts)
    return vectors, len(texts) / (time.perf_counter() - started)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("bench.embedding", __doc__)
    parser.add_argument("--index", metavar="DIR", help="the index whose passages are embedded again")
    parser.add_argument(
        "--texts", type=int, default=1000, metavar="N", help="passages, drawn at random (default: 1000)"
    )
    arguments = parser.parse_args(argv)
    settings = load({"index.dir": arguments.index}).index
    index = open_index(Path(settings.dir))
    passages = random.Random(0).sample(index.passages, min(arguments.texts, len(index.passages)))  # noqa: S311
    texts = [headed_text(index.records[passage.record_id].question, passage) for passage in passages]
    ours, ours_rate = _embed(load_embedder(settings), texts)
    reference, reference_rate = _embed(TorchEmbedder(find_weights(settings.embedder)), texts)
    cosines = (ours * reference).sum(axis=1)
    print(
        json.dumps(
            {
                "texts": len(texts),
                "texts_per_s": round(ours_rate, 1),
                "sentence_transformers_float32_texts_per_s": round(reference_rate, 1),
                "ratio": round(ours_rate / reference_rate, 2),
                "cosine_min": round(float(cosines.min()), 6),
                "cosine_mean": round(float(cosines.mean()), 6),
            }
        )
    )
    return 0


if __name__ == "__main__":
    run_command(main)
