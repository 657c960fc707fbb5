"""The credentials of a server that writes answers: that server gets them, and no receipt, error or log does."""

import base64
import ipaddress
import logging
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit, urlunsplit

from core.progress import log

NO_KEY = "none"
"""The key for servers that ask for none: the client insists on one."""
SHORTEST = 4
"""Characters of the shortest secret that is hidden in other texts: shorter ones stand in ordinary words."""
HIDDEN = "…"
LOGGERS = ("httpx", "httpcore", "httpx2", "httpcore2", "openai")
"""Libraries that log addresses, headers and bodies of requests below the level of warnings."""


@dataclass(frozen=True)
class Credentials:
    """A server's address and key, either of which may hold what nobody else is to read."""

    url: str
    key: str = field(default=NO_KEY, repr=False)

    @property
    def shown(self) -> str:
        """The address without user, password, query and fragment: what receipts and errors name."""
        parts = self._parts
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")) or HIDDEN

    @property
    def options(self) -> dict[str, Any]:
        """What the client sends with each request beside the key: what the address asks, such as `?token=…`, and in
        the key's place the user that stands in it.
        """
        headers = {"Authorization": f"Basic {self._basic}"} if self._basic else {}
        return {"default_query": self._query, "default_headers": headers}

    def hidden(self, text: str) -> str:
        """A text with a mark in the place of each secret, the longest first."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return text

    def keep_out_of_logs(self) -> None:
        """Let the libraries that send it log no requests, and warn where the key crosses a network in clear."""
        for name in LOGGERS:
            logging.getLogger(name).setLevel(logging.WARNING)
        if self._secrets() and self._parts.scheme == "http" and not _is_this_machine(self._parts.hostname or ""):
            log.warning(f"notice: the key for {self.shown} crosses the network in clear; use https")

    @property
    def _parts(self) -> SplitResult:
        try:
            return urlsplit(self.url)
        except ValueError:  # such as http://[
            return urlsplit("")

    @property
    def _query(self) -> dict[str, str]:
        return dict(parse_qsl(self._parts.query))

    @property
    def _basic(self) -> str:
        """User and password as HTTP sends them (RFC 7617); empty where there are none."""
        user, password = (unquote(each or "") for each in (self._parts.username, self._parts.password))
        return base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""

    def _secrets(self) -> set[str]:
        user, password = (unquote(each or "") for each in (self._parts.username, self._parts.password))
        found = {user, password, self._basic, *self._query.values(), "" if self.key == NO_KEY else self.key}
        found |= {quote(each, safe="") for each in found}
        return {each for each in found if len(each) >= SHORTEST}


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
