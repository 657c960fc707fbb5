"""What must be there before anything is served."""

import importlib.util
from pathlib import Path

from core.errors import SettingsError
from core.settings import Settings

LOCAL = ("127.0.0.1", "::1", "localhost")


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
