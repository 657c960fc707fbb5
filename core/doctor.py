"""Say what this machine computes with, which formats and settings follow from that, and what speed to expect.

python -m core.doctor
python -m core.doctor --json
"""

import argparse
import dataclasses
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from core.errors import run_command
from core.precision import openvino_precision, products_per_second, torch_dtype
from core.processor import free_memory_mib, processor

PACKAGES = ("torch", "openvino", "openvino-genai", "faiss-cpu", "transformers", "bitsandbytes")
EMBEDDED = {"bf16": 85.0, "f32": 30.0}
"""Passages of 178 tokens that a core embeds a second, by OpenVINO's format (`python -m bench --only embedding`)."""
LARGE = 47_000
"""Texts of a file of 16,000 questions and answers."""


def examine() -> dict[str, Any]:
    """What was found, what is chosen, and what to expect."""
    machine = processor()
    precision = openvino_precision()
    rate = EMBEDDED[precision] * machine.cores
    return {
        "processor": dataclasses.asdict(machine) | {"label": machine.label, "system": platform.system()},
        "free_memory_mib": free_memory_mib(),
        "versions": {name: _version(name) for name in PACKAGES},
        "torch": {
            "format": str(torch_dtype()).removeprefix("torch."),
            "gflops_a_core": products_per_second(),
        },
        "openvino": {"format": precision},
        "expect": {"embedding_per_second": rate, "minutes_for_16k_rows": round(LARGE / rate / 60, 1)},
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
        ("packages", ", ".join(f"{name} {number}" for name, number in found["versions"].items())),
    ]


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m core.doctor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
