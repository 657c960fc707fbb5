"""Answer other programs over HTTP.

citewell serve
citewell serve --port 8700 --index artifacts/medquad
citewell serve key add ward-3                          # then every caller needs a key
citewell serve --ray auto --index DIR                  # many machines: docs/scale.md

POST /v1/answers and /v1/search; /v1/chat/completions for OpenAI's clients; /docs shows every endpoint. docs/service.md
has examples.
"""

from functools import partial

from core.command import command_parser
from core.errors import run_command
from core.progress import log
from core.settings import load
from service.requirements import check

ENDS_S = 20
"""Seconds that answers have to end in once the service is asked to; whoever started it kills it after some more."""


def main(argv: list[str] | None = None) -> int:
    """Open the models, then answer until Ctrl-C."""
    parser = command_parser("service", __doc__)
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1, this machine only)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 8600)")
    parser.add_argument("--index", metavar="DIR", help="the index folder (default: artifacts/index)")
    arguments = parser.parse_args(argv)
    given = {"service.host": arguments.host, "service.port": arguments.port, "index.dir": arguments.index}
    settings = load(given)
    check(settings)

    import uvicorn

    from rag.opened import Opened
    from service.app import create_app

    backend = Opened(partial(load, given))
    backend.prepare()
    host, port = settings.service.host, settings.service.port
    log.info(f"answering on http://{host}:{port}, described at http://{host}:{port}/docs (Ctrl-C ends it)")
    app = create_app(backend, settings.service)
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


if __name__ == "__main__":
    run_command(main)
