"""Who a visitor is, and what stands before Streamlit; without a browser."""

import asyncio
import os
import re
from datetime import UTC, date
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import HistoryError, SettingsError
from core.people_settings import AuthSettings
from core.settings import HistorySettings, Settings, UiSettings
from ui.address import is_open
from ui.conversations import group_of
from ui.owner_cookie import OwnerCookie, key_of
from ui.server import HEADERS, KnownHosts, OwnersAndHeaders, known_names
from ui.sign_in import secrets_of
from ui.visitor import signed_in

AUTH = AuthSettings(
    server_metadata_url="http://127.0.0.1:9/x", editors="Ana@Example.org, subject-9", readers="ben@b.org"
)
ANA = {
    "is_logged_in": True,
    "iss": "http://127.0.0.1:9",
    "sub": "1",
    "email": "ana@example.org",
    "email_verified": True,
}


async def _page(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        await HTMLResponse("<p>the page</p>")(scope, receive, send)


def got(app: ASGIApp, path: str = "/", kind: str = "http", **headers: str) -> tuple[int | str, dict[str, str]]:
    """The status (of a WebSocket, the kind of message) and the headers that an app answers with."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "method": "GET", "path": path, "headers": raw, "scheme": "http", "extensions": {}}

    async def answer() -> None:
        await app({**scope, "query_string": b"", "subprotocols": []}, receive, send)

    asyncio.run(answer())
    named = {name.decode(): value.decode() for name, value in sent[0].get("headers", [])}
    return sent[0].get("status", sent[0]["type"]), named


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("127.0.0.1:8501", True),
        ("localhost:8501", True),
        ("[::1]:8501", True),
        ("192.168.1.5:8501", True),
        ("citewell.clinic.example", True),
        ("evil.example:8501", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
        ("[", False),
    ],
)
def test_a_host_name_that_is_not_this_servers_is_refused(host: str, answered: bool) -> None:
    """A page elsewhere that lets its own name point to this machine reads nothing (DNS rebinding)."""
    app = KnownHosts(_page, known_names(Settings(ui=UiSettings(names="citewell.clinic.example"))))
    assert got(app, host=host)[0] == (200 if answered else 400)
    assert got(app, kind="websocket", host=host)[0] == ("websocket.accept" if answered else "websocket.close")


@pytest.mark.parametrize(
    ("origin", "answered"),
    [
        ("http://127.0.0.1:8501", True),
        ("https://citewell.clinic.example", True),
        ("http://localhost:3000", True),
        ("http://evil.example", False),
        ("null", False),
        ("http://[", False),
    ],
)
def test_a_page_of_another_site_opens_no_websocket(origin: str, answered: bool) -> None:
    app = KnownHosts(_page, {"citewell.clinic.example", "localhost"})
    kind = got(app, kind="websocket", host="127.0.0.1:8501", origin=origin)[0]
    assert kind == ("websocket.accept" if answered else "websocket.close")


def test_a_browser_gets_a_cookie_that_nobody_can_make_up() -> None:
    cookie = OwnerCookie("k" * 64)
    app = OwnersAndHeaders(_page, cookie)

    def given(sent: str = "") -> str:
        _, headers = got(app, cookie=f"{cookie.name}={sent}")
        assert headers.items() >= {(name.lower(), value) for name, value in HEADERS.items()}
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert headers["set-cookie"].endswith("Path=/; HttpOnly; SameSite=Lax")
        match = re.match(rf"{cookie.name}=([^;]+)", headers["set-cookie"])
        assert match is not None
        return match[1]

    first = given()
    owner = cookie.owner(first)
    assert re.fullmatch("browser-[0-9a-f]{32}", owner)
    assert given(first) == first  # the next visit is the same owner's
    for forged in (
        owner,
        f"{owner}.AAAA",
        OwnerCookie("x" * 64).new(),
        first[:-1],
        first.replace("browser", "person"),
        "ü",
    ):
        assert cookie.owner(forged) == ""
        assert cookie.owner(given(forged)) not in ("", owner)
    assert OwnerCookie("x" * 64).name != cookie.name  # another server on this host does not overwrite it
    assert got(app, "/_stcore/metrics")[0] == 404


def test_the_key_is_kept_for_its_user_alone_and_a_new_one_knows_nobody(tmp_path: Path, told: list[str]) -> None:
    history = tmp_path / "new" / "history.sqlite"
    before = os.umask(0)
    try:
        key = key_of(history)
    finally:
        os.umask(before)
    file = history.with_suffix(".secret")
    assert file.read_text().strip() == key
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["history.secret"]
    key_of.cache_clear()
    assert key_of(history) == key
    value = OwnerCookie(key).new()
    file.unlink()
    key_of.cache_clear()
    assert OwnerCookie(key_of(history)).owner(value) == ""
    file.write_text("damaged")
    key_of.cache_clear()
    with pytest.raises(HistoryError, match="holds no key.*backup, or delete it"):
        key_of(history)
    blocked = tmp_path / "a file"
    blocked.write_text("")
    assert len(key_of(blocked / "history.sqlite")) == 64  # it cannot be kept, and the page works
    assert any("until CiteWell ends" in line for line in told)


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        (ANA, {"reader", "editor"}),
        ({**ANA, "email_verified": False}, set()),
        ({**ANA, "email_verified": "true"}, set()),
        ({**ANA, "email": "eve@example.org"}, set()),
        ({**ANA, "email": "ben@b.org"}, {"reader"}),
        ({**ANA, "email": "", "sub": "subject-9"}, {"reader", "editor"}),
        ({**ANA, "email": "", "roles": ["citewell/editor"]}, {"reader", "editor"}),
        ({**ANA, "email": "", "roles": "staff, reader"}, {"reader"}),
        ({**ANA, "email": "", "roles": ["editors", "not-editor"]}, set()),
        ({**ANA, "email": "", "roles": {"editor": True}}, set()),
    ],
)
def test_roles_come_from_a_claim_or_a_list(claims: dict[str, Any], roles: set[str]) -> None:
    found = signed_in(claims, AUTH)
    assert found is not None
    assert found.roles == roles
    assert found.may_read == bool(roles)
    assert found.may_edit == ("editor" in roles)


def test_a_person_is_an_owner_by_issuer_and_subject_and_nobody_is_none() -> None:
    assert signed_in({}, AUTH) is None
    assert signed_in({**ANA, "is_logged_in": False}, AUTH) is None
    assert signed_in({**ANA, "is_logged_in": "yes"}, AUTH) is None
    ana = signed_in(ANA, AUTH)
    assert ana == signed_in({**ANA}, AUTH)
    owners = {
        each.owner for each in (ana, signed_in({**ANA, "sub": "2"}, AUTH), signed_in({**ANA, "iss": "x"}, AUTH)) if each
    }
    assert len(owners) == 3


def test_sign_in_is_all_there_or_the_start_says_what_lacks(tmp_path: Path) -> None:
    history = HistorySettings(file=str(tmp_path / "history.sqlite"))
    assert secrets_of(Settings(history=history)) == {}
    with pytest.raises(SettingsError, match="no server_metadata_url"):
        secrets_of(Settings(history=history, auth=AuthSettings(client_id="x")))
    with pytest.raises(SettingsError, match="no client_secret"):
        secrets_of(Settings(history=history, auth=AuthSettings("http://127.0.0.1:9", client_id="x")))
    made = secrets_of(Settings(history=history, auth=AuthSettings("http://127.0.0.1:9", "x", "y")))["auth"]
    assert made["redirect_uri"] == "http://127.0.0.1:8501/oauth2callback"
    assert len(made["cookie_secret"]) == 64


@pytest.mark.parametrize(
    ("updated", "group"),
    [
        ("2026-11-28T00:10:00+00:00", "Today"),
        ("2030-01-01T00:00:00+00:00", "Today"),
        ("2026-11-27T23:59:00+00:00", "Yesterday"),
        ("2026-11-22T12:00:00+00:00", "Previous 7 days"),
        ("2026-11-05T12:00:00+00:00", "Previous 30 days"),
        ("2026-02-05T12:00:00+00:00", "February 2026"),
        ("damaged", "Some time"),
    ],
)
def test_conversations_are_grouped_by_the_visitors_calendar(updated: str, group: str) -> None:
    assert group_of(updated, date(2026, 11, 28), UTC) == group


@pytest.mark.parametrize(
    ("host", "opened"),
    [("127.0.0.1", False), ("::1", False), ("localhost", False), ("0.0.0.0", True), ("10.0.0.5", True)],
)
def test_an_address_that_others_reach_is_known(host: str, opened: bool) -> None:
    assert is_open(host) == opened
