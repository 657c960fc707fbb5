"""Keys of callers: `citewell serve key`.

citewell serve key add ward-3         # prints the key, once; only its hash is kept
citewell serve key list
citewell serve key revoke ward-3

Once there is a key, every caller needs one, also after the last one was revoked. A running service sees a change at the
next request.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from core.command import command_parser
from core.errors import DataError, run_command
from core.files import write_atomic
from core.settings import load

PREFIX = "cw-"
"""How a key begins, so that whoever finds one knows what it opens."""


class Keys:
    """The file of keys: name of a caller -> SHA-256 of its key."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._were_wanted = path.is_file()

    @property
    def wanted(self) -> bool:
        """Whether a caller needs a key; also once the file is lost, of a service that began with one."""
        self._were_wanted |= self._path.is_file()
        return self._were_wanted

    def caller(self, key: str) -> str:
        """The name of the caller that has this key; empty if nobody has. Raises DataError where the file is damaged."""
        digest = hashlib.sha256(key.encode()).hexdigest()
        found = [name for name, kept in self.names().items() if hmac.compare_digest(kept, digest)]
        return found[0] if found else ""

    def names(self) -> Mapping[str, str]:
        """Name -> hash of each key.

        Raises:
            DataError: the file cannot be read.
        """
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(name): str(digest) for name, digest in kept.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError) as error:
            raise DataError(
                f"{self._path} is no file of keys ({error}); move it away, and add the keys again"
            ) from error

    def add(self, name: str) -> str:
        """Make a key for a caller and return it.

        Raises:
            DataError: the name cannot be used, or has a key.
        """
        if not re.fullmatch(r"[\w.-]{1,40}", name):
            raise DataError(f"{name!r} is no name of a caller; expected up to 40 letters, digits, . _ -")
        names = dict(self.names())
        if name in names:
            raise DataError(f"{name} has a key; revoke it first: citewell serve key revoke {name}")
        key = PREFIX + secrets.token_urlsafe(32)
        self._write({**names, name: hashlib.sha256(key.encode()).hexdigest()})
        return key

    def revoke(self, name: str) -> None:
        """Take a caller's key away; raises DataError where it has none."""
        names = dict(self.names())
        if names.pop(name, None) is None:
            raise DataError(f"{name} has no key; keys: {', '.join(names) or 'none'}")
        self._write(names)

    def _write(self, names: Mapping[str, str]) -> None:
        write_atomic(self._path, json.dumps(names, indent=1) + "\n", mode=0o600)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("service.keys", __doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    for action, does in (("add", "make a key for a caller"), ("revoke", "take a caller's key away")):
        actions.add_parser(action, help=does).add_argument("name", help="the caller")
    actions.add_parser("list", help="list the callers that have a key")
    arguments = parser.parse_args(argv)
    keys = Keys(Path(load().service.keys))
    if arguments.action == "add":
        print(keys.add(arguments.name))
    elif arguments.action == "revoke":
        keys.revoke(arguments.name)
    else:
        print("\n".join(keys.names()) or "no caller has a key")
    return 0


if __name__ == "__main__":
    run_command(main)
