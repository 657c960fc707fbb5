"""Write a checkpoint as one GGUF file, which OpenVINO GenAI, llama.cpp and their like open directly.

citewell export                                   # the default weights, as Q8_0
citewell export --quant q4_0 --to qwen-q4.gguf
citewell export --model artifacts/merged --quant f16 --to merged.gguf

The format is that of https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; names of tensors, quantisers and the
writer are those of its own `gguf` package.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gguf
import numpy as np

from core.command import command_parser
from core.errors import WeightsError, run_command
from core.files import new_file
from core.paths import artifacts
from core.progress import bar, log
from core.settings import load
from generator.weights import Weights, prepare_weights

if TYPE_CHECKING:
    from safetensors import safe_open

ARCHITECTURES = {"qwen2": gguf.MODEL_ARCH.QWEN2}
"""`model_type` of the checkpoint -> architecture of the GGUF. Others need their tensors permuted or split first."""
QUANTS = {
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "q4_0": (gguf.GGMLQuantizationType.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),
}
VOCABULARY = ("token_embd.weight", "output.weight")
"""Kept at eight bits by q4_0: they decide which word is written, and cost little time."""


def export(weights: Weights, quant: str, target: Path) -> None:
    """Write the GGUF of a checkpoint to `target`, whole or not at all.

    Args:
        weights: a checkpoint of the Qwen2 family (with tokenizer.json), adapter already merged.
        quant: a key of `QUANTS`; vectors (norms, biases) stay float32 in each.

    Raises:
        WeightsError: another architecture, a tensor without a name in GGUF, or no fast BPE tokenizer.
        OSError: the disk is full or the folder cannot be written; `target` is then as it was before.
    """
    config = _config(weights.folder)
    log.info(f"writing the weights as GGUF ({quant})")
    with new_file(target) as partial:
        writer = gguf.GGUFWriter(partial, config["model_type"])
        _add_metadata(writer, config, weights.name, QUANTS[quant][1])
        _add_tokenizer(writer, weights.folder, config)
        try:
            with _checkpoint(weights.folder) as shards:
                _write_tensors(writer, shards, config, QUANTS[quant][0])
        finally:
            writer.close()


def _config(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    if config.get("model_type") not in ARCHITECTURES:
        raise WeightsError(
            f"{folder} is a {config.get('model_type')!r} model, only {', '.join(ARCHITECTURES)} can be exported; "
            "use engine transformers for it: CITEWELL_GENERATOR_ENGINE=transformers"
        )
    return config


def _add_metadata(writer: gguf.GGUFWriter, config: dict[str, Any], name: str, file_type: gguf.LlamaFileType) -> None:
    rope = config.get("rope_parameters") or config
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _add_tokenizer(writer: gguf.GGUFWriter, folder: Path, config: dict[str, Any]) -> None:
    """Tokens, merges, special tokens and the chat template; unused rows of the embedding are named [PADn]."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    if tokenizer["model"]["type"] != "BPE":
        raise WeightsError(f"{folder}/tokenizer.json is a {tokenizer['model']['type']} tokenizer; expected BPE")
    size = config["vocab_size"]
    tokens = [f"[PAD{number}]" for number in range(size)]
    types = [gguf.TokenType.UNUSED] * size
    for token, number in tokenizer["model"]["vocab"].items():
        tokens[number] = token
        types[number] = gguf.TokenType.UNUSED if token == f"[PAD{number}]" else gguf.TokenType.NORMAL
    for added in tokenizer["added_tokens"]:
        tokens[added["id"]] = added["content"]
        types[added["id"]] = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    logging.getLogger("gguf").setLevel(logging.ERROR)
    gguf.SpecialVocab(folder, load_merges=True, n_vocab=size).add_to_gguf(writer, quiet=True)
    writer.add_add_bos_token(False)


@contextmanager
def _checkpoint(folder: Path) -> Iterator[dict[str, "safe_open"]]:
    """Tensor name -> the opened shard that holds it; tensors are read when they are asked for."""
    from contextlib import ExitStack

    from safetensors import safe_open

    with ExitStack() as stack:
        shards = [stack.enter_context(safe_open(path, framework="pt")) for path in sorted(folder.glob("*.safetensors"))]
        yield {name: shard for shard in shards for name in shard.keys()}  # noqa: SIM118 - no mapping


def _write_tensors(
    writer: gguf.GGUFWriter, shards: dict[str, "safe_open"], config: dict[str, Any], quant: gguf.GGMLQuantizationType
) -> None:
    names = gguf.get_tensor_name_map(ARCHITECTURES[config["model_type"]], config["num_hidden_layers"])
    plan: list[tuple[str, gguf.GGMLQuantizationType]] = []
    for name, shard in shards.items():
        if config["tie_word_embeddings"] and name == "lm_head.weight":
            continue
        target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if target is None:
            raise WeightsError(f"tensor {name} has no name in GGUF; merge the adapter first: citewell merge")
        shape = shard.get_slice(name).get_shape()
        kind = _kind(target, shape, quant)
        block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
        plan.append((name, kind))
        size = int(np.prod(shape)) // block * block_bytes
        writer.add_tensor_info(target, shape, np.dtype(np.float32), size, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    with bar("exporting", len(plan), " tensors") as progress:
        for name, kind in plan:
            tensor = shards[name].get_tensor(name).float().numpy()
            writer.write_tensor_data(gguf.quantize(tensor, kind))
            progress.update()


def _kind(target: str, shape: list[int], quant: gguf.GGMLQuantizationType) -> gguf.GGMLQuantizationType:
    """The type a tensor is stored in: that asked for, where its rows divide into the type's blocks."""
    if len(shape) == 1:
        return gguf.GGMLQuantizationType.F32
    if quant is gguf.GGMLQuantizationType.Q4_0 and target in VOCABULARY:
        quant = gguf.GGMLQuantizationType.Q8_0
    return quant if shape[-1] % gguf.GGML_QUANT_SIZES[quant][0] == 0 else gguf.GGMLQuantizationType.F16


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("generator.export", __doc__)
    parser.add_argument("--model", help="`default`, a checkpoint folder, or a hub id")
    parser.add_argument("--quant", choices=QUANTS, default="q8_0", help="how weights are stored (default: q8_0)")
    parser.add_argument("--to", metavar="F", type=Path, help="the file to write (default: artifacts/NAME-QUANT.gguf)")
    arguments = parser.parse_args(argv)
    settings = load({"generator.model": arguments.model}).generator
    weights = prepare_weights(settings)
    target = arguments.to or artifacts(f"{Path(weights.name).name}-{arguments.quant}.gguf")
    export(weights, arguments.quant, target)
    print(f"{target}: {target.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    run_command(main)
