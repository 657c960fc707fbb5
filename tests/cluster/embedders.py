"""An embedder for workers on other nodes, in a module that imports little: each of them imports it."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from index.embedders.base import Done
from tests.fakes import WordEmbedder


class WaitingEmbedder(WordEmbedder):
    """Embeds nothing before the worker of one node has begun to, which leaves a mark and takes its time."""

    def __init__(self, node: str, mark: Path) -> None:
        self.node, self.mark = node, mark

    def embed(self, texts: Sequence[str], done: Done | None = None) -> np.ndarray:
        import ray

        until = time.monotonic() + 60
        if ray.get_runtime_context().get_node_id() == self.node:
            self.mark.touch()
            time.sleep(60)
        while not self.mark.exists() and time.monotonic() < until:
            time.sleep(0.1)
        return super().embed(texts, done)
