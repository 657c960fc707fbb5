"""Start the page.

citewell serve
citewell serve --port 8600
"""

import socket
import threading
from pathlib import Path

from core.command import command_parser
from core.errors import IndexFolderError, SettingsError, explained, run_command
from core.progress import log
from core.settings import load
from rag.admin import UPLOAD_MIB, embed_in_background


def main(argv: list[str] | None = None) -> int:
    """Check that the port is free, then run Streamlit until Ctrl-C."""
    parser = command_parser("ui", __doc__)
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1, this machine only)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 8501)")
    arguments = parser.parse_args(argv)
    settings = load({"ui.host": arguments.host, "ui.port": arguments.port}).ui
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingsError(
                f"cannot listen on {settings.host}:{settings.port} ({error.strerror}); is CiteWell already running "
                f"there? open it, or choose another port: CITEWELL_UI_PORT={settings.port + 1} make app"
            ) from None
    try:
        if embed_in_background(load()):
            print("the vectors of the index are being made meanwhile; its words can be searched", flush=True)
    except IndexFolderError:
        pass  # the page says what is missing
    except OSError as error:
        log.warning(f"notice: the vectors of the index cannot be made: {explained(error)}")
    print(f"CiteWell is starting on http://{settings.host}:{settings.port} (Ctrl-C ends it)", flush=True)
    flags = {
        "server.address": settings.host,
        "server.port": settings.port,
        "server.headless": "true",
        "server.maxUploadSize": str(UPLOAD_MIB),
        "server.fileWatcherType": "none",  # the watcher trips over torch.classes
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        # Streamlit draws captions at 60 % of the text's colour: only full black and white leave them enough contrast.
        "theme.light.textColor": "#000000",
        "theme.dark.textColor": "#ffffff",
        "theme.light.primaryColor": "#0f766e",
        "theme.dark.primaryColor": "#2dd4bf",
        "client.showErrorDetails": "none",
    }
    from streamlit.web.cli import main as streamlit

    threading.Thread(target=_prepare, name="prepare", daemon=True).start()
    # In this process, so that the page finds the packages where this module was found.
    app = str(Path(__file__).with_name("app.py"))
    streamlit(["run", app, *(f"--{name}={value}" for name, value in flags.items())], prog_name="streamlit")
    return 0


def _prepare() -> None:
    """Load index and model while the browser is still being opened."""
    from ui import shared

    shared.prepare()


if __name__ == "__main__":
    run_command(main)
