"""The cookie by which a browser is known again: a random id, signed so that nobody can make one up.

The key that signs lies beside the history (`history.secret`, mode 0600). Whoever deletes it makes every browser a new
one; what the old ones kept is then reached by `citewell history` alone.
"""

import contextlib
import hashlib
import os
import re
import secrets
from functools import cache
from pathlib import Path

from itsdangerous import BadSignature, Signer

from core.errors import HistoryError, explained
from core.progress import log

DAYS = 400
"""How long a browser keeps the cookie after each visit; browsers allow no more."""
BYTES = 32
"""Length of the key."""
ID = re.compile(r"browser-[0-9a-f]{32}")


class OwnerCookie:
    """Signs and reads the cookie of one history's browsers."""

    def __init__(self, key: str) -> None:
        self._signer = Signer(key, salt="citewell.owner", digest_method=hashlib.sha256)
        # Browsers send a cookie to every port of a host: two servers with keys of their own must not overwrite it.
        self.name = f"citewell_{hashlib.sha256(f'name {key}'.encode()).hexdigest()[:12]}"

    def new(self) -> str:
        """A signed value with a new id."""
        return self._signer.sign(f"browser-{secrets.token_hex(16)}").decode()

    def owner(self, value: str | None) -> str:
        """The id of a value that `new` made with this key; empty for every other value."""
        try:
            owner = self._signer.unsign(value or "").decode()
        except (BadSignature, UnicodeError):
            return ""
        return owner if ID.fullmatch(owner) else ""


@cache
def key_of(history: Path) -> str:
    """The key beside a history, made where there is none; one of this process alone where it cannot be kept.

    Raises:
        HistoryError: the file is there, and holds no key.
    """
    file = history.with_suffix(".secret")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            _make(file)
        key = file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        log.warning(f"notice: browsers are known until CiteWell ends, as {file} cannot be kept: {explained(error)}")
        return secrets.token_hex(BYTES)
    if not re.fullmatch(f"[0-9a-f]{{{2 * BYTES}}}", key):
        raise HistoryError(
            f"{file} holds no key of {2 * BYTES} hexadecimal digits; bring it back from a backup, or delete it: "
            "every browser then begins with no conversations"
        )
    return key


def _make(file: Path) -> None:
    """Write a new key in one step, so that another process reads a whole one or none.

    Raises:
        FileExistsError: there is one.
        OSError: it cannot be written.
    """
    if file.exists():
        raise FileExistsError(file)
    partial = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(f"{secrets.token_hex(BYTES)}\n")
        try:
            os.link(partial, file)  # of two processes, one makes it
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)


def owner_cookie(history: Path) -> OwnerCookie:
    """The cookie of a history's browsers; raises as `key_of` does."""
    return OwnerCookie(key_of(history))
