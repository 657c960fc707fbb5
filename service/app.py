"""The application: its endpoints, and what becomes of errors, limits and callers who hang up."""

import contextlib
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from core.service_settings import ServiceSettings
from rag import answerer as asking
from rag.answer import Answer
from rag.backend import Backend, Found
from rag.receipt import receipt
from service.events import chat_events, named_events, snapshots_of
from service.failures import DESCRIBED, error_body, handle_errors
from service.file import file_routes
from service.forms import MODEL, AnswerBody, ChatBody, SearchBody, completion
from service.keys import Keys
from service.limits import BodyLimit, Gate, Rate, while_connected
from service.metrics import CountRequests, Metrics

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
"""Names of this machine: without keys no other is answered, as a web page could borrow one (DNS rebinding)."""
EVENTS = "text/event-stream"


def create_app(backend: Backend, settings: ServiceSettings) -> FastAPI:
    """The application over a backend; what it cannot do (CiteWellError) becomes a 503. No endpoint changes anything."""
    app = FastAPI(
        title="CiteWell",
        summary="Answers from one file of questions and answers, each sentence with the words that it rests on.",
        version="1",
        responses=DESCRIBED,
    )
    keys, rate, gate = (
        Keys(Path(settings.keys)),
        Rate(settings.requests_per_minute),
        Gate(settings.at_once, settings.queue),
    )
    searching = Gate(settings.at_once, settings.queue)
    metrics = Metrics(lambda: gate.inside)
    bearer = HTTPBearer(auto_error=False)

    def known(request: Request, sent: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)] = None) -> str:
        """Who asks, where callers need a key; else their address."""
        if not keys.wanted:
            return _address(request)
        name = keys.caller(sent.credentials) if sent else ""
        if not name:
            rate.count(f"no key {_address(request)}")
            raise HTTPException(401, "a key is needed: Authorization: Bearer KEY (citewell serve key add NAME)")
        return name

    def counted(caller: Annotated[str, Depends(known)]) -> None:
        """Counts a request that a search or the model works on."""
        rate.count(caller)

    async def snapshots(asked: asking.Request) -> AsyncGenerator[Answer]:
        """Snapshots of an answer, which is counted and timed once it is finished."""
        began = time.perf_counter()
        async with contextlib.aclosing(snapshots_of(backend, asked)) as made:
            async for answer in made:
                if answer.finished:
                    metrics.seconds.observe(time.perf_counter() - began)
                    metrics.outcomes.labels(answer.outcome).inc()
                yield answer

    async def whole(request: Request, asked: asking.Request) -> Answer | None:
        """The finished answer; None where the caller hung up, waiting or later."""
        last: Answer | None = None
        async with while_connected(request.receive), gate.place() as waiting:
            async for _ in waiting:
                pass
            async with contextlib.aclosing(snapshots(asked)) as made:
                async for snapshot in made:
                    last = snapshot
        return last if last is not None and last.finished else None

    @app.post("/v1/answers", dependencies=[Depends(counted)])
    async def answers(request: Request, body: AnswerBody) -> Response:
        """Answer a question: the answer with its evidence, sealed as a receipt; with `stream`, as events.

        Events: `queue` (how many are answered before), `evidence` (the passages), `text` (all of it so far: it may
        still be revised), `answer` (the receipt), `error`. With `snapshots` too, `snapshot` takes the place of
        `evidence` and `text`: the fields of the receipt's answer that changed since the snapshot before.
        """
        if body.stream:
            gate.check()  # while the status can still say so
            events = named_events(gate, snapshots, body.request(), whole=body.snapshots)
            return StreamingResponse(events, media_type=EVENTS)
        answer = await whole(request, body.request())
        if answer is None:
            return Response(status_code=499)
        return Response(receipt(answer).to_json(), media_type="application/json")

    @app.post("/v1/search", dependencies=[Depends(counted)])
    async def search(request: Request, body: SearchBody) -> Found:
        """Find passages for a question, and what was dropped and why; no model writes."""
        found: Found | None = None
        async with while_connected(request.receive), searching.place() as waiting:
            async for _ in waiting:
                pass
            found = await run_in_threadpool(backend.find, body.request())
        if found is None:
            raise HTTPException(499, "the caller hung up")
        return found

    @app.post("/v1/chat/completions", dependencies=[Depends(counted)])
    async def chat(request: Request, body: ChatBody) -> Response:
        """Answer the last message in the form of OpenAI's chat completions."""
        if why := body.refusal():
            raise HTTPException(400, why)
        if body.stream:
            gate.check()
            return StreamingResponse(chat_events(gate, snapshots, body.request()), media_type=EVENTS)
        answer = await whole(request, body.request())
        return JSONResponse(completion(answer)) if answer is not None else Response(status_code=499)

    @app.get("/v1/models", dependencies=[Depends(known)])
    def models() -> dict[str, Any]:
        """The one model, in OpenAI's form."""
        return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "citewell"}]}

    @app.get("/healthz")
    def healthz() -> dict[str, Any]:
        """Whether questions can be searched, and whether the model is loaded."""
        manifest = backend.manifest()
        return {"status": "ok", "model": backend.model().state, "csv": manifest.csv, "build": manifest.build}

    @app.get("/metrics", dependencies=[Depends(known)])
    def measured() -> Response:
        """Counts and times, in Prometheus's form; no word of a question."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    app.include_router(file_routes(backend), dependencies=[Depends(known)])
    handle_errors(app)

    too_large = error_body(413, f"the body has more than {settings.body_kib} KiB")
    app.add_middleware(CountRequests, metrics=metrics)
    app.add_middleware(BodyLimit, most=settings.body_kib << 10, refused=too_large)
    if settings.allowed_origins:
        origins = [each.strip() for each in settings.allowed_origins.split(",")]
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_headers=["*"], allow_methods=["POST", "GET"])
    if not keys.wanted and not settings.allow_anonymous:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK])
    return app


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
