"""A cluster as a backend: answers and searches come from its deployments, what is told of the file from the index."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cluster.connect import ClusterError
from core.errors import CiteWellError
from index.opening import open_build
from index.reader import Index
from rag.answer import Answer
from rag.answerer import Request
from rag.backend import Found, IndexBackend, ModelState, found_of

MODEL_S = 2.0
"""Seconds to wait for what a replica says of its model."""
TRIES = 3
"""Times that a question is asked whose replica is lost: another one answers it from the start."""


class ClusterBackend(IndexBackend):
    """The deployments of one build.

    Args:
        build: the folder of the build, which this machine sees too.
        search, answer: handles of the deployments.
    """

    def __init__(self, build: Path, search: Any, answer: Any) -> None:
        super().__init__()
        self._index, self._search, self._answer = open_build(build), search, answer

    def index(self) -> Index:
        return self._index

    def model(self) -> ModelState:
        try:
            state: ModelState = self._answer.model.remote().result(timeout_s=MODEL_S)
        except Exception:  # no replica is up, or all of them are busy
            return ModelState("loading")
        return state

    def answer(self, asked: Request) -> Iterator[Answer]:
        from ray.exceptions import RayActorError

        for left in reversed(range(TRIES)):
            snapshots = self._answer.options(stream=True).answer.remote(asked)
            try:
                yield from snapshots
                return
            except RayActorError as error:
                if not left:
                    raise ClusterError(f"{TRIES} replicas were lost while they answered; ask again") from error
            except Exception as error:
                raise _cause(error) from None
            finally:
                with contextlib.suppress(Exception):
                    snapshots.cancel()  # of one that has ended it does nothing

    def find(self, asked: Request) -> Found:
        return found_of(result_of(self._search.search.remote(asked, True)))

    def prepare(self) -> None:
        """Nothing: the replicas open their models when they start."""


def result_of(response: Any) -> Any:
    """What a deployment returned, or the error that it raised, as it raised it."""
    try:
        return response.result()
    except Exception as error:
        raise _cause(error) from None


def _cause(error: Exception) -> Exception:
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, CiteWellError) else error
