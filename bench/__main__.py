"""Measure building, embedding, searching and answering on this machine, side by side in one run.

python -m bench                                   # over the embedded file, some ten minutes
python -m bench --csv artifacts/medquad.csv       # over 16.4 k questions, some thirty minutes
python -m bench --csv F --index DIR --only answer generation    # parts of it, over an index that stands

Writes bench/results.json and bench/chart.png. Parts that are left out keep the figures of an earlier run over the same
file; `measured` says when each part was.
"""

import argparse
import contextlib
import importlib.metadata
import itertools
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.process import run
from bench.training import TRAINERS
from core.errors import run_command
from core.files import write_atomic
from core.settings import load

HERE = Path(__file__).parent
PARTS = ("build", "embedding", "answer", "generation", "training", "page")
SIZES = (1000, 4000)
"""Rows of the smaller builds; the whole file follows."""
WRITERS: dict[str, tuple[str, dict[str, object]]] = {
    "transformers bf16": ("transformers", {}),
    "llama.cpp Q4_K_M": ("llama.cpp", {}),
    "OpenVINO Q8_0, no lookup": ("openvino", {"generator_lookup_tokens": 0}),
    "OpenVINO Q8_0, lookup 5": ("openvino", {"generator_lookup_tokens": 5}),
    "OpenVINO Q8_0, lookup 8": ("openvino", {}),
    "OpenVINO Q8_0, lookup 12": ("openvino", {"generator_lookup_tokens": 12}),
    "OpenVINO Q4_0, lookup 8": ("openvino", {"generator_quant": "q4_0"}),
}
REFERENCE = "transformers bf16"
PACKAGES = ("torch", "transformers", "sentence-transformers", "openvino", "openvino-genai", "faiss-cpu", "xllamacpp")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--csv", metavar="F", help="the file to build from and ask (default: data/health_qa.csv)")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}"
    )
    parser.add_argument("--index", metavar="DIR", help="the index to build and use (default: a temporary one)")
    parser.add_argument("--to", type=Path, default=HERE, metavar="DIR", help="where to write (default: bench)")
    arguments = parser.parse_args(argv)
    csv = load({"index.csv": arguments.csv}).index.csv

    results = _earlier(
        arguments.to / "results.json", {"machine": _machine(), "versions": _versions(), "csv": Path(csv).name}
    )
    with tempfile.TemporaryDirectory() as scratch:
        index = arguments.index or str(Path(scratch) / "index")
        for name, figures in _measure(csv, index, Path(scratch) / "prompts.json", arguments.only):
            print(f"{name}: {json.dumps(figures)}", flush=True)
            results[name] = figures
            results["measured"][name] = datetime.now(UTC).isoformat(timespec="minutes")
    write_atomic(arguments.to / "results.json", json.dumps(results, indent=2) + "\n")
    from bench.chart import draw

    draw(results, arguments.to / "chart.png")
    print(f"written to {arguments.to}/results.json and {arguments.to}/chart.png")
    return 0


def _earlier(file: Path, subject: dict[str, Any]) -> dict[str, Any]:
    """The results of an earlier run if it measured the same file on the same machine and versions, else none."""
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        results: dict[str, Any] = json.loads(file.read_text())
        if all(results[name] == value for name, value in subject.items()):
            return {**results, "measured": dict(results["measured"])}
    return {**subject, "measured": {}}


def _measure(csv: str, index: str, prompts: Path, only: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    where = ["--csv", csv, "--index", index]
    if "build" in only:
        builds = [run("building", "--csv", csv, "--index", f"{index}-{size}", "--rows", str(size)) for size in SIZES]
        whole = run("building", *where)
        yield "build", [*(build for build in builds if build["rows"] < whole["rows"]), whole]
    elif not (Path(index) / "current").exists():
        run("building", *where)
    if "embedding" in only:
        yield "embedding", run("embedding", "--index", index)
    if "answer" in only or "generation" in only:
        yield from run("answering", "--index", index, "--prompts", str(prompts)).items()
    if "generation" in only:
        yield "generation", _compare(prompts)
    if "training" in only:
        yield "training", {name: run("training", name, *where) for name in TRAINERS}
    if "page" in only:
        yield "page", run("page", "--index", index)


def _compare(prompts: Path) -> dict[str, Any]:
    """Every engine on the same prompts, and how far its answers are those of the reference."""
    measured: dict[str, Any] = {}
    for name, (engine, settings) in WRITERS.items():
        print(f"  {name} …", file=sys.stderr, flush=True)
        # Without the adapter: llama.cpp runs the official file, and only engines are compared here.
        measured[name] = run("generation", engine, str(prompts), generator_adapter="", **settings)
    reference = measured[REFERENCE]["texts"]
    for figures in measured.values():
        texts = figures.pop("texts")
        figures["same_as_reference"] = sum(a == b for a, b in zip(texts, reference, strict=True))
        figures["same_words_at_first"] = round(statistics.mean(map(_same_at_first, texts, reference)), 3)
    return measured


def _same_at_first(text: str, reference: str) -> float:
    """Share of the reference's words before the first one that differs."""
    words, expected = text.split(), reference.split()
    same = list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(words, expected, strict=False)))
    return len(same) / max(1, len(expected))


def _machine() -> dict[str, object]:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": platform.system(),
    }


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


if __name__ == "__main__":
    run_command(main)
