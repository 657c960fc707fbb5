"""Load a causal language model in the format that this machine multiplies fast, or in 4 bits."""

from pathlib import Path
from typing import Any

from core.errors import EngineError
from core.libraries import quieten
from core.memory import keep_freed_memory
from core.precision import stored_dtype, torch_dtype
from core.processor import processor

quieten()

import torch  # noqa: E402
from safetensors import SafetensorError  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BitsAndBytesConfig,
)


def load_model(
    folder: Path,
    device: str | int = "cpu",
    *,
    in_4bit: bool = False,
    adapter: Path | None = None,
    as_stored: bool = False,
    scores: bool = False,
) -> Any:
    """A checkpoint in the format that the device multiplies fast (`core.precision`), or in NF4 with double quantisation
    (QLoRA: Dettmers et al. 2023, arXiv 2305.14314), with a LoRA adapter over it where one is named.

    On a CPU with AVX512-BF16, bitsandbytes rewrites 4-bit weights in place at the first evaluation, and they cannot be
    trained on from there. That is switched off, so that a model may be evaluated while it is trained. From then on the
    process keeps the memory that it frees (`core.memory`).

    Args:
        as_stored: keep the 16 bits of the checkpoint, which is to be merged and not multiplied: every machine then
            merges to the same bytes.
        scores: load it to give one score for a text (a reward model), and not to write.

    Raises:
        EngineError: the folder or the adapter does not load.
    """
    dtype = stored_dtype() if as_stored else torch_dtype(device)
    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",  # the library's own default is fp4
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    if device == "cpu":
        keep_freed_memory()
        torch.set_num_threads(min(torch.get_num_threads(), processor().cores))  # of a container, its share
    kind, more = (AutoModelForSequenceClassification, {"num_labels": 1}) if scores else (AutoModelForCausalLM, {})
    try:
        model: Any = kind.from_pretrained(
            folder,
            **more,
            dtype=dtype,
            quantization_config=quantization if in_4bit else None,
            device_map={"": device},
            local_files_only=True,
        )
        for module in model.modules():
            if hasattr(module, "support_avx512bf16_for_cpu"):
                module.support_avx512bf16_for_cpu = False
        if adapter is not None:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, adapter)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        what = f"{adapter} over {folder}" if adapter else str(folder)
        raise EngineError(f"{what} does not load: {error}; is it a causal language model?") from error
    return model


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a checkpoint, with its chat template.

    Raises:
        EngineError: it has none that loads, or one without a chat template.
    """
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise EngineError(f"{folder} has no tokenizer that loads: {error}") from error
    if not tokenizer.chat_template:
        raise EngineError(
            f"{folder} has no chat template; write one to {folder}/chat_template.jinja (docs/other-models.md has one), "
            "or take an instruction-tuned model"
        )
    return tokenizer
