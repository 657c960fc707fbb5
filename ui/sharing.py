"""Sharing one answer by a link, and withdrawing the link."""

from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st

from core.settings import load
from rag import access_log
from rag.answer import Answer
from rag.shares import Share, share, shares, withdraw
from ui import shared
from ui.visitor import visitor

SHOWN = 60
"""Most characters of a question in the list of links."""


def draw_share(answer: Answer, conversation: str, key: str) -> None:
    """A button that makes the link, and the link with what it means."""
    settings = load()
    if not settings.history.share:
        return
    if st.button("Share this answer", key=f"share {key}", icon=":material/link:", type="tertiary"):
        with shared.warned():
            made = share(Path(settings.history.file), visitor().owner, conversation, answer)
            st.session_state[f"link {key}"] = made
            access_log.note(settings, "shared", visitor().owner, answer)
    link: Share | None = st.session_state.get(f"link {key}")
    if link is not None:
        st.caption("Whoever has this link can read this one answer with its evidence, without signing in.")
        st.code(_address(link), language=None, wrap_lines=True)
        st.button("Withdraw the link", key=f"withdraw {key}", on_click=_withdraw, args=(link, f"link {key}"))


def draw_links() -> None:
    """The visitor's links, each with a way to withdraw it; nothing where there is none."""
    made = shares(Path(load().history.file), visitor().owner)
    if not made:
        return
    with st.expander(f"Shared answers ({len(made)})", icon=":material/link:"):
        for link in made:
            question = link.question if len(link.question) <= SHOWN else f"{link.question[: SHOWN - 1]}…"
            st.markdown(f"[{shared.plain(question or 'an answer')}]({_address(link)})")
            st.button("Withdraw", key=f"withdraw {link.token}", type="tertiary", on_click=_withdraw, args=(link,))


def _withdraw(link: Share, key: str = "") -> None:
    settings = load()
    with shared.warned():
        withdraw(Path(settings.history.file), visitor().owner, link.token)
        access_log.note(settings, "withdrawn", visitor().owner)
    for name in [name for name, value in st.session_state.items() if name == key or value == link]:
        st.session_state.pop(str(name), None)


def _address(link: Share) -> str:
    """The link as the browser reaches this server."""
    here = urlsplit(st.context.url or "")
    return f"{here.scheme or 'http'}://{here.netloc}/shared/{link.token}"
