"""Signing in: what a visitor sees before, who they are after, and what Streamlit needs to know for it."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import SettingsError
from core.settings import Settings, load
from rag import access_log
from ui import shared
from ui.owner_cookie import key_of
from ui.visitor import Visitor


def secrets_of(settings: Settings) -> dict[str, Any]:
    """The secrets that `st.login` reads, from the settings of `[auth]`; none where nobody signs in.

    Raises:
        SettingsError: a setting or a package is missing.
        HistoryError: the key beside the history is damaged.
    """
    auth = settings.auth
    if not auth.server_metadata_url:
        if auth.client_id or auth.client_secret:
            raise SettingsError(
                "[auth] has a client and no server_metadata_url; name the provider's discovery document"
            )
        return {}
    for name in ("client_id", "client_secret"):
        if not getattr(auth, name):
            raise SettingsError(f"[auth] has no {name}; register CiteWell at the provider, and set what it gives you")
    if find_spec("authlib") is None:
        raise SettingsError("signing in needs the package Authlib; install it: pip install 'citewell[auth]'")
    return {
        "auth": {
            "server_metadata_url": auth.server_metadata_url,
            "client_id": auth.client_id,
            "client_secret": auth.client_secret,
            "redirect_uri": auth.redirect_uri or f"http://{settings.ui.host}:{settings.ui.port}/oauth2callback",
            "cookie_secret": key_of(Path(settings.history.file)),
        }
    }


def draw_gate(visitor: Visitor) -> None:
    """The page of somebody who may not read: a button to sign in, or what they lack."""
    st.title("CiteWell")
    if not visitor.name:
        st.write("Answers from one file, each sentence with the words that it rests on. Sign in to ask.")
        st.button("Sign in", icon=":material/login:", type="primary", on_click=st.login)
        return
    st.error(f"{shared.plain(visitor.name)} may not use this page. Ask whoever runs it for the role of a reader.")
    if not st.session_state.get("refused"):
        access_log.note(load(), "refused", visitor.owner)
        st.session_state.refused = True
    _sign_out()


def draw_name(visitor: Visitor) -> None:
    """Who signed in, and the way out; nothing where nobody signs in."""
    if visitor.name:
        role = "editor" if visitor.may_edit else "reader"
        st.caption(f"Signed in as {shared.plain(visitor.name)} ({role})")
        _sign_out()
    if visitor.name and not st.session_state.get("signed in"):
        access_log.note(load(), "signed in", visitor.owner)
        st.session_state["signed in"] = True


def _sign_out() -> None:
    st.button("Sign out", icon=":material/logout:", type="tertiary", on_click=st.logout)
