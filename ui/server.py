"""What stands between the network and Streamlit: known hosts, the owner's cookie, headers, and shared answers."""

import ipaddress
import math
import socket
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request, cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from core.errors import HistoryError
from core.rate import Rate
from core.settings import Settings
from rag.receipt import to_html
from rag.shares import shared
from ui.owner_cookie import DAYS, OwnerCookie, owner_cookie

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",  # the address names a conversation
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
PAGE_POLICY = (
    "frame-ancestors 'self'; base-uri 'self'; object-src 'none'; img-src 'self' data: blob:; font-src 'self' data:; "
    "media-src 'self' data: blob:"
)
"""Content-Security-Policy of the page: nothing that an answer or a file name holds loads from elsewhere. Scripts are
Streamlit's own, which need to be inline."""
UPLOADED = "/_stcore/upload_file"
"""Path to which Streamlit's uploader sends files, each with a PUT."""
BEFORE_REFUSED = 2
"""Times the limit of a minute that an address may send: the page shows the limit itself once it is passed."""
HIDDEN = ("/_stcore/metrics", "/_stcore/host-config/")
"""Paths of Streamlit that tell strangers about the server."""


class KnownHosts:
    """Refuses requests under a host name that is not this server's, and WebSockets that another site's page opens.

    A page elsewhere can let its own name point to this machine (DNS rebinding), and then reads what it answers. A
    number for a host is no name, so it is safe.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self.app, self.names = app, frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        foreign = origin is not None and scope["type"] == "websocket" and not self._is_same(origin, host)
        if self._is_known(_name(f"//{host}")) and not foreign:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(code=1008)(scope, receive, send)
        else:
            said = "This host name is not CiteWell's. If it should be, name it: [ui] names in citewell.toml.\n"
            await PlainTextResponse(said, status_code=400)(scope, receive, send)

    def _is_same(self, origin: str, host: str) -> bool:
        """Whether a page of the origin is this server's; a proxy may have put its own name into `host`."""
        return origin.partition("://")[2].lower() == host.lower() or _name(origin) in self.names

    def _is_known(self, name: str) -> bool:
        if name in self.names or "*" in self.names:
            return bool(name)
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


class UploadLimit:
    """Refuses uploads before they are read, where nobody may upload or one address sends too many in a minute.

    The page counts files too, and says so in words; but what it refuses is in the server's memory by then, and whoever
    sends files past the page is never told.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app, self.most, self.rate = app, most, Rate()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "PUT" or not scope["path"].startswith(UPLOADED):
            await self.app(scope, receive, send)
        elif not self.most:
            await PlainTextResponse("Nobody may upload files here.\n", status_code=403)(scope, receive, send)
        elif wait_s := self.rate.count((scope["client"] or ("this machine",))[0], self.most):
            headers = {"Retry-After": str(math.ceil(wait_s))}
            said = "Too many files from your address; wait a minute.\n"
            await PlainTextResponse(said, status_code=429, headers=headers)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class OwnersAndHeaders:
    """Gives each browser its owner's cookie with the page, and every response the headers that protect it."""

    def __init__(self, app: ASGIApp, cookie: OwnerCookie | None) -> None:
        self.app, self.cookie = app, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["path"].startswith(HIDDEN):
            await PlainTextResponse("Not found\n", status_code=404)(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault("Content-Security-Policy", PAGE_POLICY)
                    if self.cookie is not None and scope["method"] == "GET":
                        headers.append("Set-Cookie", _set_cookie(self.cookie, scope))
            await send(message)

        await self.app(scope, receive, with_headers)


def middleware(settings: Settings) -> list[Middleware]:
    """What every request passes before it reaches Streamlit.

    Raises:
        HistoryError: the key beside the history is damaged.
    """
    cookie = None if settings.auth.server_metadata_url else owner_cookie(Path(settings.history.file))
    most = BEFORE_REFUSED * settings.ui.uploads_per_minute if settings.ui.uploads == "everybody" else 0
    return [
        Middleware(KnownHosts, names=known_names(settings)),
        Middleware(UploadLimit, most=most),
        Middleware(OwnersAndHeaders, cookie=cookie),
    ]


def routes(settings: Settings) -> list[Route]:
    """The pages beside Streamlit's: an answer that was shared, as a page of its own that loads nothing."""
    file = Path(settings.history.file)

    def show(request: Request) -> HTMLResponse:
        try:
            found = shared(file, request.path_params["token"])
        except HistoryError:
            found = None
        if found is None:
            return HTMLResponse(_GONE, status_code=404)
        return HTMLResponse(to_html(found), headers={"Cache-Control": "no-store", "X-Robots-Tag": "noindex"})

    return [Route("/shared/{token}", show, methods=["GET"])] if settings.history.share else []


def known_names(settings: Settings) -> set[str]:
    """The host names under which the page is reached: this machine's own, and those of the settings."""
    own = {"localhost", settings.ui.host, socket.gethostname(), socket.getfqdn(), f"{socket.gethostname()}.local"}
    given = {word.strip() for word in settings.ui.names.split(",") if word.strip()}
    redirect = _name(settings.auth.redirect_uri)
    return {name.lower() for name in own | given | {redirect} if name}


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


def _set_cookie(cookie: OwnerCookie, scope: Scope) -> str:
    """The header that gives a browser its cookie: the one that it has, for longer, or a new one."""
    headers = Headers(scope=scope)
    had = cookie_parser(headers.get("cookie", "")).get(cookie.name)
    value = had if cookie.owner(had) else cookie.new()
    secure = scope.get("scheme") == "https" or headers.get("x-forwarded-proto", "") == "https"
    parts = f"{cookie.name}={value}; Max-Age={DAYS * 86_400}; Path=/; HttpOnly; SameSite=Lax"
    return f"{parts}; Secure" if secure else parts


_GONE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Not shared</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><main><h1>This answer is not shared</h1>
<p>Its owner withdrew the link or deleted the conversation, or the link was never whole.</p></main></body></html>
"""
