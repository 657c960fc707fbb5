"""Workers of a cluster that run the steps of a build; a step whose worker is lost is done again by another one."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import ray
from ray.exceptions import NodeDiedError, OutOfMemoryError, RayActorError, RayTaskError, WorkerCrashedError

from cluster.connect import START_S, ClusterError
from core.progress import log
from index.embedders.base import Embedder
from index.sharded.plan import Plan

Result = TypeVar("Result")
LOST = (RayActorError, NodeDiedError, WorkerCrashedError, OutOfMemoryError)
"""Errors of a worker that is gone; none of them says anything about its step."""
MOST_LOSSES = 5
"""Times that one step may lose its worker: then it is the step that kills them."""
CPUS = 2
"""Processors of one worker; one, where a node has no more."""


class _Worker:
    """Runs steps on one node, with an embedder of its own."""

    def __init__(self, open_embedder: Callable[[], Embedder]) -> None:
        self._embedder = open_embedder()

    def ready(self) -> None:
        """Return when the embedder is loaded."""

    def run(self, plan: Plan, step: Callable[..., Any], arguments: tuple[int, ...]) -> Any:
        return step(plan, self._embedder, *arguments)


class Workers:
    """As many workers as the cluster has room for; implements `index.sharded.build.Runner`.

    Args:
        open_embedder: called once in each worker.
        count: the number of workers; 0 for all that there is room for.
    """

    def __init__(self, open_embedder: Callable[[], Embedder], count: int = 0) -> None:
        sizes = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        if not any(sizes):
            raise ClusterError("the cluster has no processors to work with; add a node: ray start --address=HEAD")
        self._cpus = min(CPUS, *(size for size in sizes if size))
        self._open_embedder = open_embedder
        self._count = count or sum(size // self._cpus for size in sizes)
        self._idle: list[Any] = []
        self._running: dict[Any, tuple[Any, int | None]] = {}
        self.lost = 0
        for _ in range(self._count):
            self._hire()

    def _hire(self) -> None:
        options: dict[str, Any] = {"num_cpus": self._cpus, "max_restarts": 0, "scheduling_strategy": "SPREAD"}
        worker: Any = ray.remote(_Worker).options(**options).remote(self._open_embedder)
        self._running[worker.ready.remote()] = (worker, None)

    def run(
        self, plan: Plan, step: Callable[..., Result], arguments: Sequence[tuple[int, ...]], done: Callable[[], object]
    ) -> list[Result]:
        """Run a step for each of several arguments.

        Raises:
            ClusterError: no worker starts, the cluster went away, or a step loses its workers again and again.
            CiteWellError, OSError: of the step itself.
        """
        waiting = deque(range(len(arguments)))
        results: dict[int, Result] = {}
        losses: Counter[int] = Counter()
        while len(results) < len(arguments):
            while self._idle and waiting:
                worker, at = self._idle.pop(), waiting.popleft()
                self._running[worker.run.remote(plan, step, arguments[at])] = (worker, at)
            for reference in self._ended():
                worker, place = self._running.pop(reference)
                try:
                    result = ray.get(reference)
                except RayTaskError as error:
                    raise error.cause from None
                except LOST as error:
                    self._lose(place, losses, waiting, error)
                    continue
                self._idle.append(worker)
                if place is not None:
                    results[place] = result
                    done()
        return [results[at] for at in range(len(arguments))]

    def _ended(self) -> list[Any]:
        """Calls that have ended; waits for one, as long as it takes if a worker is at work."""
        try:
            if not ray.is_initialized():
                raise ConnectionError("the connection is closed")
            works = any(at is not None for _, at in self._running.values())
            ended, _ = ray.wait(list(self._running), timeout=None if works else START_S)
        except (ConnectionError, ray.exceptions.RaySystemError) as error:
            raise ClusterError(
                f"the cluster went away ({error}); what was done is kept: the same command goes on from there"
            ) from error
        if not ended:
            raise ClusterError(
                f"no worker started within {START_S} seconds: each takes {self._cpus} processors, and "
                f"{ray.available_resources().get('CPU', 0):.0f} are free; add a node, or end what uses them"
            )
        return list(ended)

    def _lose(self, place: int | None, losses: Counter[int], waiting: deque[int], error: Exception) -> None:
        """Take in that a worker is gone: its step is done again, and another worker is asked for."""
        self.lost += 1
        if place is not None:
            losses[place] += 1
            waiting.appendleft(place)
            if losses[place] >= MOST_LOSSES:
                raise ClusterError(
                    f"a step lost its worker {MOST_LOSSES} times ({type(error).__name__}): does it have the memory?"
                ) from error
        log.warning("notice: a worker was lost; what it was doing is done again by another one")
        self._hire()
