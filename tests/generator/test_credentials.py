"""What a remote engine is trusted with stands in no receipt, error, log or printed line."""

import dataclasses
import json
import logging
from http.server import BaseHTTPRequestHandler

import pytest

from core.errors import EngineError
from core.settings import GeneratorSettings
from generator import models
from generator.engines import load_engine
from generator.engines.credentials import Credentials
from generator.llm import QwenChat
from rag.answer import Answer
from rag.answerer import made_by
from rag.receipt import receipt, to_html
from tests.servers import serve

KEY, USER, PASSWORD, TOKEN = "sk-very-secret", "clinic", "pass word", "tok-12345"
CHAT = [{"role": "user", "content": "Hello?"}]


class Echo(BaseHTTPRequestHandler):
    """A server that refuses, and repeats what it was sent; or one that never stops."""

    endless = False

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.endless:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            event = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
            event["choices"] = [{"index": 0, "delta": {"content": "la "}}]
            for _ in range(1000):
                self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
            return
        said = f"wrong key: {self.headers['Authorization']} in {self.path} {PASSWORD}" + " x" * 1000
        body = json.dumps({"error": {"message": said}}).encode()
        self.send_response(401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def settings(url: str) -> GeneratorSettings:
    named = url.replace("://", f"://{USER}:pass%20word@") + f"/v1?token={TOKEN}"
    return GeneratorSettings(engine="openai", base_url=named, remote_model="m")


def secrets_in(text: str) -> list[str]:
    return [secret for secret in (KEY, USER, PASSWORD, "pass%20word", TOKEN) if secret in text]


def test_a_server_that_repeats_the_key_does_not_get_it_into_an_error_or_a_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    with serve(Echo) as url:
        engine = load_engine(settings(url))
        with pytest.raises(
            EngineError, match=r"/v1 answered 401 for 'm': .*wrong key: Basic … in /v1/chat/completions\?token=… …"
        ) as failed:
            list(engine.stream(CHAT, max_new_tokens=5, temperature=0.0))
        keyed = load_engine(dataclasses.replace(settings(url), base_url=f"{url}/v1"))
        with pytest.raises(EngineError, match="wrong key: Bearer … in /v1/chat/completions"):
            list(keyed.stream(CHAT, max_new_tokens=5, temperature=0.0))
        logging.getLogger("citewell").error("it failed", exc_info=failed.value)
    assert not secrets_in(str(failed.value))
    assert len(str(failed.value)) < 500
    assert "it failed" in caplog.text
    assert not secrets_in(caplog.text)


def test_no_receipt_or_printed_line_names_credentials(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    given = settings("http://127.0.0.1:9")
    model = made_by(QwenChat(engine=load_engine(given)))
    assert model["base_url"] == "http://127.0.0.1:9/v1"
    made = receipt(Answer("q", "q", model=model))
    monkeypatch.setenv("CITEWELL_GENERATOR_ENGINE", "openai")
    monkeypatch.setenv("CITEWELL_GENERATOR_BASE_URL", given.base_url)
    assert models.main([]) == 0
    printed = capsys.readouterr().out
    assert "http://127.0.0.1:9/v1" in printed
    assert not secrets_in(made.to_json() + to_html(made) + printed)


def test_a_key_that_crosses_the_network_in_clear_is_said_without_it(told: list[str]) -> None:
    Credentials("http://models.example/v1", KEY).keep_out_of_logs()
    Credentials("https://models.example/v1", KEY).keep_out_of_logs()
    Credentials("http://127.0.0.1:8000/v1", KEY).keep_out_of_logs()
    Credentials("http://models.example/v1").keep_out_of_logs()
    assert told == ["notice: the key for http://models.example/v1 crosses the network in clear; use https"]
    assert KEY not in repr(Credentials("http://models.example/v1", KEY))
    assert Credentials("http://[").shown == "…"


def test_a_server_that_never_stops_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Echo, "endless", True)
    with serve(Echo) as url:
        engine = load_engine(GeneratorSettings(base_url=f"{url}/v1", remote_model="m"))
        with pytest.raises(EngineError, match="did not stop after 5 tokens"):
            list(engine.stream(CHAT, max_new_tokens=5, temperature=0.0))
