"""One place that keeps the libraries' own chatter and telemetry off our users' terminals."""

import ctypes
import logging
import os
import sys
import warnings
from functools import cache

SWITCHES = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "LANGCHAIN_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "LANGSMITH_TRACING_V2": "false",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "WANDB_ERROR_REPORTING": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Variables by which libraries are told to report nothing. They are set whatever they were before: a shell that traces
another project to LangSmith would send it every question."""


def report_nothing() -> None:
    """Switch off the telemetry of every library; call it before any of them is imported."""
    os.environ.update(SWITCHES)
    # OpenVINO has no variable for it, and reports where this package can be imported. None makes the import fail.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def quieten() -> None:
    """Switch off telemetry, progress bars of internal steps, and notices that a user cannot act on.

    Call it before transformers is imported; calling it again does no harm.
    """
    report_nothing()
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
