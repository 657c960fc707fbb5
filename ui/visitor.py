"""Who looks at the page: a browser that is known by its cookie, or a person who signed in, with roles."""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from core.people_settings import AuthSettings
from core.settings import load
from ui.owner_cookie import owner_cookie

Role = Literal["reader", "editor"]
EVERYTHING: frozenset[Role] = frozenset({"reader", "editor"})


@dataclass(frozen=True)
class Visitor:
    """Who looks at the page, and what they may do there."""

    owner: str
    """Whose conversations and feedback are theirs."""
    roles: frozenset[Role] = EVERYTHING
    name: str = ""
    """What the sign-in calls them; empty where nobody signs in."""
    lasts: bool = True
    """Whether the browser is known again: it keeps the cookie, or the person signed in."""

    @property
    def may_read(self) -> bool:
        """Whether they may ask, and read answers."""
        return bool(self.roles)

    @property
    def may_edit(self) -> bool:
        """Whether they may replace the indexed file, roll back, and read other people's feedback."""
        return "editor" in self.roles


def visitor() -> Visitor:
    """Who this run of the page's script is for; call it on a page.

    Raises:
        HistoryError: the key beside the history is damaged.
        SettingsError: the settings cannot be read.
    """
    settings = load()
    if settings.auth.server_metadata_url:
        return signed_in(dict(st.user), settings.auth) or Visitor(_of_this_session(), frozenset(), lasts=False)
    cookie = owner_cookie(Path(settings.history.file))
    owner = cookie.owner(st.context.cookies.get(cookie.name))
    return Visitor(owner) if owner else Visitor(_of_this_session(), lasts=False)


def signed_in(claims: Mapping[str, Any], auth: AuthSettings) -> Visitor | None:
    """The visitor that the claims of an ID token describe; None where nobody signed in."""
    issuer, subject = str(claims.get("iss") or ""), str(claims.get("sub") or "")
    if claims.get("is_logged_in") is not True or not subject:
        return None
    # A subject is unique for its issuer alone: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
    owner = f"person-{hashlib.sha256(f'{issuer} {subject}'.encode()).hexdigest()[:32]}"
    name = str(claims.get("email") or claims.get("preferred_username") or claims.get("name") or subject)
    return Visitor(owner, _roles(claims, auth), name)


def _roles(claims: Mapping[str, Any], auth: AuthSettings) -> frozenset[Role]:
    given = claims.get(auth.roles_claim)
    words = given if isinstance(given, list) else str(given or "").replace(",", " ").split()
    claimed = {str(word).rpartition("/")[2] for word in words}
    known_as = {str(claims.get("sub"))}
    if claims.get("email_verified") is True:  # anybody may write any address into an account that does not check it
        known_as.add(str(claims.get("email")).lower())
    if "editor" in claimed or known_as & _list(auth.editors):
        return EVERYTHING
    if "reader" in claimed or "*" in _list(auth.readers) or known_as & _list(auth.readers):
        return frozenset({"reader"})
    return frozenset()


def _list(setting: str) -> set[str]:
    words = re.split(r"[,\s]+", setting.strip())
    return {word.lower() if "@" in word else word for word in words if word}


def _of_this_session() -> str:
    """An owner until the page is reloaded, for a browser that keeps no cookie."""
    owner: str = st.session_state.setdefault("owner", f"visit-{secrets.token_hex(16)}")
    return owner
