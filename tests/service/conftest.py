"""The application over a small index and a model that answers by heart, in this process or at a real port."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.service_settings import ServiceSettings
from generator.engines.base import Chat, Chunk
from generator.llm import QwenChat
from rag.answerer import Answerer
from rag.backend import OneAnswerer
from rag.search.retriever import IndexRetriever
from service.app import create_app
from tests.fakes import QueueEngine

GOUT = "Gout is a form of arthritis [1]."


class ByHeart(QueueEngine):
    """An engine that repeats the first sentence of the first passage, whoever asks and however many do."""

    def stream(self, chat: Chat, *, max_new_tokens: int, temperature: float) -> Iterator[Chunk]:
        asked = chat[-1]["content"]
        text = asked.partition("\n")[2].partition(". ")[0].rstrip(".")
        for piece in (text[:9], text[9:], " [1]."):
            time.sleep(0.002)
            yield Chunk(piece, 40, 9)


@pytest.fixture
def service_settings(tmp_path: Path) -> ServiceSettings:
    return ServiceSettings(keys=str(tmp_path / "keys.json"), requests_per_minute=1000, queue=200)


@pytest.fixture
def answerer(retriever: IndexRetriever) -> Answerer:
    return Answerer(retriever, QwenChat(engine=ByHeart(), max_tokens=100))


@pytest.fixture
def app(answerer: Answerer, service_settings: ServiceSettings) -> FastAPI:
    return create_app(OneAnswerer(answerer), service_settings)


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


@contextlib.contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve an application at a free port of this machine; yields its address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def served(app: FastAPI) -> Iterator[str]:
    """The address of the application at a port of this machine."""
    with serving(app) as address:
        yield address
