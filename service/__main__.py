"""Answer other programs over HTTP.

citewell serve
citewell serve --port 8700 --index artifacts/medquad
citewell serve key add ward-3                          # then every caller needs a key
citewell serve --ray auto --index DIR                  # many machines: docs/scale.md

POST /v1/answers and /v1/search; /v1/chat/completions for OpenAI's clients; /docs shows every endpoint. docs/service.md
has examples.
"""

import importlib.util
from pathlib import Path

from core.command import command_parser
from core.errors import SettingsError, run_command
from core.progress import log
from core.settings import Settings, load

LOCAL = ("127.0.0.1", "::1", "localhost")
ENDS_S = 20
"""Seconds that answers have to end in once the service is asked to; whoever started it kills it after some more."""


def main(argv: list[str] | None = None) -> int:
    """Open the models, then answer until Ctrl-C."""
    parser = command_parser("service", __doc__)
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1, this machine only)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 8600)")
    parser.add_argument("--index", metavar="DIR", help="the index folder (default: artifacts/index)")
    arguments = parser.parse_args(argv)
    settings = load({"service.host": arguments.host, "service.port": arguments.port, "index.dir": arguments.index})
    check(settings)

    import uvicorn

    from service.app import create_app
    from service.opened import Opened

    opened = Opened(settings)
    host, port = settings.service.host, settings.service.port
    log.info(f"answering on http://{host}:{port}, described at http://{host}:{port}/docs (Ctrl-C ends it)")
    app = create_app(opened.answerer, settings.service)
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=ENDS_S,
    )
    return 0


def check(settings: Settings) -> None:
    """Refuse to serve where a package is missing, or where everybody on a network could ask.

    Raises:
        SettingsError: names what is missing, and the command that brings it.
    """
    missing = [name for name in ("fastapi", "uvicorn", "prometheus_client") if not importlib.util.find_spec(name)]
    if missing:
        raise SettingsError(f'the service needs {", ".join(missing)}; install it: pip install "citewell[service]"')
    open_to_all = settings.service.host not in LOCAL and not Path(settings.service.keys).is_file()
    if open_to_all and not settings.service.allow_anonymous:
        raise SettingsError(
            f"no caller has a key, and {settings.service.host} is reached from other machines; add one: citewell serve "
            "key add NAME, or let everybody ask: CITEWELL_SERVICE_ALLOW_ANONYMOUS=true"
        )


if __name__ == "__main__":
    run_command(main)
