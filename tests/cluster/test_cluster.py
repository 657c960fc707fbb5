"""On a real cluster of three nodes: builds that lose nodes, answers that lose shards."""

import dataclasses
import json
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from cluster.batch import answer_all
from cluster.connect import require_gpu
from cluster.serving import NAME, application
from cluster.workers import Workers
from core.errors import DataError, EngineError, QuestionError
from core.service_settings import ServiceSettings
from core.settings import Settings
from index.opening import open_index
from index.sharded.build import InThisProcess, build_shards
from rag.answer import Answer
from rag.answerer import Answerer, Request
from rag.receipt import read_receipt
from service.client import RemoteBackend
from service.keys import Keys
from tests.cluster.conftest import MODELS, queue_engine
from tests.cluster.embedders import WaitingEmbedder
from tests.fakes import WordEmbedder
from tests.servers import free_port

ray = pytest.importorskip("ray")


def _alone(settings: Settings, folder: Path, shards: int) -> str:
    """The content's hash of the same build in this process."""
    index = dataclasses.replace(settings.index, dir=str(folder))
    embedder = WordEmbedder()
    return build_shards(index, [index.csv], shards, embedder, InThisProcess(embedder))


def test_a_build_on_three_nodes_has_the_hashes_of_one_in_a_single_process(
    nodes: Any, settings: Settings, tmp_path: Path
) -> None:
    expected = _alone(settings, tmp_path / "alone", 3)
    workers = Workers(WordEmbedder)
    assert build_shards(settings.index, [settings.index.csv], 3, WordEmbedder(), workers) == expected
    assert len(open_index(Path(settings.index.dir)).manifest.shards) == 3
    (tmp_path / "bad.csv").write_text("question,answer\n,\n")
    with pytest.raises(DataError, match="no row with a question and an answer"):
        build_shards(settings.index, [str(tmp_path / "bad.csv")], 3, WordEmbedder(), workers, force=True)


def test_a_node_removed_during_a_build_loses_nothing_and_is_said(
    nodes: Any, settings: Settings, tmp_path: Path, told: list[str]
) -> None:
    expected = _alone(settings, tmp_path / "alone", 6)
    doomed = nodes.add_node(num_cpus=1, object_store_memory=80 << 20)
    mark = tmp_path / "mark"
    workers = Workers(partial(WaitingEmbedder, doomed.node_id, mark))

    def remove() -> None:
        while not mark.exists():
            time.sleep(0.1)
        nodes.remove_node(doomed, allow_graceful=False)

    removing = threading.Thread(target=remove, daemon=True)
    removing.start()
    assert build_shards(settings.index, [settings.index.csv], 6, WordEmbedder(), workers) == expected
    removing.join(30)
    assert workers.lost >= 1
    assert any("a worker was lost" in line for line in told)


@pytest.fixture
def served(nodes: Any, settings: Settings, tmp_path: Path) -> Iterator[str]:
    from ray import serve

    embedder = WordEmbedder()
    build_shards(settings.index, [settings.index.csv], 3, embedder, InThisProcess(embedder))
    port = free_port()
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    limited = ServiceSettings(keys=str(tmp_path / "keys.json"), requests_per_minute=1000)
    serving = application(dataclasses.replace(settings, service=limited), late_s=5, models=MODELS)
    serve.run(serving, name=NAME, route_prefix="/")
    yield f"http://127.0.0.1:{port}"
    serve.shutdown()


def _answer(url: str, question: str, **headers: str) -> Answer:
    got = httpx.post(f"{url}/v1/answers", json={"question": question}, headers=headers, timeout=60)
    assert got.status_code == 200, got.text
    return read_receipt(got.text).answer


def _kill(deployment: str) -> None:
    """Kill one replica of a deployment."""
    replica = next(
        each
        for each in ray.util.list_named_actors(all_namespaces=True)
        if f"#{deployment}#" in each["name"] and "SERVE_REPLICA" in each["name"]
    )
    ray.kill(ray.get_actor(replica["name"], namespace=replica["namespace"]))


def test_a_killed_shard_is_left_out_and_said_and_comes_back(served: str) -> None:
    question = "What is illness 12?"
    answer = _answer(served, question)
    assert answer.finished
    assert answer.sentences
    assert not answer.noted("shards")
    _kill("Shard001")
    without = _answer(served, question)
    assert without.finished
    assert without.sentences
    if without.noted("shards"):  # else it came back within the time that a shard may take
        assert "2 of 3 parts of the index were searched" in next(n.text for n in without.notes if n.kind == "shards")
    until = time.monotonic() + 60
    while (again := _answer(served, question)).noted("shards"):
        assert time.monotonic() < until
        time.sleep(0.5)
    assert [each.passage_id for each in again.evidence] == [each.passage_id for each in answer.evidence]

    # The rest of the service's application: a page's backend, OpenAI's form, errors, limits and keys.
    page = RemoteBackend(served)
    *growing, last = page.answer(Request(question))
    assert growing
    assert growing[0].evidence
    assert dataclasses.replace(last, timings=answer.timings) == answer
    assert page.model().state == "loaded"
    assert page.manifest().kept == 240
    assert page.contents().examples
    assert page.find(Request(question)).hits[0].question == answer.evidence[0].question
    assert (record := page.record(answer.evidence[0].record_id))
    assert answer.evidence[0].text in record.answer
    with pytest.raises(QuestionError, match="the question is empty"):
        list(page.answer(Request("?")))
    chat = {"messages": [{"role": "user", "content": question}]}
    completion = httpx.post(f"{served}/v1/chat/completions", json=chat, timeout=60).json()
    assert "[1]" in completion["choices"][0]["message"]["content"]
    assert httpx.post(f"{served}/v1/answers", json={}, timeout=60).status_code == 422
    assert httpx.post(f"{served}/v1/answers", content=b"x" * (10 << 20), timeout=60).status_code == 413
    assert 'citewell_answers_total{outcome="answered"}' in httpx.get(f"{served}/metrics", timeout=60).text

    _kill("Answer")  # another replica answers from the start, nothing is lost
    assert _answer(served, question).sentences == answer.sentences


def test_the_service_on_a_cluster_knows_its_callers(served: str, tmp_path: Path) -> None:
    key = Keys(tmp_path / "keys.json").add("ward-3")
    assert httpx.post(f"{served}/v1/answers", json={"question": "illness 12"}, timeout=60).status_code == 401
    assert _answer(served, "What is illness 12?", Authorization=f"Bearer {key}").finished


def _opened(settings: Settings) -> Answerer:
    from rag.search.retriever import IndexRetriever

    index = open_index(Path(settings.index.dir))
    retriever = IndexRetriever(index=index, embedder=WordEmbedder(), settings=settings.rag)
    return Answerer(retriever, queue_engine(settings))


def test_a_batch_over_ray_data_answers_in_order_and_names_what_it_cannot(nodes: Any, settings: Settings) -> None:
    embedder = WordEmbedder()
    build_shards(settings.index, [settings.index.csv], 2, embedder, InThisProcess(embedder))
    questions = [f"What is illness {number}?" for number in (12, 40, 7)]
    lines = [json.loads(line) for line in answer_all([*questions, "?"], partial(_opened, settings), workers=2)]
    assert [line["answer"]["question"] for line in lines[:3]] == questions
    assert all(line["answer"]["evidence"] for line in lines[:3])
    assert lines[3] == {"question": "?", "error": "the question is empty; type a question in words"}


def test_vllm_is_refused_without_a_gpu(nodes: Any) -> None:
    with pytest.raises(EngineError, match="vLLM needs a GPU, and no node of the cluster has one"):
        require_gpu()
