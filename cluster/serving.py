"""The HTTP service on Ray Serve: Shard, Search and Answer deployments, each with its own replicas, behind one Gateway.

citewell serve --ray auto --index DIR                  # an index of citewell build --shards N
citewell serve --ray auto --replicas-shard 2 --replicas-answer 4 --port 8600

The Gateway is the application of `citewell serve` (keys, limits, OpenAI's form, metrics) over `ClusterBackend`. Answer
writes; it asks Search, which asks every Shard and joins what they found. A shard that fails or is late is left out, and
the answer's notes name it.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cluster.backend import ClusterBackend, result_of
from cluster.connect import connected, require_ray
from cluster.search import LATE_S, ShardedRetriever
from core.command import command_parser
from core.errors import IndexFolderError, run_command
from core.progress import log
from core.settings import Settings, load
from generator.llm import QwenChat
from index.builds import read_manifest, verify
from index.published import published_build
from index.sharded.joined import open_shard
from rag.answer import Answer
from rag.answerer import Answerer, Checks, Request
from rag.backend import ModelState, OneAnswerer
from rag.opening import Embedders, open_checks, open_embedders, open_llm, retriever_over
from rag.reader.opening import open_reader
from rag.search.parts import Part, open_whole, search_part
from rag.search.query import Query
from rag.search.results import Retrieval
from service.requirements import check

NAME = "citewell"
BESIDE = 64
"""Requests that the Gateway takes beside those that are answered or wait."""


@dataclass(frozen=True)
class Replicas:
    """How many copies of each deployment run."""

    shard: int = 1
    search: int = 1
    answer: int = 1


@dataclass(frozen=True)
class Models:
    """How a replica opens its models; tests give small ones."""

    embedders: Callable[[Settings], Embedders] = open_embedders
    llm: Callable[[Settings], QwenChat] = open_llm
    checks: Callable[[Settings, Any], Checks] = open_checks
    reader: Callable[[Settings], Any] = open_reader


class Shard:
    """One shard of an index, open for searching."""

    def __init__(self, build: str, number: int) -> None:
        path = Path(build)
        manifest = read_manifest(path)
        self._index = open_shard(path, manifest, number)
        first = sum(shard["records"] for shard in manifest.shards[:number])
        self._places = np.load(path / "places.npy", mmap_mode="r")[first : first + manifest.shards[number]["records"]]

    async def search(self, query: Query, vector: np.ndarray, filters: Mapping[str, str]) -> Part | None:
        return await asyncio.to_thread(search_part, self._index, self._places, query, vector, filters)


class SearchShards:
    """Understands questions, asks every shard, and joins what they found."""

    def __init__(self, settings: Settings, build: str, shards: Sequence[Any], late_s: float, models: Models) -> None:
        asks = [shard.search.remote for shard in shards]
        self._retriever = open_retriever(settings, Path(build), asks, late_s, models)

    async def search(self, request: Request, urgent: bool) -> Retrieval:
        asked = self._retriever.for_one_question()
        return await asyncio.to_thread(asked.search, request.question, request.history, request.filters, urgent=urgent)


class AnswerQuestions:
    """Writes answers over what Search finds."""

    def __init__(self, settings: Settings, build: str, search: Any, models: Models) -> None:
        retriever = open_retriever(settings, Path(build), (), LATE_S, models)
        checks = models.checks(settings, retriever.of_passages)
        answerer = RemoteAnswerer(retriever, models.llm(settings), checks, settings.generator.context_tokens, search)
        self._backend = OneAnswerer(answerer)

    async def answer(self, request: Request) -> AsyncIterator[Answer]:
        from service.events import snapshots_of

        async with contextlib.aclosing(snapshots_of(self._backend, request)) as snapshots:
            async for snapshot in snapshots:
                yield snapshot

    async def model(self) -> ModelState:
        return self._backend.model()


class Gateway:
    """The service's application. It has one replica, so that limits and metrics are those of all callers together."""

    def __init__(self, settings: Settings, build: str, search: Any, answer: Any) -> None:
        from service.app import create_app

        self._app = create_app(ClusterBackend(Path(build), search, answer), settings.service)

    def __serve_build_asgi_app__(self) -> Any:
        """Ray Serve calls it, and serves what it gives."""
        return self._app


@dataclass(frozen=True)
class RemoteAnswerer(Answerer):
    """An answerer whose search is a deployment's; any application that takes an `Answerer` takes this one."""

    deployment: Any = None

    def _find(self, asked: Request, *, urgent: bool) -> Retrieval:
        found: Retrieval = result_of(self.deployment.search.remote(asked, urgent))
        return found


def open_retriever(
    settings: Settings, build: Path, shards: Sequence[Any], late_s: float, models: Models
) -> ShardedRetriever:
    """A retriever over what a build of shards knows of all of them, and over the shards that are asked."""
    manifest = read_manifest(build)
    verify(build, manifest)
    index, embedders = open_whole(build, manifest), models.embedders(settings)
    further = {"shards": shards, "late_s": late_s}
    return retriever_over(index, settings, embedders, models.reader(settings), ShardedRetriever, **further)


def application(
    settings: Settings, replicas: Replicas = Replicas(), late_s: float = LATE_S, models: Models = Models()
) -> Any:
    """The application: the Gateway over Answer over Search over the shards of the published build.

    Raises:
        IndexFolderError: there is no index, or it is not one of shards.
    """
    from ray import serve

    build = published_build(Path(settings.index.dir)).absolute()
    manifest = read_manifest(build)
    if not manifest.shards:
        raise IndexFolderError(
            f"{settings.index.dir} is not one of shards; build it: citewell build --index {settings.index.dir} "
            "--shards N"
        )
    limits = settings.service
    small = {"num_cpus": 0.1}  # an idle replica takes no processor; what it may use is the node's
    deployment: Any = serve.deployment  # its types are those of a decorator without arguments
    shards = [
        deployment(Shard, name=f"Shard{number:03}", num_replicas=replicas.shard, ray_actor_options=small)
        .options(max_ongoing_requests=32)
        .bind(str(build), number)
        for number in range(len(manifest.shards))
    ]
    search = deployment(
        SearchShards, name="Search", num_replicas=replicas.search, ray_actor_options=small, max_ongoing_requests=32
    ).bind(settings, str(build), shards, late_s, models)
    answer = deployment(
        AnswerQuestions, name="Answer", num_replicas=replicas.answer, ray_actor_options=small, max_ongoing_requests=16
    ).bind(settings, str(build), search, models)
    # Whoever is refused, or asks for less than an answer, comes in beside those who are answered and who wait.
    most = 2 * (limits.at_once + limits.queue) + BESIDE
    gateway = deployment(serve.ingress()(Gateway), name="Gateway", ray_actor_options=small, max_ongoing_requests=most)
    return gateway.bind(settings, str(build), search, answer)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("cluster.serving", __doc__)
    parser.add_argument("--ray", metavar="ADDRESS", required=True, help="auto, or the address of the cluster's head")
    parser.add_argument("--index", metavar="DIR", help="the index folder, on a file system that all nodes share")
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1, this machine only)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 8600)")
    for name in ("shard", "search", "answer"):
        parser.add_argument(f"--replicas-{name}", type=int, default=1, metavar="N", help=f"replicas of each {name}")
    parser.add_argument("--late", type=float, default=LATE_S, metavar="S", help="seconds that a shard may take")
    arguments = parser.parse_args(argv)
    require_ray()
    settings = load({"service.host": arguments.host, "service.port": arguments.port, "index.dir": arguments.index})
    check(settings)
    replicas = Replicas(arguments.replicas_shard, arguments.replicas_search, arguments.replicas_answer)
    with connected(arguments.ray):
        from ray import serve

        host, port = settings.service.host, settings.service.port
        serve.start(http_options={"host": host, "port": port})
        serve.run(application(settings, replicas, arguments.late), name=NAME, route_prefix="/")
        log.info(f"answering on http://{host}:{port}, described at http://{host}:{port}/docs (Ctrl-C ends it)")
        ended = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        try:
            ended.wait()
        finally:
            serve.shutdown()
    return 0


if __name__ == "__main__":
    run_command(main)
