"""Every endpoint: what it answers, what it refuses, and that many callers get each their own answer."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.errors import WeightsError
from core.service_settings import ServiceSettings
from core.settings import IndexSettings, Settings
from generator.engines.base import Chat, Chunk
from generator.llm import QwenChat
from rag.answerer import Answerer
from rag.backend import OneAnswerer
from rag.opened import Opened
from rag.receipt import read_receipt
from service.app import create_app
from service.keys import Keys
from service.limits import Rate, TooManyError
from tests.fakes import QueueEngine
from tests.service.conftest import ByHeart, serving

QUESTION = "what is gout"


def events(text: str) -> list[tuple[str, Any]]:
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if fields.get("data", "[DONE]") != "[DONE]":
            found.append((fields.get("event", ""), json.loads(fields["data"])))
    return found


def test_an_answer_is_a_sealed_receipt(client: TestClient) -> None:
    got = client.post("/v1/answers", json={"question": QUESTION})
    assert got.status_code == 200
    answer = read_receipt(got.text).answer
    assert answer.text == "Gout is a form of arthritis. [1]"
    assert answer.evidence[0].text[slice(*_span(answer))] == answer.sentences[0].citations[0].quote


def _span(answer: Any) -> tuple[int, int]:
    citation = answer.sentences[0].citations[0]
    return citation.start, citation.end


def test_events_bring_the_evidence_first_and_the_sealed_answer_last(client: TestClient) -> None:
    got = client.post("/v1/answers", json={"question": QUESTION, "stream": True})
    kinds = events(got.text)
    assert got.headers["content-type"].startswith("text/event-stream")
    assert kinds[0][0] == "evidence"
    assert kinds[0][1]["evidence"][0]["question"] == "What is gout?"
    assert [kind for kind, _ in kinds].count("answer") == 1
    name, sealed = kinds[-1]
    assert name == "answer"
    assert read_receipt(json.dumps(sealed)).answer.finished


def test_a_search_needs_no_model(answerer: Answerer, service_settings: ServiceSettings) -> None:
    from concurrent.futures import Future

    broken: Future[Any] = Future()
    broken.set_exception(WeightsError("the weights are gone; install them again"))
    client = TestClient(
        create_app(OneAnswerer(replace(answerer, llm=broken)), service_settings), base_url="http://localhost"
    )
    found = client.post("/v1/search", json={"question": QUESTION})
    assert found.status_code == 200
    assert found.json()["hits"][0]["question"] == "What is gout?"
    refused = client.post("/v1/answers", json={"question": QUESTION})
    assert refused.status_code == 503
    assert client.get("/healthz").json()["model"] == "failed"
    assert refused.json()["error"]["message"] == "the weights are gone; install them again"
    (_, error) = events(client.post("/v1/answers", json={"question": QUESTION, "stream": True}).text)[-1]
    assert error["code"] == 503


def test_without_an_index_it_says_so(service_settings: ServiceSettings, tmp_path: Path) -> None:
    nothing = Opened(lambda: Settings(index=IndexSettings(dir=str(tmp_path / "none"))))
    client = TestClient(create_app(nothing, service_settings), base_url="http://localhost")
    for path in ("/v1/answers", "/v1/search"):
        got = client.post(path, json={"question": QUESTION})
        assert (got.status_code, got.json()["error"]["type"]) == (503, "server_error")
    assert client.get("/healthz").status_code == 503


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 422, "JSON"),
        (b'{"question": 7}', 422, "body.question"),
        (b'{"question": "a", "top": 3}', 422, "body.top"),
        (b"{}", 422, "body.question"),
        (json.dumps({"question": "x" * 20_001}).encode(), 422, "at most 20000"),
        (json.dumps({"question": "x " * 3_000}).encode(), 400, "at most 2,000"),
        (b'{"question": " ?! "}', 400, "the question is empty"),
        (b'{"question": "what is gout", "filters": {"source": "nowhere"}}', 400, "no record of"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_form(client: TestClient, body: bytes, status: int, said: str) -> None:
    got = client.post("/v1/answers", content=body, headers={"content-type": "application/json"})
    assert (got.status_code, got.json()["error"]["code"]) == (status, status)
    assert said in got.json()["error"]["message"]
    assert "xxxx" not in got.text  # what was sent may be a person's words


def test_a_body_of_ten_megabytes_is_refused_before_it_is_read(client: TestClient) -> None:
    whole = client.post("/v1/answers", content=b"x" * (10 << 20))
    in_parts = client.post("/v1/answers", content=(b"x" * (1 << 16) for _ in range(160)))
    assert [whole.status_code, in_parts.status_code] == [413, 413]
    assert "256 KiB" in whole.json()["error"]["message"]


def test_keys_open_it_and_a_revoked_one_does_not(
    answerer: Answerer, service_settings: ServiceSettings, tmp_path: Path
) -> None:
    keys = Keys(tmp_path / "keys.json")
    key = keys.add("ward-3")
    client = TestClient(create_app(OneAnswerer(answerer), service_settings), base_url="http://citewell.example")
    asked: Any = {"json": {"question": QUESTION}}
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    assert key not in (tmp_path / "keys.json").read_text()
    wrong = client.post("/v1/answers", **asked, headers={"Authorization": "Bearer cw-wrong"})
    assert [client.post("/v1/answers", **asked).status_code, wrong.status_code] == [401, 401]
    assert wrong.headers["www-authenticate"] == "Bearer"
    assert client.post("/v1/answers", **asked, headers={"Authorization": f"Bearer {key}"}).status_code == 200
    keys.revoke("ward-3")
    assert client.post("/v1/answers", **asked, headers={"Authorization": f"Bearer {key}"}).status_code == 401
    assert client.get("/healthz").status_code == 200
    (tmp_path / "keys.json").unlink()  # a lost file opens nothing
    assert client.post("/v1/answers", **asked).status_code == 401


def test_without_keys_only_this_machine_is_answered(app: FastAPI) -> None:
    rebound = TestClient(app, base_url="http://evil.example")
    assert rebound.post("/v1/answers", json={"question": QUESTION}).status_code == 400


def test_a_caller_has_so_many_requests_a_minute(answerer: Answerer, service_settings: ServiceSettings) -> None:
    few = replace(service_settings, requests_per_minute=2)
    client = TestClient(create_app(OneAnswerer(answerer), few), base_url="http://localhost")
    got = [client.post("/v1/search", json={"question": QUESTION}) for _ in range(3)]
    assert [each.status_code for each in got] == [200, 200, 429]
    assert 1 <= int(got[2].headers["retry-after"]) <= 60


def test_a_minute_later_a_caller_may_ask_again() -> None:
    now = [0.0]
    rate = Rate(1, lambda: now[0])
    rate.count("a")
    rate.count("b")
    with pytest.raises(TooManyError) as refused:
        rate.count("a")
    assert refused.value.retry_s == 60
    now[0] = 61.0
    rate.count("a")


def test_sixty_four_callers_get_each_their_own_answer_or_a_429(
    answerer: Answerer, service_settings: ServiceSettings
) -> None:
    app = create_app(OneAnswerer(answerer), replace(service_settings, at_once=2, queue=40))
    expected = {"what is gout": "Gout is a form of arthritis. [1]", "what is measles": "Measles is a very"}
    questions = list(expected) * 32
    start = threading.Barrier(64)

    def ask(question: str) -> tuple[str, int, str]:
        start.wait()
        got = httpx.post(f"{address}/v1/answers", json={"question": question}, timeout=60)
        return question, got.status_code, got.text

    with serving(app) as address, ThreadPoolExecutor(64) as pool:
        got = list(pool.map(ask, questions))
    answered = [(question, text) for question, status, text in got if status == 200]
    assert {status for _, status, _ in got} <= {200, 429}
    assert answered
    for question, text in answered:
        assert read_receipt(text).answer.question == question
        assert read_receipt(text).answer.text.startswith(expected[question])


class Endless(QueueEngine):
    """An engine that writes until it is stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = threading.Event()

    def stream(self, chat: Chat, *, max_new_tokens: int, temperature: float) -> Iterator[Chunk]:
        try:
            for number in range(100_000):
                time.sleep(0.01)
                yield Chunk(f"Gout {number} ", 40, number)
        finally:
            self.stopped.set()


def test_a_caller_who_hangs_up_stops_the_model(answerer: Answerer, service_settings: ServiceSettings) -> None:
    engine = Endless()
    endless = replace(answerer, llm=QwenChat(engine=engine, max_tokens=100))
    with serving(create_app(OneAnswerer(endless), replace(service_settings, at_once=1, queue=0))) as address:
        with httpx.stream("POST", f"{address}/v1/answers", json={"question": QUESTION, "stream": True}) as got:
            lines = got.iter_lines()
            assert any(line == "event: text" for line in lines)
            full = httpx.post(f"{address}/v1/answers", json={"question": QUESTION, "stream": True})
            assert full.status_code == 429  # the one place is taken
            assert int(full.headers["retry-after"]) >= 1
        assert engine.stopped.wait(20)


def test_metrics_count_and_hold_no_word_of_a_question(client: TestClient) -> None:
    client.post("/v1/answers", json={"question": QUESTION})
    client.post("/v1/answers", json={"question": QUESTION, "stream": True})
    client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": QUESTION}], "stream": True})
    client.get("/gout-of-my-uncle")
    text = client.get("/metrics").text
    assert 'citewell_requests_total{path="/v1/answers",status="200"} 2.0' in text
    assert 'citewell_answers_total{outcome="answered"} 3.0' in text  # streams are counted too
    assert "citewell_answer_seconds_count 3.0" in text
    assert "gout" not in text


def test_an_error_that_nobody_foresaw_is_a_500_without_its_words(
    answerer: Answerer, service_settings: ServiceSettings, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("the words of a person")

    monkeypatch.setattr(ByHeart, "stream", fails)
    client = TestClient(
        create_app(OneAnswerer(answerer), service_settings), base_url="http://localhost", raise_server_exceptions=False
    )
    got = client.post("/v1/answers", json={"question": QUESTION})
    assert got.status_code == 500
    assert "words of a person" not in got.text + " ".join(told)
    assert any("RuntimeError" in line for line in told)


def test_its_description_names_every_endpoint_with_an_example(app: FastAPI) -> None:
    described = app.openapi()
    asked = {"/v1/answers", "/v1/search", "/v1/chat/completions", "/v1/models", "/v1/follow-ups"}
    read = {"/v1/file", "/v1/file/contents", "/v1/file/overview", "/v1/records/{record_id}", "/healthz", "/metrics"}
    assert set(described["paths"]) == asked | read
    assert {method for path in described["paths"].values() for method in path} == {"get", "post"}
    assert described["components"]["schemas"]["AnswerBody"]["properties"]["question"]["examples"]
