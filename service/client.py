"""A running service as a backend: what a page asks where `ui.service_url` is set. It opens no index and no model."""

import contextlib
import functools
import ipaddress
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx
from pydantic import TypeAdapter, ValidationError

from core.errors import CiteWellError, DataError, QuestionError, SettingsError
from index.corpus import Record
from index.reader import Manifest
from rag.admin import Overview
from rag.answer import Answer
from rag.answerer import Request
from rag.backend import Found, ModelState
from rag.receipt import read_receipt
from rag.suggestions import Contents
from service.forms import MOST_HISTORY

CONNECT_S, READ_S = 5.0, 120.0
"""Seconds to wait for a connection, and between two pieces of an answer: a slow processor reads long passages."""
FRESH_S = 2.0
"""Seconds for which the state of the service is taken for what it was."""
_RECORDS, _FOLLOW_UPS = 512, 256
_MESSAGE = 600
"""Most letters that are shown of the service's own message."""

Kind = TypeVar("Kind")


class ServiceError(CiteWellError):
    """A service that cannot be reached, is busy, refuses the key, or went away."""


class RemoteBackend:
    """The service at an address.

    What is known of the file stays known while the service is away, so that a page can still show what was answered.

    Args:
        url: its address, such as http://127.0.0.1:8600.
        key: the caller's; empty where it asks for none.

    Raises:
        SettingsError: that is no address.
    """

    def __init__(self, url: str, key: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self.url = _checked(url)
        self._clock = clock
        self._client = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=None),
            trust_env=not _is_here(self.url),  # a proxy of the network does not know this machine's services
        )
        self._looking = threading.Lock()
        self._looked = float("-inf")
        self._known: tuple[Manifest, ModelState] | None = None
        # Each is asked for once for a build, which is the first argument; an error is not kept.
        self._record = functools.lru_cache(_RECORDS)(self._asked_record)
        self._follow_ups = functools.lru_cache(_FOLLOW_UPS)(self._asked_follow_ups)
        self._contents = functools.lru_cache(1)(lambda build: self._get(Contents, "GET", "/v1/file/contents"))
        self._held = functools.lru_cache(1)(lambda build: self._get(Overview, "GET", "/v1/file/overview"))

    def manifest(self) -> Manifest:
        return self._about()[0]

    def model(self) -> ModelState:
        return self._about()[1]

    def answer(self, asked: Request) -> Iterator[Answer]:
        """Snapshots of the answer; the last one comes again and again while the service waits for its turn.

        Raises:
            QuestionError: the question cannot be asked.
            ServiceError: the service is not there, busy, refuses the key, or went away before the end.
        """
        values: dict[str, Any] = {"question": asked.question, "search_query": asked.question}
        snapshot = Answer(asked.question, asked.question)
        body = {**_body(asked), "stream": True, "snapshots": True}
        with self._reached("POST", "/v1/answers", body) as response:
            for name, data in _events(response.iter_lines()):
                if name == "answer":
                    yield read_receipt(json.dumps(data), f"the answer of {self.url}").answer
                    return
                if name == "error":
                    status = self._read(int, data.get("code", 500))
                    raise self._error(status, str(data.get("message", "")), data.get("retry_after"))
                if name == "queue":
                    snapshot = Answer(asked.question, asked.question, ahead=self._read(int, data.get("ahead", 0)))
                elif name == "snapshot" and data:
                    values |= data
                    snapshot = self._read(Answer, values)
                yield snapshot
        raise ServiceError(self._went_away())

    def find(self, asked: Request) -> Found:
        return self._get(Found, "POST", "/v1/search", _body(asked))

    def record(self, record_id: str) -> Record | None:
        with contextlib.suppress(ServiceError):
            return self._record(self._build, record_id)
        return None

    def further(self, answer: Answer) -> tuple[str, ...]:
        cited = answer.cited or answer.evidence[:1]
        if answer.abstained or not cited:
            return ()
        with contextlib.suppress(CiteWellError):  # the answer stands without them
            first = cited[0]
            return self._follow_ups(self._build, answer.question, answer.search_query, first.record_id, first.question)
        return ()

    def contents(self) -> Contents:
        return self._contents(self._build)

    def held(self) -> Overview:
        return self._held(self._build)

    def prepare(self) -> None:
        self.manifest()

    @property
    def _build(self) -> str:
        return self._known[0].build if self._known else self.manifest().build

    def _about(self) -> tuple[Manifest, ModelState]:
        with self._looking:
            if self._known is None or self._clock() - self._looked >= FRESH_S:
                try:
                    about = self._get(dict[str, Any], "GET", "/v1/file")
                    self._known = (
                        self._read(Manifest, about.get("manifest")),
                        self._read(ModelState, about.get("model")),
                    )
                except ServiceError as error:
                    if self._known is None:
                        raise
                    self._known = self._known[0], ModelState("away", error=str(error))
                self._looked = self._clock()
            return self._known

    def _asked_record(self, build: str, record_id: str) -> Record | None:
        try:
            return self._get(Record, "GET", f"/v1/records/{quote(record_id, safe='')}")
        except _MissingError:
            return None

    def _asked_follow_ups(self, build: str, *about: str) -> tuple[str, ...]:
        body = dict(zip(("question", "searched", "record_id", "cited"), about, strict=True))
        given = self._get(dict[str, tuple[str, ...]], "POST", "/v1/follow-ups", body)
        return given.get("questions", ())

    def _get(self, kind: type[Kind], method: str, path: str, body: Mapping[str, Any] | None = None) -> Kind:
        """The body of a response as a value of a type."""
        with self._reached(method, path, body) as response:
            content = response.read()
        try:
            return self._read(kind, json.loads(content))
        except ValueError as error:
            raise self._strange(error) from error

    def _read(self, kind: type[Kind], values: Any) -> Kind:
        hashed: Any = kind  # a class can be hashed, which mypy does not see of a type variable
        try:
            return _adapter(hashed).validate_python(values)
        except ValidationError as error:
            raise self._strange(error) from error

    @contextlib.contextmanager
    def _reached(self, method: str, path: str, body: Mapping[str, Any] | None) -> Iterator[httpx.Response]:
        """The response to a request, which was not refused; its body is read within the block.

        Raises:
            QuestionError, ServiceError: as `answer` does.
        """
        begun = False
        try:
            with self._client.stream(method, path, json=body) as response:
                if response.status_code != 200:
                    response.read()
                    raise self._refusal(response)
                begun = True
                yield response
        except (DataError, json.JSONDecodeError) as error:  # a receipt that was altered on the way, or no event
            raise self._strange(error) from error
        except httpx.ReadTimeout as error:
            raise ServiceError(f"the service at {self.url} said nothing for {READ_S:.0f} seconds; ask again") from error
        except httpx.HTTPError as error:
            if begun:
                raise ServiceError(self._went_away()) from error
            raise ServiceError(
                f"no CiteWell service answers at {self.url} ({type(error).__name__}); start it there: citewell serve; "
                "or name another: CITEWELL_UI_SERVICE_URL"
            ) from error

    def _refusal(self, response: httpx.Response) -> CiteWellError:
        try:
            message = str(response.json()["error"]["message"])
        except (ValueError, KeyError, TypeError):
            return self._strange(f"status {response.status_code}")
        return self._error(response.status_code, message, response.headers.get("retry-after"))

    def _error(self, status: int, message: str, retry_s: object = None) -> CiteWellError:
        """The error of a status, with the service's own message."""
        message = message[:_MESSAGE]
        if status == 400:
            return QuestionError(message)
        if status == 401:
            return ServiceError(
                f"the service at {self.url} does not know this page's key; set the one that citewell serve key add "
                "printed: CITEWELL_UI_SERVICE_KEY"
            )
        if status == 404:
            return _MissingError(message)
        if status == 429:
            return ServiceError(f"the service is busy ({message}); ask again in {retry_s or 'some'} seconds")
        return ServiceError(f"the service at {self.url} cannot answer: {message}")

    def _went_away(self) -> str:
        return f"the service at {self.url} went away before the answer was finished; what came so far stays; ask again"

    def _strange(self, why: object) -> ServiceError:
        said = " ".join(str(why).split())[:120] if isinstance(why, str) else type(why).__name__
        return ServiceError(
            f"what answers at {self.url} is no CiteWell service of this version ({said}); ui.service_url names the "
            "address that citewell serve printed"
        )


class _MissingError(ServiceError):
    """The service has no such thing."""


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _body(asked: Request) -> dict[str, Any]:
    return {"question": asked.question, "history": list(asked.history)[-MOST_HISTORY:], "filters": dict(asked.filters)}


def _events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """The events of a stream, and an empty one for each comment, which says that the service still works."""
    name = ""
    for line in lines:
        field, colon, value = line.partition(": ")
        if colon and not field:
            yield "", {}
        elif field == "event":
            name = value
        elif field == "data":
            data = json.loads(value)
            yield name, data if isinstance(data, dict) else {}


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_address = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        is_address = False
    if not is_address:
        raise SettingsError(f"ui.service_url is {url!r}; expected an address such as http://127.0.0.1:8600")
    return url.rstrip("/").removesuffix("/v1")


def _is_here(url: str) -> bool:
    """Whether an address is one of this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
