"""Clients that others wrote ask it as they would ask OpenAI; a tester of interfaces finds no server error."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from core.service_settings import ServiceSettings
from rag.answerer import Answerer, Checks
from rag.backend import OneAnswerer
from rag.checks.emergency import TEXTS, EmergencyDetector
from rag.search.retriever import IndexRetriever
from service.app import create_app
from tests.fakes import WordEmbedder
from tests.service.test_app import events

TEXT = "Gout is a form of arthritis. [1]\n\nSources:\n[1] What is gout?, joints"


def test_the_openai_client_gets_a_cited_answer(served: str) -> None:
    import openai

    client = openai.OpenAI(base_url=f"{served}/v1", api_key="none")
    assert [model.id for model in client.models.list()] == ["citewell"]
    got = client.chat.completions.create(model="citewell", messages=[{"role": "user", "content": "what is gout"}])
    message = got.choices[0].message
    assert message.content == TEXT
    assert message.annotations
    cited = message.annotations[0].url_citation
    assert TEXT[cited.start_index : cited.end_index] == "[1]"
    assert cited.title == "What is gout?"


def test_the_openai_client_streams_the_same_text(served: str) -> None:
    import openai

    client = openai.OpenAI(base_url=f"{served}/v1", api_key="none")
    chunks = client.chat.completions.create(
        model="citewell", stream=True, messages=[{"role": "user", "content": "what is gout"}]
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT


def test_langchains_client_gets_a_cited_answer_to_a_follow_up(served: str) -> None:
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    model = ChatOpenAI(base_url=f"{served}/v1", api_key=SecretStr("none"), model="citewell")
    asked = [SystemMessage("You are a pirate."), HumanMessage("what is gout"), AIMessage("…")]
    got = model.invoke([*asked, HumanMessage("and what causes it?")])
    assert "gout" in str(got.content).casefold()
    assert "pirate" not in str(got.content)


def test_a_part_of_a_message_that_is_no_text_is_left_out(client: TestClient) -> None:
    parts = [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "what is gout"}]
    got = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": parts}]})
    assert got.json()["choices"][0]["message"]["content"] == TEXT


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"n": 2}, "n is 2; expected 1"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"messages": [{"role": "assistant", "content": "hello"}]}, "expected 'user'"),
        ({"messages": [{"role": "user", "content": " "}]}, "the question is empty"),
    ],
)
def test_what_a_chat_cannot_have_is_refused(client: TestClient, body: dict[str, object], said: str) -> None:
    whole = {"messages": [{"role": "user", "content": "what is gout"}], **body}
    got = client.post("/v1/chat/completions", json=whole)
    assert got.status_code == 400
    assert said in got.json()["error"]["message"]


def test_a_stream_that_fails_ends_with_its_error(client: TestClient, answerer: Answerer) -> None:
    got = client.post("/v1/chat/completions", json={"stream": True, "messages": [{"role": "user", "content": "?"}]})
    assert events(got.text)[-1][1]["error"]["code"] == 400
    assert got.text.endswith("data: [DONE]\n\n")


def test_a_streamed_answer_begins_with_the_notice_of_an_emergency(
    retriever: IndexRetriever, answerer: Answerer, service_settings: ServiceSettings
) -> None:
    embedder = WordEmbedder()
    wary = EmergencyDetector(["emergency", ""], embedder.embed(["my chest hurts", "what is gout"]), embedder.embed)
    warned = replace(answerer, checks=Checks(wary))
    client = TestClient(create_app(OneAnswerer(warned), service_settings), base_url="http://localhost")
    body = {"stream": True, "messages": [{"role": "user", "content": "my chest hurts, is it gout"}]}
    sent = [data for _, data in events(client.post("/v1/chat/completions", json=body).text)]
    texts = [chunk["choices"][0]["delta"].get("content", "") for chunk in sent]
    assert texts[1].startswith(TEXTS["emergency"])
    assert "".join(texts).count(TEXTS["emergency"]) == 1


def test_a_tester_of_interfaces_finds_no_server_error(served: str) -> None:
    """Requests that follow the description, and some that break it, for each endpoint."""
    tester = Path(sys.executable).with_name("schemathesis")
    command = [str(tester), "run", f"{served}/openapi.json", "--checks", "not_a_server_error", "--max-examples", "8"]
    ended = subprocess.run(
        [*command, "--phases", "examples,coverage,fuzzing", "--seed", "1"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout[-3000:]
