"""Report what this machine computes with, which formats and settings follow from that, and what speed to expect.

citewell doctor
citewell doctor --json
"""

import dataclasses
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from core.command import command_parser
from core.errors import run_command
from core.paths import artifacts
from core.precision import openvino_precision, products_per_second, torch_dtype
from core.processor import free_memory_mib, processor

PACKAGES = ("torch", "openvino", "openvino-genai", "faiss-cpu", "transformers", "bitsandbytes")
MEASURED_ON = 100.0
"""GFLOP/s in float32 of a core of the processor that the figures below were measured on (an AMD EPYC of 2025)."""
EMBEDDED = {"8 bits": 140.0, "bf16": 89.0, "f32": 30.0}
"""Passages of 154 tokens that a core embeds a second, by what OpenVINO multiplies (docs/measured.md)."""
FIRST_WORDS = {True: 0.47, False: 1.05}
"""Seconds to the first words of an answer with two cores: with instructions for products of 8 bits, and without."""
LARGE = 35_600
"""The number of such passages that a file of 16,407 questions and answers takes to embed."""


def examine() -> dict[str, Any]:
    """What was found on this machine, which formats and settings follow, and which speed to expect."""
    machine = processor()
    precision = openvino_precision()
    products = products_per_second()
    speed = products["float32"] / MEASURED_ON  # a slower core is slower in every format
    rate = EMBEDDED["8 bits" if machine.vnni else precision] * speed * machine.cores
    return {
        "processor": dataclasses.asdict(machine) | {"label": machine.label, "system": platform.system()},
        "free_memory_mib": free_memory_mib(),
        "versions": {name: _version(name) for name in PACKAGES},
        "torch": {
            "format": str(torch_dtype()).removeprefix("torch."),
            "gflops_a_core": products,
        },
        "openvino": {"format": precision},
        "artifacts": str(artifacts().absolute()),
        "expect": {
            "embedding_per_second": round(rate, 1),
            "minutes_for_16k_rows": round(LARGE / rate / 60, 1),
            "first_words_s": round(FIRST_WORDS[machine.vnni] / speed * 2 / min(machine.cores, 2), 1),
        },
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    machine, expect = found["processor"], found["expect"]
    speeds = ", ".join(f"{name} {speed:,.0f}" for name, speed in found["torch"]["gflops_a_core"].items())
    return [
        ("processor", f"{machine['name']}: {machine['label']}"),
        ("memory", f"{machine['memory_mib'] / 1024:.1f} GiB, {found['free_memory_mib'] / 1024:.1f} GiB free"),
        ("torch computes in", f"{found['torch']['format']} (GFLOP/s a core: {speeds})"),
        ("OpenVINO computes in", found["openvino"]["format"]),
        ("to expect", f"some {expect['embedding_per_second']:.0f} passages embedded a second"),
        ("", f"16,000 rows in some {expect['minutes_for_16k_rows']:.0f} minutes, searched by words meanwhile"),
        ("", f"the first words of an answer after some {expect['first_words_s']:.1f} s"),
        ("keeps its files in", found["artifacts"]),
        ("packages", ", ".join(f"{name} {number}" for name, number in found["versions"].items())),
    ]


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("core.doctor", __doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, to attach to a report")
    arguments = parser.parse_args(argv)
    found = examine()
    if arguments.json:
        print(json.dumps(found, indent=1))
    else:
        for name, text in _lines(found):
            print(f"{name:<22}{text}")
    return 0


if __name__ == "__main__":
    run_command(main)
