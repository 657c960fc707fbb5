"""Start the page.

citewell page
citewell page --port 8600
citewell page --host 0.0.0.0        # for a network: read docs/deployment.md before
"""

import socket
import threading
from pathlib import Path

from core.command import command_parser
from core.errors import HistoryError, IndexFolderError, SettingsError, explained, run_command
from core.log_privacy import without_words
from core.progress import log
from core.settings import Settings, load
from rag.admin import embed_in_background
from rag.owners import Owners
from rag.uploads import UPLOAD_MIB
from ui.address import is_open

OPEN = (
    "warning: everybody who reaches this address can ask, read the whole indexed file, replace it for everybody by an "
    "upload, and roll it back. Nobody signs in, and nothing is encrypted on the way. Each browser sees its own "
    "conversations alone. To let people sign in: [auth] in citewell.toml (docs/deployment.md)"
)


def main(argv: list[str] | None = None) -> int:
    """Check that the port is free, then run Streamlit until Ctrl-C."""
    parser = command_parser("ui", __doc__)
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1, this machine only)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 8501)")
    arguments = parser.parse_args(argv)
    settings = load({"ui.host": arguments.host, "ui.port": arguments.port})
    _check_port(settings.ui.host, settings.ui.port)
    if not settings.ui.log_texts:
        without_words()
    if not settings.ui.service_url:
        _embed(settings)
    _forget(settings)
    print(f"CiteWell is starting on http://{settings.ui.host}:{settings.ui.port} (Ctrl-C ends it)", flush=True)
    if is_open(settings.ui.host) and not settings.auth.server_metadata_url:
        log.warning(OPEN)
    _serve(settings)
    return 0


def _check_port(host: str, port: int) -> None:
    """Raise SettingsError unless the address is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"cannot listen on {host}:{port} ({error.strerror}); is CiteWell already running "
                f"there? open it, or choose another port: CITEWELL_UI_PORT={port + 1} make app"
            ) from None


def _embed(settings: Settings) -> None:
    try:
        if embed_in_background(settings):
            print("the vectors of the index are being made meanwhile; its words can be searched", flush=True)
    except IndexFolderError:
        pass  # the page says what is missing
    except OSError as error:
        log.warning(f"notice: the vectors of the index cannot be made: {explained(error)}")


def _forget(settings: Settings) -> None:
    """Delete what is older than the settings keep it, also of those who never come back."""
    if settings.history.keep_days:
        try:
            Owners(Path(settings.history.file)).forget(settings.history.keep_days)
        except HistoryError as error:
            log.warning(f"notice: old conversations could not be deleted: {error}")


def _serve(settings: Settings) -> None:
    """Run Streamlit in this process, so that the page finds the packages where this module was found."""
    flags = {
        "server.address": settings.ui.host,
        "server.port": settings.ui.port,
        "server.headless": True,
        "server.maxUploadSize": UPLOAD_MIB,
        "server.fileWatcherType": "none",  # the watcher trips over torch.classes
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        # Streamlit draws captions at 60 % of the text's colour: only full black and white leave them enough contrast.
        "theme.light.textColor": "#000000",
        "theme.dark.textColor": "#ffffff",
        "theme.light.primaryColor": "#0f766e",
        "theme.dark.primaryColor": "#2dd4bf",
        "client.showErrorDetails": "none",
        "browser.serverAddress": "localhost",  # else Streamlit asks a server outside for this machine's address
        "logger.hideWelcomeMessage": True,
        "logger.enableRich": False,  # it prints errors past the log, with their words
    }
    import streamlit as st

    from ui.server import middleware, routes
    from ui.sign_in import secrets_of

    app = st.App(
        Path(__file__).with_name("app.py"),
        secrets=secrets_of(settings) or None,
        middleware=middleware(settings),
        routes=routes(settings),
    )
    threading.Thread(target=_prepare, name="prepare", daemon=True).start()
    app.run(config=flags)


def _prepare() -> None:
    """Load index and model while the browser is still being opened."""
    from ui import shared

    shared.prepare()


if __name__ == "__main__":
    run_command(main)
