"""One place that keeps the libraries' own chatter and telemetry off our users' terminals."""

import ctypes
import logging
import os
import sys
import warnings
from functools import cache


def quieten() -> None:
    """Switch off telemetry, progress bars of internal steps, and notices that a user cannot act on.

    Call it before transformers is imported; calling it again does no harm.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # peft and trl know checkpointing of activations by its old name.
    warnings.filterwarnings("ignore", ".*gradient_checkpointing", FutureWarning)
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # "please install kernels" on every CPU start
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


@cache
def cuda_available() -> bool:
    """Whether torch can use an NVIDIA card. Torch (seconds, half a gigabyte) is imported only where a driver is."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    import torch

    return torch.cuda.is_available()
