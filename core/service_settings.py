"""The settings of the HTTP service."""

from dataclasses import dataclass
from typing import Annotated

from core.paths import artifacts
from core.setting_rules import Range


@dataclass(frozen=True)
class ServiceSettings:
    host: str = "127.0.0.1"
    """Address to listen on. The default is reached from this machine alone."""
    port: Annotated[int, Range(1, 65_535)] = 8600
    keys: str = str(artifacts("service_keys.json"))
    """The file of callers' keys (`citewell serve key`)."""
    allow_anonymous: bool = False
    """Answer other machines without a key, where there is none."""
    allowed_origins: str = ""
    """Origins whose web pages may ask from a browser, separated by commas, such as `https://chat.example.org`."""
    requests_per_minute: Annotated[int, Range(1, 1_000_000)] = 60
    """Most requests of one caller in a minute."""
    body_kib: Annotated[int, Range(1, 102_400)] = 256
    """Most KiB of a request's body."""
    at_once: Annotated[int, Range(1, 1000)] = 4
    """Requests that are worked on at once; the model writes one answer at a time."""
    queue: Annotated[int, Range(0, 100_000)] = 32
    """Requests that wait for a place; further ones get a 429."""
