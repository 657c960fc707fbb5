"""A real Ray cluster of three nodes on this machine, and models that every process of it can open."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.serving import Models
from core.settings import IndexSettings, RagSettings, Settings
from generator.llm import QwenChat
from index.ranking import NEVER_FITTED
from rag.answerer import UNCHECKED
from rag.opening import Embedders
from tests.conftest import ROOT
from tests.fakes import QueueEngine, WordEmbedder, write_csv

ROWS = [
    (
        f"What is illness {number}?",
        f"Illness {number % 37} is common and has number {number}. It has {number % 5} signs and cause {number % 7}.",
        "a" if number % 3 else "b",
    )
    for number in range(240)
]
"""Rows with many equal words, so that many scores are equal."""
HEADER = ("question", "answer", "source")


def word_embedders(settings: Settings) -> Embedders:
    return Embedders(WordEmbedder(), WordEmbedder())


def queue_engine(settings: Settings) -> QwenChat:
    return QwenChat(engine=QueueEngine(*["Illness 12 is common and has number 12 [1]."] * 50), max_tokens=100)


MODELS = Models(word_embedders, queue_engine, lambda *_: UNCHECKED, lambda _: (None, NEVER_FITTED))


@pytest.fixture(scope="package")
def nodes() -> Iterator[Any]:
    """Three raylets of two, one and one processors, as on three machines."""
    import ray
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["PYTHONPATH"] = str(ROOT)
    size: dict[str, Any] = {"object_store_memory": 80 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, **size})
    size.pop("include_dashboard")
    for _ in range(2):
        cluster.add_node(num_cpus=1, **size)
    ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "rows.csv", ROWS, HEADER)


@pytest.fixture
def settings(tmp_path: Path, rows_file: Path, word_embedder: WordEmbedder) -> Settings:
    return Settings(
        index=IndexSettings(
            csv=str(rows_file), dir=str(tmp_path / "index"), ranking=str(ROOT / "tests/data/ranking.json")
        ),
        rag=RagSettings(k=3, abstain=False),
    )
