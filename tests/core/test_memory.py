import mmap
import subprocess
import sys
from pathlib import Path

import pytest

from core.memory import drop_mapped

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc is of Linux")

FAULTS = """
import resource, sys
from core.memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
b"." * 48_000_000
before = faults()
for _ in range(50):
    b"." * 48_000_000
print(faults() - before)
"""


def faults(how: str) -> int:
    """Page faults of fifty large allocations after the first."""
    run = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, check=True)
    return int(run.stdout)


def test_freed_memory_is_used_again_without_asking_the_kernel() -> None:
    assert faults("kept") * 10 < faults("as usual")


def test_a_mapped_file_leaves_the_memory_and_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "weights.bin"
    file.write_bytes(b"weights!" * 4_000_000)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert mapped[:].count(b"!") == 4_000_000
        before = resident_kib(file)
        assert drop_mapped(file) >= 32_000_000
        assert resident_kib(file) < 0.01 * before
        assert mapped[-8:] == b"weights!"


def test_what_is_not_mapped_is_not_dropped(tmp_path: Path) -> None:
    assert drop_mapped(tmp_path / "none") == 0


def resident_kib(file: Path) -> int:
    """Memory of this process that a mapped file takes."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.endswith(str(file)))
    return next(int(line.split()[1]) for line in lines[start:] if line.startswith("Rss:"))
