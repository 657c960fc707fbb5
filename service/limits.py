"""What one caller, and all of them together, may ask of the service."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core import rate

BEAT_S = 1.0
"""Seconds after which whoever waits hears again: as long it takes to see that they hung up, where nothing else does."""


class TooManyError(Exception):
    """More than is allowed; `retry_s` seconds from now it may be asked again."""

    def __init__(self, message: str, retry_s: float) -> None:
        super().__init__(message)
        self.retry_s = math.ceil(retry_s)


class Rate:
    """Most requests of each caller within a minute."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._counted = limit, rate.Rate(clock)

    def count(self, caller: str) -> None:
        """Count a request; raises TooManyError beyond the limit."""
        if wait_s := self._counted.count(caller, self._limit):
            raise TooManyError(f"more than {self._limit} requests in a minute", wait_s)


class Gate:
    """Lets some requests through at once, in the order in which they came, and some more wait for their turn."""

    def __init__(self, at_once: int, queue: int) -> None:
        self._at_once, self._most = at_once, at_once + queue
        self._line: list[asyncio.Event] = []
        """Whoever is inside, in the order of coming: the first `at_once` are worked on. Set where somebody left."""

    @property
    def inside(self) -> int:
        """Requests that are answered or wait."""
        return len(self._line)

    def check(self) -> None:
        """Raise TooManyError where too many wait already."""
        if self.inside >= self._most:
            raise TooManyError(f"{self.inside} requests are answered or wait already", self.inside)

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[AsyncIterator[int]]:
        """A place in the line while the block runs; raises as `check` does.

        Yields:
            What is to be iterated first: it gives how many are before this one, at once, when that changes, and every
            `BEAT_S` seconds; it ends when the turn has come.
        """
        self.check()
        moved = asyncio.Event()
        self._line.append(moved)
        try:
            yield self._waiting(moved)
        finally:
            self._line.remove(moved)
            for other in self._line:
                other.set()

    async def _waiting(self, moved: asyncio.Event) -> AsyncIterator[int]:
        while (ahead := self._line.index(moved)) >= self._at_once:
            yield ahead
            moved.clear()
            with anyio.move_on_after(BEAT_S):
                await moved.wait()


@contextlib.asynccontextmanager
async def while_connected(receive: Receive) -> AsyncIterator[None]:
    """Run a block, and cancel it when the caller hangs up; what comes after the block runs all the same.

    The request's body has been read before.
    """
    scope = anyio.CancelScope()

    async def listen() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        scope.cancel()

    listening = asyncio.create_task(listen())
    try:
        with scope:
            yield
    finally:
        listening.cancel()


class BodyLimit:
    """Refuses a request whose body is larger than `most` bytes, before it is read whole."""

    def __init__(self, app: ASGIApp, most: int, refused: ASGIApp) -> None:
        self._app, self._most, self._refused = app, most, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = dict(scope["headers"]).get(b"content-length", b"0")
        if said.isdigit() and int(said) > self._most:
            await self._refused(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self._most:
                await self._refused(scope, receive, send)
                return
            if message["type"] != "http.request" or not message.get("more_body"):
                break
        given = False

        async def read() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, read, send)
