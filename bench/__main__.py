"""Measure building, embedding, searching and answering on this machine, side by side in one run.

python -m bench                                   # over the embedded file, some ten minutes
python -m bench --csv artifacts/medquad.csv       # over 16.4 k questions, some thirty minutes
python -m bench --csv F --imitate                 # and with AVX2 alone, part by part beside it (bench.imitate)
python -m bench --csv F --index DIR --only answer generation    # parts of it, over indexes that stand

Writes bench/results.json, by class of processor, and bench/chart.png. Parts and classes that are left out keep the
figures of an earlier run over the same file; `measured` holds the time of each part's measurement.
"""

import contextlib
import importlib.metadata
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench.imitate import imitation
from bench.process import run
from bench.training import TRAINERS
from core.command import command_parser
from core.errors import run_command
from core.files import write_atomic
from core.settings import load

HERE = Path(__file__).parent
PARTS = ("build", "embedding", "answer", "generation", "training", "page")
WRITERS: dict[str, tuple[str, dict[str, object]]] = {
    "transformers": ("transformers", {}),
    "llama.cpp Q4_K_M": ("llama.cpp", {}),
    "OpenVINO Q8_0": ("openvino", {"generator_quant": "q8_0"}),
    "OpenVINO Q4_0": ("openvino", {"generator_quant": "q4_0"}),
}
REFERENCE = "transformers"
"""The engine that the others are compared with; it runs in the format that the class multiplies fast."""
PACKAGES = ("torch", "transformers", "sentence-transformers", "openvino", "openvino-genai", "faiss-cpu", "xllamacpp")


@dataclass(frozen=True)
class Measured:
    """A class of processor, and the variables of a process that belongs to it."""

    kind: str
    machine: dict[str, Any]
    environment: dict[str, str]


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("bench", __doc__)
    parser.add_argument("--csv", metavar="F", help="the file to build from and ask (default: data/health_qa.csv)")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}"
    )
    parser.add_argument("--imitate", action="store_true", help="measure each part with AVX2 alone, too")
    parser.add_argument("--index", metavar="DIR", help="the index to build and use (default: a temporary one)")
    parser.add_argument("--to", type=Path, default=HERE, metavar="DIR", help="where to write (default: bench)")
    arguments = parser.parse_args(argv)
    csv = load({"index.csv": arguments.csv}).index.csv

    classes = [_class_of({})]
    if arguments.imitate:
        classes.append(_class_of(imitation()))
    file = arguments.to / "results.json"
    results = _earlier(file, {"versions": _versions(), "csv": Path(csv).name})
    with tempfile.TemporaryDirectory() as scratch:
        for name, each, figures in _measure(csv, arguments.index, Path(scratch), arguments.only, classes):
            print(f"{each.kind}, {name}: {json.dumps(figures)}", flush=True)
            of_class = results["classes"].setdefault(each.kind, {})
            if of_class.get("machine") != each.machine:
                of_class.clear()
                of_class.update(machine=each.machine, measured={})
            of_class[name] = figures
            of_class["measured"][name] = datetime.now(UTC).isoformat(timespec="minutes")
            write_atomic(file, json.dumps(results, indent=2) + "\n")
    from bench.chart import draw

    draw(results, arguments.to / "chart.png")
    print(f"written to {file} and {arguments.to}/chart.png")
    return 0


def _earlier(file: Path, subject: dict[str, Any]) -> dict[str, Any]:
    """The results of an earlier run if it measured the same file with the same versions, else none."""
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        results: dict[str, Any] = json.loads(file.read_text())
        if all(results[name] == value for name, value in subject.items()):
            return {**results, "classes": dict(results["classes"])}
    return {**subject, "classes": {}}


def _class_of(environment: dict[str, str]) -> Measured:
    """The class that a process with these variables reports."""
    command = [sys.executable, "-m", "core.doctor", "--json"]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    machine = found["processor"] | {"torch": found["torch"]["format"], "openvino": found["openvino"]["format"]}
    return Measured(machine["kind"], machine, environment)


def _measure(
    csv: str, given: str | None, scratch: Path, only: tuple[str, ...], classes: list[Measured]
) -> Iterator[tuple[str, Measured, Any]]:
    """Each part with each class, the classes of a part one after the other."""
    for part in PARTS:
        for each in classes:
            index = f"{given or scratch / 'index'}-{each.kind}"
            prompts = scratch / f"prompts-{each.kind}.json"
            of_class = partial(run, environment=each.environment)
            if part == "build" and part not in only and not (Path(index) / "current").exists():
                of_class("building", "--csv", csv, "--index", index)
            if part not in only:
                continue
            if part == "build":
                yield part, each, of_class("building", "--csv", csv, "--index", index)
            elif part == "embedding":
                yield part, each, of_class("embedding", "--index", index)
            elif part == "answer":
                for name, figures in of_class("answering", "--index", index, "--prompts", str(prompts)).items():
                    yield name, each, figures
            elif part == "generation":
                if not prompts.is_file():
                    of_class("answering", "--index", index, "--prompts", str(prompts))
                yield part, each, _compare(prompts, each)
            elif part == "training":
                where = ("--csv", csv, "--index", index)
                yield part, each, {name: of_class("training", name, *where) for name in TRAINERS}
            elif part == "page":
                yield part, each, of_class("page", "--index", index)


def _compare(prompts: Path, of_class: Measured) -> dict[str, Any]:
    """Every engine on the same prompts, and how far its answers are those of the reference."""
    measured: dict[str, Any] = {}
    for name, (engine, settings) in WRITERS.items():
        print(f"  {of_class.kind}, {name} …", file=sys.stderr, flush=True)
        # Without the adapter: llama.cpp runs the official file, and only engines are compared here.
        measured[name] = run(
            "generation", engine, str(prompts), environment=of_class.environment, generator_adapter="", **settings
        )
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


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


if __name__ == "__main__":
    run_command(main)
