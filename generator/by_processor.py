"""The settings of answering that are left to the machine, chosen by class of processor and by memory.

With instructions for products of bytes (VNNI) OpenVINO multiplies eight-bit weights as they are. Without, it turns them
to float32 first, and reading a prompt takes three times as long: that is so on processors with AVX2 alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from core.processor import processor
from core.progress import log

AUTO = "auto"
"""The `generator.quant` that leaves it to the machine."""
FULL_EVIDENCE = 330
"""Tokens of evidence that the shipped adapter was trained on, whatever machine makes its rows."""
QUANT_MIB = {"q8_0": 2200, "q4_0": 1700}
"""Memory to have for each way of storing weights, the best first. With eight bits 50 questions over 16,407 rows took
1,631 MiB with bf16 and some 1,850 with AVX2 alone; four bits take some 390 less. The rest is room."""


@dataclass(frozen=True)
class Choice:
    """The values that suit a class of processor."""

    evidence_tokens: int
    """Most tokens of the passages: reading them is most of the wait for the first word."""
    prefill_tokens: int
    """Tokens of a prompt that are read at once. At each step the threads wait for each other: with more tokens a step,
    they wait less often, which counts where another process keeps a core busy."""


WITH_VNNI = Choice(evidence_tokens=FULL_EVIDENCE, prefill_tokens=64)
WITHOUT_VNNI = Choice(evidence_tokens=240, prefill_tokens=256)


def choice() -> Choice:
    """The values that suit this machine's processor; one that nothing was measured on gets those that suit most."""
    return WITHOUT_VNNI if processor().kind in ("avx2", "avx512") and not processor().vnni else WITH_VNNI


def chosen_quant(setting: str) -> str:
    """How weights are stored: by the setting, or with `auto` the best that fits into memory; a lesser one is
    reported."""
    if setting != AUTO:
        return setting
    memory = processor().memory_mib
    best, *_, least = QUANT_MIB
    quant = next((quant for quant, needed in QUANT_MIB.items() if memory >= needed), least)
    if quant != best:
        log.warning(
            f"notice: this process may use {memory:,} MiB of memory, the model at eight bits a weight needs "
            f"{QUANT_MIB[best]:,}; it answers with four bits, a little worse (CITEWELL_GENERATOR_QUANT={best} insists)"
        )
    if memory < QUANT_MIB[quant]:
        log.warning(
            f"notice: even with four bits it needs {QUANT_MIB[quant]:,} MiB and may be ended for lack of memory; close "
            "other programs, or give the container more"
        )
    return quant


def evidence_tokens(setting: int, engine: Mapping[str, str]) -> int:
    """Most tokens of the passages: by the setting, or with 0 as many as suit the processor, where it reads them itself.

    Args:
        engine: the identity of the engine that reads them.
    """
    return setting or (choice().evidence_tokens if engine.get("device") == "cpu" else FULL_EVIDENCE)
