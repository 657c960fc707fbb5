"""What `/metrics` reports, in Prometheus's form: counts and times, no word of a question."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Metrics:
    """The counts of one application.

    Args:
        inside: the number of requests that are answered or wait now.
    """

    def __init__(self, inside: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter("citewell_requests", "Requests", ["path", "status"], registry=self._registry)
        self.seconds = Histogram("citewell_answer_seconds", "Seconds of whole answers", registry=self._registry)
        self.outcomes = Counter("citewell_answers", "Answers by outcome", ["outcome"], registry=self._registry)
        Gauge("citewell_inside", "Requests that are answered or wait", registry=self._registry).set_function(inside)

    def text(self) -> bytes:
        """All of them as text."""
        return generate_latest(self._registry)


class CountRequests:
    """Counts each request by the path of its endpoint and its status."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = getattr(scope.get("route"), "path", "unknown")  # a caller's own path could be any text
                self._metrics.requests.labels(path, message["status"]).inc()
            await send(message)

        await self._app(scope, receive, count if scope["type"] == "http" else send)
