"""One place that keeps the libraries' own chatter and telemetry off our users' terminals."""

import logging
import os


def quieten() -> None:
    """Switch off telemetry, progress bars of internal steps, and notices that a user cannot act on.

    Call it before transformers is imported; calling it again does no harm.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # "please install kernels" on every CPU start
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
