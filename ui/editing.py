"""Who may change what everybody asks, and how often: the one place where the page decides it."""

import streamlit as st

from core.rate import Rate
from core.settings import load
from ui.visitor import visitor

_uploaded = Rate()
"""The uploads of each address."""


def may_edit() -> bool:
    """Whether this visitor may index files, go back to an earlier index, and cancel what others index: an editor,
    unless the settings let nobody.
    """
    return load().ui.uploads == "everybody" and visitor().may_edit


def may_upload(address: str, now: float | None = None) -> bool:
    """Count one more file from an address; whether it is within the limit of a minute."""
    return not _uploaded.count(address, load().ui.uploads_per_minute, now)


def address() -> str:
    """The visitor's address; Streamlit knows none of a browser on this machine."""
    return st.context.ip_address or "this machine"
