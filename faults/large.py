"""Read a large file and cut it into passages, as a build does first, in a process of its own; print what that took.

python -m faults.large --rows 300000 --characters 600        # many rows
python -m faults.large --rows 40 --characters 5000000        # cells of 5 MB
"""

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from core.settings import IndexSettings
from index.corpus import read_corpus
from index.embedders import load_embedder
from index.words import _split

WORDS = [f"{a}{b}{c}" for a in ("gou", "mea", "ast", "fe", "ra", "tor") for b in "bdlmnrst" for c in ("a", "in", "es")]


def main() -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--characters", type=int, required=True, help="of each answer")
    parser.add_argument("--cut", action="store_true", help="cut the answers into passages, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        csv = _write(Path(folder, "large.csv"), arguments.rows, arguments.characters)
        embedder = load_embedder(IndexSettings()) if arguments.cut else None
        idle_mib, began = _peak_mib(), time.perf_counter()
        corpus = read_corpus(csv)
        passages = len(_split(corpus, embedder, IndexSettings().passage_tokens, None)) if embedder else 0
        figures = {
            "file_mb": round(csv.stat().st_size / 1e6),
            "records": len(corpus.records),
            "passages": passages,
            "seconds": round(time.perf_counter() - began, 1),
            "mib": round(_peak_mib() - idle_mib),
        }
    print(json.dumps(figures))
    return 0


def _write(path: Path, rows: int, characters: int) -> Path:
    rng = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("question,answer\n")
        for row in range(rows):
            sentences, size = [], 0
            while size < characters:
                sentences.append(f"{' '.join(rng.choices(WORDS, k=9)).capitalize()}.")
                size += len(sentences[-1]) + 1
            file.write(f'What is number {row}?,"{" ".join(sentences)}"\n')
    return path


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


if __name__ == "__main__":
    sys.exit(main())
