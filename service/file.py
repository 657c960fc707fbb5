"""The endpoints on the file that is asked: what a page needs beside answers, so that it can do without an index."""

from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.exceptions import HTTPException

from index.corpus import Record
from index.reader import Manifest
from rag.admin import Overview
from rag.backend import Backend, ModelState
from rag.suggestions import Contents
from service.forms import FollowUpsBody


@dataclass(frozen=True)
class About:
    """The index that is asked, and the state of the model."""

    manifest: Manifest
    model: ModelState


@dataclass(frozen=True)
class FollowUps:
    """Questions of the file that follow an answer."""

    questions: tuple[str, ...]


def file_routes(backend: Backend) -> APIRouter:
    """The endpoints over a backend; all of them only read."""
    router = APIRouter(tags=["file"])

    @router.get("/v1/file")
    def about() -> About:
        """The facts of the index that is asked, such as its file, build and counts; and the state of the model."""
        manifest = backend.manifest()
        name = PurePath(manifest.csv_path).name  # where it lies is the server's own affair
        return About(replace(manifest, csv_path=name), backend.model())

    @router.get("/v1/file/contents")
    def contents() -> Contents:
        """What the file is about: how many topics, who wrote it, and questions to begin with."""
        return backend.contents()

    @router.get("/v1/file/overview")
    def overview() -> Overview:
        """Counts of what the file holds by source, type and topic, and the first rows that were left out."""
        return backend.held()

    @router.get("/v1/records/{record_id}", responses={404: {"description": "the index holds no such record"}})
    def record(record_id: Annotated[str, Path(max_length=40, examples=["0123456789abcdef"])]) -> Record:
        """A record of the file whole: its questions, its answer, and the further columns of each question's row."""
        if (found := backend.record(record_id)) is None:
            raise HTTPException(404, "the index holds no such record")
        return found

    @router.post("/v1/follow-ups")
    def follow_ups(body: FollowUpsBody) -> FollowUps:
        """Questions of the file on the topic of an answer, about other aspects than was asked."""
        return FollowUps(backend.further(body.answer()))

    return router
