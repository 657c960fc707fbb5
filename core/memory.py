"""How the C library's allocator deals with the kernel."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""Options of glibc's mallopt(3)."""


def keep_freed_memory() -> bool:
    """Let glibc keep what is freed for what is asked for next; whether it does.

    By default each large tensor is a mapping of its own, which the kernel fills with zeros and takes back: without
    that, a training step on two cores reads 113 tokens a second instead of 83. The process stays as large as it once
    was. Elsewhere than over glibc nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, -1))
