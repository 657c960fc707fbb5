"""Imitate a processor with AVX2 and neither AVX-512, bf16 nor VNNI, on one that has them.

python -m bench.imitate                            # prepares it, and prints the variables that a process then needs
env $(python -m bench.imitate) citewell doctor
env $(python -m bench.imitate) make test

torch obeys variables. OpenVINO asks the processor itself (CPUID), so a copy of its libraries is made in which that
instruction traps, and a small library that answers for it (mask_cpuid.c) is loaded before them. What is imitated are
instructions, not speed: a processor of today multiplies float32 about twice as fast as one of 2020.
"""

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from core.command import command_parser
from core.errors import CiteWellError, run_command
from core.files import new_folder
from core.settings import load

PACKAGES = ("openvino", "openvino_genai", "openvino_tokenizers")
LIMITS = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
QUIET = {"PYTEST_ADDOPTS": "-pno:faulthandler"}
"""The variable that keeps pytest from reporting every trap as a crash."""
CPUID, TRAP = b"\x0f\xa2", b"\x0f\x0b"
_LEAD = 64
"""Bytes before an address from which it is disassembled, so that the disassembler falls into step."""


def imitation(folder: Path | None = None) -> dict[str, str]:
    """The variables of a process that imitates the processor; what they name is made once.

    Args:
        folder: where; by default `avx2` beside the prepared checkpoints.

    Raises:
        CiteWellError: no x86-64 Linux, a tool (gcc, objdump) is missing, or OpenVINO is not installed.
        OSError: the disk is full or the folder cannot be written.
    """
    folder = folder or Path(load().generator.cache).parent / "avx2"
    library, packages = folder / "mask_cpuid.so", folder / "packages"
    if not library.is_file():
        with new_folder(folder, "mask_cpuid.so") as made:
            for name in PACKAGES:
                _trapping_copy(name, made / "packages")
            source = Path(__file__).with_name("mask_cpuid.c")
            _run("gcc", "-O2", "-shared", "-fPIC", "-o", made / "mask_cpuid.so", source)
    path = os.pathsep.join(filter(None, [str(packages.absolute()), os.environ.get("PYTHONPATH", "")]))
    return {**LIMITS, **QUIET, "LD_PRELOAD": str(library.absolute()), "PYTHONPATH": path}


def _trapping_copy(package: str, target: Path) -> None:
    """Copy a package, each CPUID instruction of its libraries replaced by one that traps."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise CiteWellError(f"{package} is not installed, so nothing can be imitated; install it: make app")
    shutil.copytree(spec.submodule_search_locations[0], target / package)
    for library in [*(target / package).rglob("*.so"), *(target / package).rglob("*.so.*")]:
        content = bytearray(library.read_bytes())
        for address, offset in _cpuid_instructions(library, bytes(content)):
            if _is_instruction(library, address):
                content[offset : offset + len(TRAP)] = TRAP
        library.write_bytes(content)


def _cpuid_instructions(library: Path, content: bytes) -> list[tuple[int, int]]:
    """Address and offset in the file of every place in the library's code that has CPUID's bytes."""
    found = []
    for line in _run("objdump", "-h", "-w", library).splitlines():
        cells = line.split()  # number, name, size, address, load address, offset, alignment, flags
        if len(cells) > 6 and cells[0].isdigit() and "CODE" in line:
            size, address, offset = (int(cells[place], 16) for place in (2, 3, 5))
            part = content[offset : offset + size]
            found += [(address + match.start(), offset + match.start()) for match in re.finditer(CPUID, part)]
    return found


def _is_instruction(library: Path, address: int) -> bool:
    """Whether CPUID's bytes there are that instruction, and not a part of another one."""
    limits = (f"--start-address={address - _LEAD}", f"--stop-address={address + 16}")
    return re.search(rf"^\s*{address:x}:\s+0f a2\s+cpuid", _run("objdump", "-d", *limits, library), re.M) is not None


def _run(tool: str, *arguments: str | Path) -> str:
    try:
        return subprocess.run([tool, *arguments], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        raise CiteWellError(f"{tool} is not installed; install it (Debian: apt install gcc binutils)") from None
    except subprocess.CalledProcessError as error:
        raise CiteWellError(f"{tool} failed: {error.stderr.strip()[-200:]}; imitate on x86-64 Linux") from error


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("bench.imitate", __doc__)
    parser.add_argument("--to", metavar="DIR", type=Path, help="where to prepare it (default: artifacts/avx2)")
    arguments = parser.parse_args(argv)
    print(" ".join(f"{name}={value}" for name, value in imitation(arguments.to).items()))
    return 0


if __name__ == "__main__":
    run_command(main)
