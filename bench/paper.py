"""What an index of ten million passages would take, on paper: what was measured at smaller sizes, multiplied.

python -m bench.paper                                       # writes bench/paper.json, which docs/deployment.md shows
python -m bench.paper --passages 50000000 --shards 32

Every figure comes from bench/scale.json and bench/results.json, measured on two cores; docs/deployment.md names the
source and the sum of each. The time of a search is taken to grow with the vectors, codes or scores that it looks at.
"""

import json
from pathlib import Path
from typing import Any

from bench.scale import RESULTS
from core.command import command_parser
from core.errors import run_command
from core.files import write_atomic
from core.paths import PACKAGES
from index.vectors import PROBED, list_count

SPEED = PACKAGES / "bench/results.json"
WRITTEN = PACKAGES / "bench/paper.json"
CORES = 2
"""Of the machine that was measured."""
BATCH = 100_000
"""Questions of a batch."""
_HOUR = 3600
_CODES = f"rabitq4 {PROBED}"


def on_paper(scale: dict[str, Any], speed: dict[str, Any], passages: int, shards: int, price: float) -> dict[str, Any]:
    """Sizes in GB (10^9 bytes), times in hours or milliseconds, cost in the currency of `price`.

    Args:
        price: of a core for an hour.
    """
    each = {name: row["bytes_per_passage"] for name, row in scale["disk"].items()}
    gb = {name: size * passages / 1e9 for name, size in each.items()}
    vectors_measured = scale.get("vectors", scale["recall"])
    exact, codes = vectors_measured["exact"], vectors_measured[_CODES]
    of_passages, of_questions = (
        each[name] / exact["bytes_per_vector"] * passages for name in ("vectors", "question vectors")
    )
    vectors = of_passages + of_questions
    to_scan = sum(_scanned(count / shards) for count in (of_passages, of_questions))
    exact_ms = exact["cpu_p50_ms"] / exact["vectors"] * vectors / shards
    codes_ms = codes["cpu_p50_ms"] * to_scan / _scanned(codes["vectors"])
    result: dict[str, Any] = {
        "passages": passages,
        "shards": shards,
        "price": price,
        "vectors": round(vectors),
        "disk_gb": {name.replace(" ", "_"): round(size, 1) for name, size in gb.items()},
        "codes_gb": round(codes["bytes_per_vector"] * vectors / 1e9, 1),
        "exact_ms": round(exact_ms),
        "codes_ms": round(codes_ms),
    }
    if opened := scale.get("open"):
        largest = max(opened.values(), key=lambda row: row["passages"])
        share = passages / largest["passages"]
        result["opened_gb"] = round(largest["open_mib"] * share * 2**20 / 1e9, 1)
        result["lexical_ms"] = round(largest["lexical_cpu_ms"] * share / shards)
    for kind, measured in speed["classes"].items():
        embedding = passages / measured["build"]["passages_per_s"] * CORES / _HOUR
        answering = BATCH * measured["answer"]["whole_answer_s"] * CORES / _HOUR
        result[kind] = {
            "build_core_hours": round(embedding, 1),
            "build_cost": round(embedding * price, 1),
            "answers_per_s": round(1 / measured["answer"]["whole_answer_s"], 1),
            "batch_core_hours": round(answering),
            "batch_cost": round(answering * price, 1),
        }
    return result


def _scanned(vectors: float) -> float:
    """Codes of so many vectors that a search looks at: those of the lists that it visits."""
    return min(1.0, PROBED / list_count(int(vectors))) * vectors


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("bench.paper", __doc__)
    parser.add_argument("--passages", type=int, default=10_000_000, metavar="N", help="passages (default: 10,000,000)")
    parser.add_argument("--shards", type=int, default=8, metavar="N", help="shards (default: 8)")
    parser.add_argument("--price", type=float, default=0.04, metavar="P", help="of a core for an hour (default: 0.04)")
    parser.add_argument("--to", type=Path, default=WRITTEN, metavar="F", help="where to write")
    arguments = parser.parse_args(argv)
    scale, speed = (json.loads(file.read_text(encoding="utf-8")) for file in (RESULTS, SPEED))
    written = json.dumps(on_paper(scale, speed, arguments.passages, arguments.shards, arguments.price), indent=1)
    print(written)
    write_atomic(arguments.to, written + "\n")
    return 0


if __name__ == "__main__":
    run_command(main)
