"""The service's application over deployments, in Ray Serve's testing mode: all of it in this process, no cluster."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from cluster.backend import TRIES, ClusterBackend
from cluster.connect import ClusterError
from cluster.serving import application
from core.service_settings import ServiceSettings
from core.settings import Settings
from index.published import published_build
from index.sharded.build import InThisProcess, build_shards
from rag.answer import Answer
from rag.answerer import Request
from rag.receipt import read_receipt
from service import app as service_app
from service.keys import Keys
from tests.cluster.conftest import MODELS
from tests.fakes import WordEmbedder

pytest.importorskip("ray")
QUESTION = {"question": "What is illness 12?"}


@pytest.fixture
def sharded(settings: Settings, tmp_path: Path) -> Settings:
    """The settings of an index of three shards, and of a service over it."""
    embedder = WordEmbedder()
    build_shards(settings.index, [settings.index.csv], 3, embedder, InThisProcess(embedder))
    return dataclasses.replace(settings, service=ServiceSettings(keys=str(tmp_path / "keys.json")))


@pytest.fixture
def client(sharded: Settings, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    from ray import serve

    made: list[FastAPI] = []
    create = service_app.create_app

    def create_and_keep(*given: Any) -> FastAPI:
        made.append(create(*given))
        return made[-1]

    monkeypatch.setattr(service_app, "create_app", create_and_keep)
    serve.run(application(sharded, late_s=20, models=MODELS), _local_testing_mode=True)
    return TestClient(made[0], base_url="http://localhost")


def test_the_application_on_a_cluster_is_that_of_the_service(client: TestClient, tmp_path: Path) -> None:
    got = client.post("/v1/answers", json=QUESTION)
    answer = read_receipt(got.text).answer
    assert answer.finished
    assert answer.sentences
    assert answer.evidence[0].question == "What is illness 12?"
    streamed = client.post("/v1/answers", json={**QUESTION, "stream": True, "snapshots": True}).text
    assert [line for line in streamed.splitlines() if line.startswith("event: ")][-1] == "event: answer"
    assert streamed.count("event: snapshot") > 2
    found = client.post("/v1/search", json=QUESTION).json()
    assert found["hits"][0]["passage_id"] == answer.evidence[0].passage_id
    assert client.get("/v1/file").json()["model"]["state"] == "loaded"
    record = client.get(f"/v1/records/{answer.evidence[0].record_id}").json()
    assert answer.evidence[0].text in record["answer"]
    chat = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": QUESTION["question"]}]})
    assert "[1]" in chat.json()["choices"][0]["message"]["content"]
    for path in ("/v1/answers", "/v1/search"):
        refused = client.post(path, json={"question": "?"})
        assert (refused.status_code, refused.json()["error"]["message"][:21]) == (400, "the question is empty")
    key = Keys(tmp_path / "keys.json").add("ward-3")
    assert client.post("/v1/answers", json=QUESTION).status_code == 401
    assert client.post("/v1/search", json=QUESTION, headers={"Authorization": f"Bearer {key}"}).status_code == 200


class _Replicas:
    """A handle whose replicas are lost so many times, each after it has begun to answer."""

    def __init__(self, losses: int) -> None:
        self.losses, self.asked = losses, 0

    def options(self, *, stream: bool) -> Any:
        assert stream
        return SimpleNamespace(answer=SimpleNamespace(remote=self._answer))

    def _answer(self, asked: Request) -> Iterator[Answer]:
        from ray.exceptions import RayActorError

        self.asked += 1
        yield Answer(asked.question, asked.question)
        if self.asked <= self.losses:
            raise RayActorError
        yield Answer(asked.question, asked.question, finished=True)


def test_a_question_whose_replica_is_lost_is_answered_by_another_one(sharded: Settings) -> None:
    build = published_build(Path(sharded.index.dir))
    replicas = _Replicas(TRIES - 1)
    *_, last = ClusterBackend(build, None, replicas).answer(Request("gout"))
    assert last.finished
    assert replicas.asked == TRIES
    with pytest.raises(ClusterError, match=f"{TRIES} replicas were lost while they answered; ask again"):
        list(ClusterBackend(build, None, _Replicas(TRIES)).answer(Request("gout")))
