"""What this machine computes with: the class of its processor, cores and memory that the process may use.

Which number formats the libraries multiply fast here is decided in `core.precision`, from this and from what they
report. `citewell doctor` prints all of it.
"""

import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

Kind = Literal["other", "avx2", "avx512", "avx512_bf16", "amx"]
"""Classes of processor, each with all that the ones before it have; `other` is ARM or an unknown processor."""
KINDS: tuple[Kind, ...] = get_args(Kind)
NAMES: dict[Kind, str] = {
    "other": "no AVX2",
    "avx2": "AVX2",
    "avx512": "AVX-512",
    "avx512_bf16": "AVX-512 with bf16",
    "amx": "AMX",
}
_FLAGS: dict[Kind, frozenset[str]] = {
    "amx": frozenset({"amx_bf16", "avx512f"}),
    "avx512_bf16": frozenset({"avx512_bf16", "avx512f"}),
    "avx512": frozenset({"avx512f", "avx512bw", "avx512vl"}),
    "avx2": frozenset({"avx2", "fma"}),
}
"""Flags of Linux's /proc/cpuinfo that a class must have, the best class first."""
_BYTES = frozenset({"avx_vnni", "avx512_vnni"})
"""Flags of instructions for products of 8 bits."""
_LIMITS: dict[str, dict[str, tuple[Kind, bool]]] = {
    "ONEDNN_MAX_CPU_ISA": {
        "SSE41": ("other", False),
        "AVX": ("other", False),
        "AVX2": ("avx2", False),
        "AVX2_VNNI": ("avx2", True),
        "AVX2_VNNI_2": ("avx2", True),
        "AVX512_CORE": ("avx512", False),
        "AVX512_CORE_VNNI": ("avx512", True),
        "AVX512_CORE_BF16": ("avx512_bf16", True),
    },
    "ATEN_CPU_CAPABILITY": {"DEFAULT": ("other", True), "AVX2": ("avx2", True)},
}
"""Variables by which oneDNN (in torch and OpenVINO) and torch are kept to less than the processor has: to which class,
and whether to products of 8 bits.
"""
_CPUINFO = Path("/proc/cpuinfo")
_MEMORY_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")
"""Where a container's limit stands below /sys/fs/cgroup: of the second version of control groups, and of the first."""


@dataclass(frozen=True)
class Processor:
    """This machine's processor as the libraries may use it."""

    name: str
    kind: Kind
    """The class, as far as the environment lets the libraries go."""
    cores: int
    """Cores that the process may use, a container's share rounded up."""
    memory_mib: int
    """Memory that the process may use: the machine's, or the container's limit."""
    vnni: bool = False
    """Whether there are instructions for products of 8 bits."""
    imitated: bool = False
    """Whether the environment keeps the libraries below what the processor has."""

    @property
    def label(self) -> str:
        """The class and the cores in words, such as "AVX2, 2 cores"."""
        cores = f"{self.cores} core{'s' * (self.cores != 1)}"
        with_bytes = " with VNNI" * (self.vnni and self.kind in ("avx2", "avx512"))
        return f"{NAMES[self.kind]}{with_bytes}{' (imitated)' * self.imitated}, {cores}"


@cache
def processor() -> Processor:
    """This machine's processor; a processor whose instructions are unknown is of the class `other`."""
    name, flags = _name_and_flags()
    has: Kind = next((kind for kind, needed in _FLAGS.items() if needed <= flags), "other")
    limits = [kinds[value] for name, kinds in _LIMITS.items() if (value := os.environ.get(name, "").upper()) in kinds]
    kind = min([has, *(limit for limit, _ in limits)], key=KINDS.index)
    vnni = not _BYTES.isdisjoint(flags) and all(allowed for _, allowed in limits)
    return Processor(name, kind, _cores(), _memory_mib(), vnni, imitated=kind != has)


def openvino_threads() -> dict[str, int]:
    """OpenVINO's option of threads where a container's share is less than the cores that it sees; else none.

    It counts cores, and not what a container may use of them: more threads than that wait for each other.
    """
    cores = processor().cores
    return {"INFERENCE_NUM_THREADS": cores} if cores < (os.cpu_count() or 1) else {}


def free_memory_mib() -> int:
    """Memory that the process could take now without pushing others out, in MiB."""
    import psutil

    return min(psutil.virtual_memory().available >> 20, processor().memory_mib)


def _name_and_flags() -> tuple[str, frozenset[str]]:
    """The processor's name and its flags; no flags where there is no /proc/cpuinfo."""
    try:
        lines = [line.partition(":") for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        lines = []
    facts = {key.strip().lower(): value.strip() for key, _, value in reversed(lines)}
    flags = facts.get("flags", facts.get("features", ""))
    return facts.get("model name") or platform.processor() or platform.machine(), frozenset(flags.lower().split())


def _cores() -> int:
    import joblib

    return int(joblib.cpu_count())  # knows affinity and a container's share


def _memory_mib() -> int:
    import psutil

    limits = [psutil.virtual_memory().total]
    for name in _MEMORY_LIMITS:
        try:
            limits.append(int(Path("/sys/fs/cgroup", name).read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return min(limits) >> 20
