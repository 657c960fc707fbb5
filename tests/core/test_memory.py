import subprocess
import sys

import pytest

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
