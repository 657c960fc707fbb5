"""Which number format to multiply in, by library and device: the one place that decides it.

Where a processor has no instructions for bf16, torch multiplies it in software, some 35 times slower than float32;
where it has them, bf16 takes a quarter of the time. Weights are stored in 16 bits on every machine: reading them into
float32 loses nothing.
"""

import contextlib
import json
import time
from functools import cache
from typing import TYPE_CHECKING

from core.files import write_atomic
from core.paths import artifacts
from core.processor import processor

if TYPE_CHECKING:
    import torch

MEASURED = artifacts("processor.json")
"""The file of measurements on this machine, which lets every process decide alike."""
FASTER = 1.2
"""How many times as fast as float32 a product in bf16 must be before it is used: bf16 costs precision."""
_SHAPE = (256, 896, 896)
"""Shape of the product that is timed: that of a layer of the default generator, about ten milliseconds if fast."""
_NATIVE = ("avx512_bf16", "amx")
"""Classes of x86 processor with instructions for bf16."""


def torch_dtype(device: str | int = "cpu") -> "torch.dtype":
    """The format that torch multiplies in on a device: bf16 on CUDA and where this processor has it, else float32."""
    import torch

    return torch.bfloat16 if device != "cpu" or _torch_has_bf16() else torch.float32


def trains_in_bf16(device: str | int = "cpu") -> bool:
    """Whether a trainer should compute in bf16 on a device, what is trained staying in float32 (`bf16` of trl)."""
    return torch_dtype(device) == stored_dtype()


def stored_dtype() -> "torch.dtype":
    """The format that checkpoints and adapters are stored in, on every machine."""
    import torch

    return torch.bfloat16


@cache
def openvino_precision() -> str:
    """OpenVINO's INFERENCE_PRECISION_HINT on this processor: "bf16" or "f32".

    OpenVINO lists what the processor has, whatever ONEDNN_MAX_CPU_ISA keeps its kernels to; so both must agree. On
    processors that are not x86, OpenVINO's answer is used.
    """
    import openvino

    listed = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if listed and processor().kind in (*_NATIVE, "other") else "f32"


@cache
def products_per_second() -> dict[str, float]:
    """Thousand millions of multiplications and additions a second on one core in torch, by format.

    bf16 is timed only where oneDNN reports that it multiplies bf16: in software it would take a tenth of a second.
    """
    import torch

    formats = [torch.float32, *[torch.bfloat16] * _onednn_takes_bf16()]
    return {str(each).removeprefix("torch."): round(_gflops(each), 1) for each in formats}


@cache
def _torch_has_bf16() -> bool:
    """Whether torch multiplies bf16 faster than float32; measured once on a machine, and kept.

    oneDNN's report alone is not enough: it accepts bf16 with AVX-512 alone, too, and is then slower than in float32.
    """
    import torch

    if not _onednn_takes_bf16():
        return False
    key = f"{processor().name}, {processor().kind}, torch {torch.__version__}"
    try:
        known = dict(json.loads(MEASURED.read_text(encoding="utf-8")))
        rates = {str(name): float(value) for name, value in known[key].items()}
        return rates["bfloat16"] >= FASTER * rates["float32"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        known = {}
    rates = products_per_second()
    with contextlib.suppress(OSError):  # of a read-only folder: it is measured again next time
        write_atomic(MEASURED, json.dumps({**known, key: rates}, indent=1) + "\n")
    return rates["bfloat16"] >= FASTER * rates["float32"]


def _onednn_takes_bf16() -> bool:
    import torch

    asked = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return torch.backends.mkldnn.is_available() and (asked is None or bool(asked()))


def _gflops(dtype: "torch.dtype", repeats: int = 5) -> float:
    """The best of some products on one core."""
    import torch

    rows, inner, columns = _SHAPE
    one, other = torch.ones(rows, inner, dtype=dtype), torch.ones(inner, columns, dtype=dtype)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        best = float("inf")
        for _ in range(repeats + 1):  # the first one warms up
            started = time.perf_counter()
            one @ other
            best = min(best, time.perf_counter() - started)
    finally:
        torch.set_num_threads(threads)
    return 2 * rows * inner * columns / best / 1e9
