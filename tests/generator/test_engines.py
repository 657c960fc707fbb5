import dataclasses
import json
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest

from core.errors import EngineError, SettingsError, WeightsError
from core.settings import GeneratorSettings
from generator.engines import engine_name, load_engine
from generator.engines import openvino as engine_openvino
from generator.engines.base import Chat, Engine
from generator.engines.openai import OpenAIEngine
from generator.engines.transformers import TransformersEngine
from tests.servers import serve

CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]


@pytest.fixture(scope="module", params=["transformers", "openvino"])
def engine(request: pytest.FixtureRequest, tiny_qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Each engine that runs in this process, with the same small weights."""
    cache = str(tmp_path_factory.mktemp("cache"))
    loaded = load_engine(GeneratorSettings(model=str(tiny_qwen), cache=cache, engine=request.param, quant="f16"))
    assert loaded.identity["engine"] == request.param
    return loaded


def generate(engine: Engine, tokens: int, temperature: float = 0.0, chat: Chat = CHAT) -> tuple[str, int, int]:
    chunks = list(engine.stream(chat, max_new_tokens=tokens, temperature=temperature))
    return "".join(chunk.text for chunk in chunks), chunks[-1].prompt_tokens, chunks[-1].answer_tokens


def endless(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing but the number of tokens end an answer."""
    if isinstance(engine, TransformersEngine):
        monkeypatch.setattr(engine._model.generation_config, "eos_token_id", None)
    else:
        monkeypatch.setattr(engine, "_stop_tokens", {287})


def test_an_engine_streams_and_counts(engine: Engine) -> None:
    text, prompt_tokens, answer_tokens = generate(engine, 12)
    assert engine.render(CHAT).endswith("<|im_start|>assistant\n")
    assert prompt_tokens == engine.count_tokens(CHAT) > len("Be brief.Hello?")
    assert 0 < answer_tokens <= 12
    assert len(text) <= 12
    assert generate(engine, 12)[0] == text  # greedy decoding is repeatable


def test_both_engines_write_the_same(tiny_qwen: Path, tmp_path: Path) -> None:
    texts = [
        generate(load_engine(GeneratorSettings(model=str(tiny_qwen), cache=str(tmp_path), engine=name, quant="f16")), 8)
        for name in ("transformers", "openvino")
    ]
    # OpenVINO leaves out bytes that are no whole character; random weights write such ones.
    assert texts[0][0].replace("\ufffd", "") == texts[1][0].replace("\ufffd", "") != ""
    assert texts[0][1:] == texts[1][1:]


def test_an_engine_can_sample(engine: Engine) -> None:
    assert len({generate(engine, 20, temperature=5.0)[0] for _ in range(4)}) > 1


def test_closing_a_stream_stops_the_model(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    endless(engine, monkeypatch)
    stream = engine.stream(CHAT, max_new_tokens=1900, temperature=0.0)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert not any(thread.name == "generate" for thread in threading.enumerate())
    assert generate(engine, 3)[2] == 3  # and the engine is free again


def test_a_generation_that_breaks_off_is_an_error(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        device = "cpu"
        generation_config = getattr(getattr(engine, "_model", None), "generation_config", None)

        def generate(self, *_: Any, **__: Any) -> None:
            raise RuntimeError("a place in the source\nout of memory")

    monkeypatch.setattr(engine, "_model" if isinstance(engine, TransformersEngine) else "_pipeline", Broken())
    with pytest.raises(EngineError, match="generation broke off: .*out of memory|generation broke off: a place"):
        generate(engine, 3)
    monkeypatch.undo()
    assert generate(engine, 3)[2] == 3  # the next one has its turn


def test_sixteen_at_once_all_finish_and_none_is_mixed_with_another(engine: Engine) -> None:
    chats = [[{"role": "user", "content": f"Question {chr(65 + number) * 3}?" * number}] for number in range(16)]
    alone = [generate(engine, 8, chat=chat) for chat in chats]
    assert len({text for text, *_ in alone}) >= 6  # random weights do not always write something else
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda chat: generate(engine, 8, chat=chat), chats)) == alone


def test_whoever_waits_is_told_how_many_are_ahead_and_may_leave(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless(engine, monkeypatch)
    first = engine.stream(CHAT, max_new_tokens=1900, temperature=0.0)
    next(first)
    second, third = (engine.stream(CHAT, max_new_tokens=2, temperature=0.0) for _ in range(2))
    assert next(second).ahead == 1
    assert next(third).ahead == 2
    second.close()  # type: ignore[attr-defined]
    assert next(third).ahead == 1
    first.close()  # type: ignore[attr-defined]
    rest = list(third)
    assert rest[-1].answer_tokens == 2
    assert all(chunk.ahead == 0 for chunk in rest)


@pytest.mark.parametrize(
    "failure", [EngineError("no such instruction"), ImportError("No module named 'openvino_genai'")]
)
def test_where_openvino_cannot_run_transformers_does_and_it_is_said_once(
    told: list[str], tiny_qwen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def refused(*_: object) -> None:
        raise failure

    monkeypatch.setattr(engine_openvino.OpenVinoEngine, "__init__", refused)
    settings = GeneratorSettings(model=str(tiny_qwen), cache=str(tmp_path))
    assert isinstance(load_engine(settings), TransformersEngine)
    assert told == [f"notice: answering with transformers, which is slower: {failure}"]
    with pytest.raises(type(failure), match=str(failure)):  # asked for by name, it is not replaced
        load_engine(dataclasses.replace(settings, engine="openvino"))


def test_a_fault_of_the_adapter_is_reported_once_and_as_what_it_is(
    told: list[str], tiny_qwen: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    torn = shutil.copytree(tiny_adapter, tmp_path / "torn")
    (torn / "adapter_model.safetensors").write_bytes(b"torn")
    with pytest.raises((WeightsError, EngineError), match="adapter"):
        load_engine(GeneratorSettings(model=str(tiny_qwen), cache=str(tmp_path / "cache"), adapter=str(torn)))
    assert not [line for line in told if "slower" in line]


def test_a_quant_that_is_none(tiny_qwen: Path, tmp_path: Path) -> None:
    settings = GeneratorSettings(model=str(tiny_qwen), cache=str(tmp_path), quant="q3")
    with pytest.raises(SettingsError, match=r"unknown generator\.quant 'q3'; expected f16, q8_0, q4_0"):
        load_engine(settings)


def test_what_auto_means(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = GeneratorSettings()
    assert engine_name(settings) == "openvino"
    assert engine_name(dataclasses.replace(settings, base_url="http://127.0.0.1:1/v1")) == "openai"
    monkeypatch.setattr("generator.engines.cuda_available", lambda: True)
    assert engine_name(settings) == "transformers"
    assert engine_name(dataclasses.replace(settings, device="cpu")) == "openvino"
    assert engine_name(dataclasses.replace(settings, engine="openai")) == "openai"


@pytest.mark.parametrize("engine", ["openvino", "transformers"])
def test_an_adapter_is_applied(tiny_qwen: Path, tiny_adapter: Path, tmp_path: Path, engine: str) -> None:
    settings = GeneratorSettings(model=str(tiny_qwen), cache=str(tmp_path), engine=engine, adapter=str(tiny_adapter))
    tuned = load_engine(settings)
    assert tuned.identity["adapter"].startswith("tiny@")
    plain = load_engine(dataclasses.replace(settings, adapter=""))
    assert plain.identity["adapter"] == ""
    assert generate(tuned, 12)[0] != generate(plain, 12)[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (GeneratorSettings(engine="llama"), "unknown generator.engine 'llama'; expected auto, openvino, trans"),
        (GeneratorSettings(engine="openai"), "needs generator.base_url and generator.remote_model, such as http://127"),
    ],
)
def test_settings_that_name_no_engine(settings: GeneratorSettings, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_engine(settings)


class Server(BaseHTTPRequestHandler):
    requests: list[dict[str, Any]]
    status = 200
    end: ClassVar[dict[str, Any] | None] = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    text = "lo."

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
        for text in ("Hel", self.text):
            self._event({"choices": [{"index": 0, "delta": {"content": text}}]})
        if self.end is None:
            return
        self._event(self.end)
        self._event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, content: dict[str, Any]) -> None:
        event = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", **content}
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Server.requests, Server.status = [], 200
    monkeypatch.setattr(Server, "end", Server.end)  # both are put back after a test that changes them
    monkeypatch.setattr(Server, "text", Server.text)
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


@pytest.mark.parametrize("end", [None, {"choices": []}])
def test_an_answer_that_the_server_breaks_off_is_no_answer(server: str, end: dict[str, Any] | None) -> None:
    Server.end = end
    engine = load_engine(GeneratorSettings(base_url=f"{server}/v1", remote_model="m"))
    written = engine.stream(CHAT, max_new_tokens=5, temperature=0.0)
    assert next(written).text + next(written).text == "Hello."
    with pytest.raises(EngineError, match="broke off"):
        next(written)


def test_half_a_character_of_a_server_harms_nobody(server: str) -> None:
    Server.text = "lo\ud800\x1b[31m."
    engine = load_engine(GeneratorSettings(base_url=f"{server}/v1", remote_model="m"))
    chunks = list(engine.stream(CHAT, max_new_tokens=5, temperature=0.0))
    assert "".join(chunk.text for chunk in chunks) == "Hello\ufffd[31m."


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
