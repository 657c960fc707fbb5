"""The application: its endpoints, and what becomes of errors, limits and callers who hang up."""

import contextlib
import json
import time
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Annotated, Any

from anyio import CancelScope
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from core.errors import CiteWellError, QuestionError
from core.progress import log
from core.service_settings import ServiceSettings
from rag import answerer as asking
from rag.answer import Answer, Evidence
from rag.answerer import Answerer
from rag.receipt import receipt
from service.forms import MODEL, AnswerBody, ChatBody, SearchBody, chunks, completion, notice_chunk, opening_chunk
from service.keys import Keys
from service.limits import BodyLimit, Gate, Rate, TooManyError
from service.metrics import CountRequests, Metrics

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
"""Names of this machine: without keys no other is answered, as a web page could borrow one (DNS rebinding)."""
EVENTS = "text/event-stream"
_STATUSES = {
    400: "the question cannot be asked",
    401: "a key is needed, or the one sent is unknown",
    413: "the body is too large",
    422: "the body is not of the form",
    429: "more than this caller or this server may ask; Retry-After says when to ask again",
    503: "the index or the model cannot be had",
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {"application/json": {"example": {"error": {"message": what}}}}}
    for status, what in _STATUSES.items()
}


def create_app(answerer: Callable[[], Answerer], settings: ServiceSettings) -> FastAPI:
    """The application over an answerer.

    Args:
        answerer: gives the answerer for the next question; it may raise a CiteWellError, which becomes a 503.
    """
    app = FastAPI(
        title="CiteWell",
        summary="Answers from one file of questions and answers, each sentence with the words that it rests on.",
        version="1",
        responses=_ERRORS,
    )
    keys, rate, gate = (
        Keys(Path(settings.keys)),
        Rate(settings.requests_per_minute),
        Gate(settings.at_once, settings.queue),
    )
    searching = Gate(settings.at_once, settings.queue)
    metrics = Metrics(lambda: gate.inside)
    bearer = HTTPBearer(auto_error=False)

    def caller(request: Request, sent: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)] = None) -> str:
        """Who asks; counts the request."""
        name = ""
        if keys.wanted:
            name = keys.caller(sent.credentials) if sent else ""
            if not name:
                rate.count(f"no key {_address(request)}")
                raise HTTPException(401, "a key is needed: Authorization: Bearer KEY (citewell serve key add NAME)")
        rate.count(name or _address(request))
        return name

    async def whole(request: Request, asked: asking.Request) -> Answer | None:
        """The finished answer; None where the caller hung up."""
        async with gate.place():
            began, last = time.perf_counter(), None
            async with contextlib.aclosing(_snapshots(answerer, asked)) as snapshots:
                async for last in snapshots:
                    if not last.finished and await request.is_disconnected():
                        return None
            if last is not None:
                metrics.seconds.observe(time.perf_counter() - began)
                metrics.outcomes.labels(last.outcome or "unfinished").inc()
            return last

    @app.post("/v1/answers", dependencies=[Depends(caller)])
    async def answers(request: Request, body: AnswerBody) -> Response:
        """Answer a question: the answer with its evidence, sealed as a receipt; with `stream`, as events.

        Events: `queue` (how many are answered before), `evidence` (the passages), `text` (all of it so far: it may
        still be revised), `answer` (the receipt), `error`.
        """
        if body.stream:
            gate.check()  # while the status can still say so
            return StreamingResponse(_named_events(gate, answerer, body.request()), media_type=EVENTS)
        answer = await whole(request, body.request())
        if answer is None:
            return Response(status_code=499)
        return Response(receipt(answer).to_json(), media_type="application/json")

    @app.post("/v1/search", dependencies=[Depends(caller)])
    async def search(body: SearchBody) -> dict[str, Any]:
        """Find passages for a question; no model writes."""
        async with searching.place():
            found = (await run_in_threadpool(lambda: answerer().search(body.request()))).found
        hits = found.nearest if found.abstain else found.hits
        return {
            "question": found.question,
            "searched": found.search_query,
            "answerable": found.answerable,
            "answered": not found.abstain,
            "hits": [_hit(Evidence(hit, n, hit.text, hit.start)) for n, hit in enumerate(hits, start=1)],
            "closest": list(found.closest),
        }

    @app.post("/v1/chat/completions", dependencies=[Depends(caller)])
    async def chat(request: Request, body: ChatBody) -> Response:
        """Answer the last message in the form of OpenAI's chat completions."""
        if why := body.refusal():
            raise HTTPException(400, why)
        if body.stream:
            gate.check()
            return StreamingResponse(_chat_events(gate, answerer, body.request()), media_type=EVENTS)
        answer = await whole(request, body.request())
        return JSONResponse(completion(answer)) if answer is not None else Response(status_code=499)

    @app.get("/v1/models", dependencies=[Depends(caller)])
    def models() -> dict[str, Any]:
        """The one model, in OpenAI's form."""
        return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "citewell"}]}

    @app.get("/healthz")
    def healthz() -> dict[str, Any]:
        """Whether questions can be searched, and whether the model is loaded."""
        at_hand = answerer()
        manifest = at_hand.retriever.index.manifest
        return {"status": "ok", "model": _state(at_hand), "csv": manifest.csv, "build": manifest.build}

    @app.get("/metrics", dependencies=[Depends(caller)])
    def measured() -> Response:
        """Counts and times, in Prometheus's form; no word of a question."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    _handle_errors(app)

    too_large = _error(413, f"the body has more than {settings.body_kib} KiB")
    app.add_middleware(CountRequests, metrics=metrics)
    app.add_middleware(BodyLimit, most=settings.body_kib << 10, refused=too_large)
    if settings.allowed_origins:
        origins = [each.strip() for each in settings.allowed_origins.split(",")]
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_headers=["*"], allow_methods=["POST", "GET"])
    if not keys.wanted and not settings.allow_anonymous:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK])
    return app


def _state(at_hand: Answerer) -> str:
    if not isinstance(at_hand.llm, Future) or (at_hand.llm.done() and not at_hand.llm.exception()):
        return "loaded"
    return "failed" if at_hand.llm.done() else "loading"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(TooManyError)
    async def too_many(_: Request, error: TooManyError) -> Response:
        return _error(429, str(error), {"Retry-After": str(error.retry_s)})

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        headers = {"WWW-Authenticate": "Bearer"} if error.status_code == 401 else {}
        return _error(error.status_code, str(error.detail), headers | dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]  # without its input, which may be a person's words
        return _error(422, f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}")

    @app.exception_handler(CiteWellError)
    async def unable(_: Request, error: CiteWellError) -> Response:
        return _error(*_status_of(error))

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> Response:
        _log(error)
        return _error(500, "something went wrong; the log of the service shows what")


def _status_of(error: BaseException) -> tuple[int, str]:
    if isinstance(error, QuestionError):
        return 400, str(error)
    if isinstance(error, CiteWellError):
        return 503, str(error)
    _log(error)
    return 500, "something went wrong; the log of the service shows what"


def _log(error: BaseException) -> None:
    """Log the kind and the place of an error; its message, and the source around it, may hold a question."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = "".join(f"\n  {frame.filename}, line {frame.lineno}, in {frame.name}" for frame in frames)
    log.error(f"answering failed: {type(error).__name__}{places}")


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = {"error": {"message": message, "type": kind, "code": status, "param": None}}
    return JSONResponse(body, status, headers=dict(headers or {}))


def _snapshots(answerer: Callable[[], Answerer], asked: asking.Request) -> AsyncGenerator[Answer]:
    """Snapshots of an answer, made on other threads; closing it stops the model."""

    def written() -> Iterator[Answer]:
        at_hand = answerer()
        yield from at_hand.answer(at_hand.search(asked))

    async def each() -> AsyncGenerator[Answer]:
        made = written()
        try:
            async for snapshot in iterate_in_threadpool(made):
                yield snapshot
        finally:
            with CancelScope(shield=True):  # the model would write on for a caller who hung up
                await run_in_threadpool(made.close)  # type: ignore[attr-defined]

    return each()


async def _named_events(gate: Gate, answerer: Callable[[], Answerer], asked: asking.Request) -> AsyncIterator[str]:
    """The events of `/v1/answers`."""
    try:
        async with gate.place(), contextlib.aclosing(_snapshots(answerer, asked)) as snapshots:
            before: Answer | None = None
            async for answer in snapshots:
                if answer.ahead and (before is None or before.ahead != answer.ahead):
                    yield _event({"ahead": answer.ahead}, "queue")
                if answer.evidence and (before is None or before.evidence != answer.evidence):
                    notice = answer.notice.text if answer.notice else ""
                    yield _event({"evidence": [_hit(item) for item in answer.evidence], "notice": notice}, "evidence")
                if answer.finished:
                    yield _event(json.loads(receipt(answer).to_json()), "answer")
                elif answer.text and (before is None or before.text != answer.text):
                    yield _event({"text": answer.text}, "text")
                before = answer
    except TooManyError as error:
        yield _event({"message": str(error), "code": 429, "retry_after": error.retry_s}, "error")
    except Exception as error:
        status, message = _status_of(error)
        yield _event({"message": message, "code": status}, "error")


async def _chat_events(gate: Gate, answerer: Callable[[], Answerer], asked: asking.Request) -> AsyncIterator[str]:
    """The events of a streamed chat completion: what was sent cannot be taken back, so only a checked answer is.

    The notice of an emergency comes as soon as the search is done.
    """
    yield _event(opening_chunk())
    noticed = False
    try:
        last: Answer | None = None
        async with gate.place(), contextlib.aclosing(_snapshots(answerer, asked)) as snapshots:
            async for last in snapshots:
                if last.notice and not noticed:
                    noticed = True
                    yield _event(notice_chunk(last.notice.text))
                yield ": still writing\n\n"  # a comment, which keeps proxies from closing the connection
        if last is not None:
            for chunk in chunks(last):
                yield _event(chunk)
    except TooManyError as error:
        yield _event({"error": {"message": str(error), "code": 429}})
    except Exception as error:
        status, message = _status_of(error)
        yield _event({"error": {"message": message, "code": status}})
    yield "data: [DONE]\n\n"


def _event(data: Mapping[str, Any], name: str = "") -> str:
    """One server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    return f"{f'event: {name}' + chr(10) if name else ''}data: {json.dumps(data, ensure_ascii=False)}\n\n"


def _hit(item: Evidence) -> dict[str, Any]:
    return {
        "n": item.n,
        "passage_id": item.passage_id,
        "record_id": item.hit.record_id,
        "question": item.question,
        "text": item.text,
        "source": item.source,
        "url": item.url,
        "score": item.score,
        "columns": dict(item.hit.columns),
    }
