import dataclasses
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import precision, processor
from core.processor import Kind, Processor
from tests.conftest import ROOT

ZEN5 = "fpu avx avx2 fma avx512f avx512bw avx512vl avx512_vnni avx512_bf16"
"""Some of the flags of a processor with AVX-512 and bf16."""


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY"):
        monkeypatch.delenv(name, raising=False)
    kept = (processor.processor, precision.openvino_precision, precision._torch_has_bf16)
    for function in kept:
        function.cache_clear()
    yield
    for function in kept:
        function.cache_clear()


def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None) -> Processor:
    """The processor where /proc/cpuinfo holds this text; None: where there is no such file."""
    file = tmp_path / "cpuinfo"
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr(processor, "_CPUINFO", file)
    return processor.processor()


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        (ZEN5, "avx512_bf16"),
        (f"{ZEN5} amx_tile amx_bf16", "amx"),
        ("avx avx2 fma avx512f avx512bw avx512vl", "avx512"),
        ("avx avx2 fma f16c", "avx2"),
        ("sse4_2 avx", "other"),
    ],
)
def test_the_class_follows_from_the_flags(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: str, kind: Kind
) -> None:
    found = told(monkeypatch, tmp_path, f"processor\t: 0\nmodel name\t: AMD EPYC 7B13\nflags\t\t: {flags}\n")
    assert (found.name, found.kind, found.imitated) == ("AMD EPYC 7B13", kind, False)


@pytest.mark.parametrize("text", [None, "", "processor\t: 0\nFeatures\t: fp asimd bf16 i8mm\n", "\xff garbage"])
def test_a_processor_that_does_not_tell_is_of_the_last_class(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None
) -> None:
    found = told(monkeypatch, tmp_path, text)
    assert found.kind == "other"
    assert found.cores >= 1
    assert found.memory_mib > 0
    assert found.label.startswith("no AVX2, ")


def test_the_environment_keeps_it_to_a_lower_class_and_never_lifts_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "avx2")
    found = told(monkeypatch, tmp_path, f"flags : {ZEN5}\n")
    assert (found.kind, found.vnni, found.imitated) == ("avx2", False, True)
    assert "AVX2 (imitated)" in found.label
    processor.processor.cache_clear()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")
    found = told(monkeypatch, tmp_path, "flags : avx2 fma avx_vnni\n")
    assert (found.kind, found.vnni, found.label.partition(",")[0]) == ("avx2", True, "AVX2 with VNNI")


def test_a_container_with_half_a_core_has_one_and_its_own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # what joblib counts with, as it does with a container's share
    monkeypatch.setattr(Path, "read_text", lambda path, **_: "536870912\n" if "cgroup" in str(path) else "")
    found = processor.processor()
    assert (found.cores, found.memory_mib) == (1, 512)
    assert found.label.endswith(", 1 core")


def test_openvino_is_told_of_a_share_that_it_does_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.processor.os.cpu_count", lambda: 8)
    monkeypatch.setattr(processor, "processor", lambda: Processor("some", "avx2", 1, 2000))
    assert processor.openvino_threads() == {"INFERENCE_NUM_THREADS": 1}
    monkeypatch.setattr(processor, "processor", lambda: Processor("some", "avx2", 8, 2000))
    assert processor.openvino_threads() == {}


@pytest.mark.parametrize(
    ("kind", "listed", "chosen"),
    [
        ("avx512_bf16", True, "bf16"),
        ("amx", True, "bf16"),
        ("avx512", True, "f32"),  # it takes bf16 and is slower with it
        ("avx2", True, "f32"),  # imitated: OpenVINO lists what the processor has
        ("avx2", False, "f32"),
        ("other", True, "bf16"),  # an ARM processor that has it
        ("other", False, "f32"),
    ],
)
def test_openvino_computes_in_bf16_only_where_both_say_so(
    monkeypatch: pytest.MonkeyPatch, kind: Kind, listed: bool, chosen: str
) -> None:
    import openvino

    class Core:
        def get_property(self, device: str, name: str) -> list[str]:
            return ["FP32", *["BF16"] * listed]

    monkeypatch.setattr(openvino, "Core", Core)
    monkeypatch.setattr(precision, "processor", lambda: Processor("some", kind, 2, 8000))
    assert precision.openvino_precision() == chosen


def test_what_is_measured_decides_and_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import torch

    kept, measured = tmp_path / "kept" / "processor.json", []

    def measure(bf16: float) -> None:
        def rates() -> dict[str, float]:
            measured.append(bf16)
            return {"float32": 100.0, "bfloat16": bf16}

        monkeypatch.setattr(precision, "products_per_second", rates)
        precision._torch_has_bf16.cache_clear()

    monkeypatch.setattr(precision, "MEASURED", kept)
    monkeypatch.setattr(precision, "_onednn_takes_bf16", lambda: True)
    measure(110)  # not enough to give up precision for
    assert precision.torch_dtype() == torch.float32
    assert not precision.trains_in_bf16()
    measure(400)
    assert precision.torch_dtype() == torch.float32  # as it was measured before
    assert measured == [110]
    kept.write_text("{")
    assert precision.torch_dtype() == torch.float32  # of this process
    precision._torch_has_bf16.cache_clear()
    assert precision.torch_dtype() == torch.bfloat16  # a damaged file is measured again
    assert list(json.loads(kept.read_text()).values()) == [{"float32": 100.0, "bfloat16": 400.0}]
    monkeypatch.setattr(precision, "_onednn_takes_bf16", lambda: False)
    precision._torch_has_bf16.cache_clear()
    assert precision.torch_dtype() == torch.float32  # its word is enough
    assert precision.torch_dtype("cuda") == precision.torch_dtype(0) == torch.bfloat16


def test_no_module_but_one_names_the_format() -> None:
    naming = [
        str(path.relative_to(ROOT))
        for folder in ("core", "index", "generator", "rag", "ui", "bench")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"bfloat16|INFERENCE_PRECISION_HINT\W+bf16", path.read_text(encoding="utf-8"))
    ]
    assert naming == ["core/precision.py"]


def test_the_doctor_says_what_follows(capsys: pytest.CaptureFixture[str]) -> None:
    from core import doctor

    assert doctor.main([]) == 0
    text = capsys.readouterr().out
    assert processor.processor().label in text
    assert re.search(r"torch computes in +(bfloat16|float32) \(GFLOP/s a core: float32 \d+", text)
    assert doctor.main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["processor"]["kind"] == processor.processor().kind
    assert found["openvino"]["format"] == precision.openvino_precision()
    assert found["expect"]["embedding_per_second"] > 0


def test_the_doctor_sees_an_imitated_processor() -> None:
    command = [sys.executable, "-m", "core.doctor", "--json"]
    limits = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
    told = subprocess.run(command, cwd=ROOT, env={**os.environ, **limits}, capture_output=True, text=True, check=True)
    found = json.loads(told.stdout)
    assert found["torch"]["format"] == "float32"
    assert found["openvino"]["format"] == "f32"
    assert found["processor"]["kind"] in ("avx2", "other")
    assert "bfloat16" not in found["torch"]["gflops_a_core"]  # it would take a tenth of a second


def test_the_processor_is_a_value() -> None:
    assert dataclasses.asdict(processor.processor())["kind"] in processor.KINDS
