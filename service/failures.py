"""What becomes of errors: one form of body for all of them, and a log without people's words."""

import traceback
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from core.errors import CiteWellError, QuestionError
from core.progress import log
from service.limits import TooManyError

_STATUSES = {
    400: "the question cannot be asked",
    401: "a key is needed, or the one sent is unknown",
    413: "the body is too large",
    422: "the body is not of the form",
    429: "more than this caller or this server may ask; Retry-After says when to ask again",
    503: "the index or the model cannot be had",
}
DESCRIBED: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {"application/json": {"example": {"error": {"message": what}}}}}
    for status, what in _STATUSES.items()
}
"""The errors as OpenAPI describes them."""


def handle_errors(app: FastAPI) -> None:
    """Give every error of an application its status and the one form of body."""

    @app.exception_handler(TooManyError)
    async def too_many(_: Request, error: TooManyError) -> Response:
        return error_body(429, str(error), {"Retry-After": str(error.retry_s)})

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        headers = {"WWW-Authenticate": "Bearer"} if error.status_code == 401 else {}
        return error_body(error.status_code, str(error.detail), headers | dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]  # without its input, which may be a person's words
        return error_body(422, f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}")

    @app.exception_handler(CiteWellError)
    async def unable(_: Request, error: CiteWellError) -> Response:
        return error_body(*status_of(error))

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> Response:
        _log(error)
        return error_body(500, "something went wrong; the log of the service shows what")


def status_of(error: BaseException) -> tuple[int, str]:
    """The status and the message of an error; one that nobody foresaw is logged."""
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


def error_body(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error's response."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = {"error": {"message": message, "type": kind, "code": status, "param": None}}
    return JSONResponse(body, status, headers=dict(headers or {}))
