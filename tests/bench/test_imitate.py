import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from bench.imitate import LIMITS, QUIET, imitation
from core.errors import CiteWellError
from tests.conftest import ROOT

ASKED = """
import json, openvino
from core.precision import openvino_precision, torch_dtype
from core.processor import processor
listed = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
machine = processor()
print(json.dumps([machine.kind, machine.vnni, "BF16" in listed, openvino_precision(), str(torch_dtype())]))
"""


@pytest.mark.skipif(platform.machine() != "x86_64" or sys.platform != "linux", reason="it masks x86's CPUID on Linux")
def test_the_libraries_see_a_processor_with_avx2_and_no_more(tmp_path: Path) -> None:
    variables = imitation(tmp_path / "avx2")
    assert variables.keys() == {*LIMITS, *QUIET, "LD_PRELOAD", "PYTHONPATH"}
    command = [sys.executable, "-c", ASKED]
    asked = subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, check=True)
    kind, vnni, listed, openvino, torch = json.loads(asked.stdout)
    assert (kind in ("avx2", "other"), vnni, listed, openvino, torch) == (True, False, False, "f32", "torch.float32")
    before = (tmp_path / "avx2/mask_cpuid.so").stat().st_mtime_ns
    assert imitation(tmp_path / "avx2") == variables
    assert (tmp_path / "avx2/mask_cpuid.so").stat().st_mtime_ns == before  # made once


def test_a_missing_tool_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.imitate.PACKAGES", ())
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CiteWellError, match="gcc is not installed; install it"):
        imitation(tmp_path / "avx2")
    assert not (tmp_path / "avx2").exists()
