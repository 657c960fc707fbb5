from pathlib import Path

import pytest

from core.processor import Kind, Processor
from core.settings import GeneratorSettings
from generator import by_processor
from generator.by_processor import FULL_EVIDENCE, QUANT_MIB, WITH_VNNI, WITHOUT_VNNI, choice, chosen_quant
from generator.engines import load_engine


def machine(monkeypatch: pytest.MonkeyPatch, kind: Kind = "avx2", memory_mib: int = 8000, vnni: bool = False) -> None:
    """Let this be the processor."""
    monkeypatch.setattr(by_processor, "processor", lambda: Processor("a processor", kind, 2, memory_mib, vnni))


@pytest.mark.parametrize(
    ("kind", "vnni", "suits"),
    [
        ("avx2", False, WITHOUT_VNNI),
        ("avx2", True, WITH_VNNI),
        ("avx512", False, WITHOUT_VNNI),
        ("avx512", True, WITH_VNNI),
        ("avx512_bf16", True, WITH_VNNI),
        ("other", False, WITH_VNNI),  # nothing was measured on it
    ],
)
def test_less_is_read_where_bytes_are_not_multiplied(
    monkeypatch: pytest.MonkeyPatch, kind: Kind, vnni: bool, suits: by_processor.Choice
) -> None:
    machine(monkeypatch, kind, vnni=vnni)
    assert choice() == suits


def test_evidence_is_as_set_or_as_suits_the_processor_that_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, "avx2")
    assert by_processor.evidence_tokens(400, {"device": "cpu"}) == 400
    assert by_processor.evidence_tokens(0, {"device": "cpu"}) == WITHOUT_VNNI.evidence_tokens < FULL_EVIDENCE
    assert by_processor.evidence_tokens(0, {"device": "cuda"}) == FULL_EVIDENCE
    assert by_processor.evidence_tokens(0, {"engine": "openai"}) == FULL_EVIDENCE


def test_weights_are_stored_as_memory_allows(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, memory_mib=QUANT_MIB["q8_0"])
    assert chosen_quant("auto") == "q8_0"
    assert told == []

    machine(monkeypatch, memory_mib=QUANT_MIB["q8_0"] - 1)
    assert chosen_quant("auto") == "q4_0"
    assert told == [
        f"notice: this process may use {QUANT_MIB['q8_0'] - 1:,} MiB of memory, the model at eight bits a weight needs "
        f"{QUANT_MIB['q8_0']:,}; it answers with four bits, a little worse (CITEWELL_GENERATOR_QUANT=q8_0 insists)"
    ]
    assert chosen_quant("q8_0") == "q8_0"
    assert len(told) == 1

    machine(monkeypatch, memory_mib=512)
    assert chosen_quant("auto") == "q4_0"
    assert told[2].startswith(f"notice: even with four bits it needs {QUANT_MIB['q4_0']:,} MiB and may be ended")


def test_the_engine_takes_what_fits(
    told: list[str], tiny_qwen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, memory_mib=QUANT_MIB["q4_0"])
    engine = load_engine(GeneratorSettings(model=str(tiny_qwen), cache=str(tmp_path), engine="openvino"))
    assert engine.identity["quant"] == "q4_0"
    assert any("answers with four bits" in line for line in told)
    chunks = list(engine.stream([{"role": "user", "content": "Hello?"}], max_new_tokens=3, temperature=0.0))
    assert chunks[-1].answer_tokens > 0
