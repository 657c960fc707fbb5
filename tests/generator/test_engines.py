import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from core.errors import EngineError, SettingsError
from core.settings import GeneratorSettings
from generator.engine_openai import OpenAIEngine
from generator.engine_transformers import TransformersEngine
from generator.engines import load_engine
from tests.servers import serve

CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]


@pytest.fixture
def engine(tiny_qwen: Path, tmp_path: Path) -> TransformersEngine:
    engine = load_engine(GeneratorSettings(model=str(tiny_qwen), cache=str(tmp_path), device="cpu"))
    assert isinstance(engine, TransformersEngine)
    return engine


def generate(engine: TransformersEngine, tokens: int, temperature: float = 0.0) -> tuple[str, int, int]:
    chunks = list(engine.stream(CHAT, max_new_tokens=tokens, temperature=temperature))
    return "".join(chunk.text for chunk in chunks), chunks[-1].prompt_tokens, chunks[-1].answer_tokens


def test_transformers_streams_and_counts(engine: TransformersEngine) -> None:
    text, prompt_tokens, answer_tokens = generate(engine, 12)
    assert engine.render(CHAT).endswith("<|im_start|>assistant\n")
    assert prompt_tokens == engine.count_tokens(CHAT) > len("Be brief.Hello?")
    assert 0 < answer_tokens <= 12
    assert len(text) <= 12
    assert generate(engine, 12)[0] == text  # greedy decoding is repeatable


def test_transformers_can_sample(engine: TransformersEngine) -> None:
    assert len({generate(engine, 20, temperature=5.0)[0] for _ in range(4)}) > 1


def test_closing_a_stream_stops_the_model(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    generation = type(engine._model.generation_config)
    monkeypatch.setattr(engine._model.generation_config, "eos_token_id", None)
    stream = engine.stream(CHAT, max_new_tokens=1900, temperature=0.0)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert not any(thread.name == "generate" for thread in threading.enumerate())
    assert isinstance(engine._model.generation_config, generation)
    assert generate(engine, 3)[2] == 3  # and the engine is free again


def test_a_generation_that_breaks_off_is_an_error(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(engine._model, "generate", broken)
    with pytest.raises(EngineError, match="generation broke off: out of memory"):
        generate(engine, 3)


def test_an_adapter_is_applied(tiny_qwen: Path, tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_qwen),
        LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.fill_(1.0)
    model.save_pretrained(tmp_path / "adapter")
    settings = GeneratorSettings(model=str(tiny_qwen), cache=str(tmp_path), adapter=str(tmp_path / "adapter"))
    tuned = load_engine(settings)
    assert tuned.identity["adapter"] == str(tmp_path / "adapter")
    plain = load_engine(GeneratorSettings(model=str(tiny_qwen), cache=str(tmp_path)))
    assert isinstance(tuned, TransformersEngine)
    assert isinstance(plain, TransformersEngine)
    assert generate(tuned, 12)[0] != generate(plain, 12)[0]


def test_an_adapter_folder_that_is_none(tiny_qwen: Path, tmp_path: Path) -> None:
    settings = GeneratorSettings(model=str(tiny_qwen), cache=str(tmp_path), adapter=str(tmp_path))
    with pytest.raises(EngineError, match=r"no adapter_config\.json in .*; expected the folder of a LoRA adapter"):
        load_engine(settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (GeneratorSettings(engine="llama"), "unknown generator.engine 'llama'; expected auto, transformers or openai"),
        (GeneratorSettings(engine="openai"), "needs generator.base_url and generator.remote_model, such as http://127"),
    ],
)
def test_settings_that_name_no_engine(settings: GeneratorSettings, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_engine(settings)


class Server(BaseHTTPRequestHandler):
    requests: list[dict[str, Any]]
    status = 200

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).requests.append({"path": self.path, **body})
        if self.status != 200:
            reply = json.dumps({"error": {"message": "no such model"}}).encode()
            self.send_response(self.status)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for text in ("Hel", "lo."):
            self._event({"choices": [{"index": 0, "delta": {"content": text}}]})
        self._event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, content: dict[str, Any]) -> None:
        event = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", **content}
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())


@pytest.fixture
def server() -> Iterator[str]:
    Server.requests, Server.status = [], 200
    with serve(Server) as url:
        yield url


def test_openai_streams_from_a_server(server: str) -> None:
    engine = load_engine(GeneratorSettings(base_url=f"{server}/v1", remote_model="m"))
    assert isinstance(engine, OpenAIEngine)
    chunks = list(engine.stream(CHAT, max_new_tokens=5, temperature=0.5))
    assert "".join(chunk.text for chunk in chunks) == "Hello."
    assert (chunks[-1].prompt_tokens, chunks[-1].answer_tokens) == (9, 2)
    sent = Server.requests[0]
    assert sent["path"] == "/v1/chat/completions"
    assert sent["messages"] == CHAT == json.loads(engine.render(CHAT))
    assert (sent["model"], sent["max_tokens"], sent["temperature"]) == ("m", 5, 0.5)
    assert engine.count_tokens(CHAT) > 5


def test_azure_has_its_own_paths(server: str) -> None:
    engine = load_engine(GeneratorSettings(base_url=server, remote_model="m", api_version="2024-10-21"))
    list(engine.stream(CHAT, max_new_tokens=5, temperature=0.0))
    assert Server.requests[0]["path"] == "/openai/deployments/m/chat/completions?api-version=2024-10-21"


def test_a_server_that_refuses_or_is_not_there(server: str) -> None:
    Server.status = 404
    engine = load_engine(GeneratorSettings(base_url=f"{server}/v1", remote_model="m"))
    with pytest.raises(EngineError, match="answered 404 for 'm': .*no such model"):
        list(engine.stream(CHAT, max_new_tokens=5, temperature=0.0))
    away = load_engine(GeneratorSettings(base_url="http://127.0.0.1:9/v1", remote_model="m"))
    with pytest.raises(EngineError, match="no answer from http://127.0.0.1:9/v1; start the server, or unset"):
        list(away.stream(CHAT, max_new_tokens=5, temperature=0.0))
