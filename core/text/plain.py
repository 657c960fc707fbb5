"""Text as it may be stored, compared and shown: whole characters, and none that steer a terminal."""

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def plain(text: str) -> str:
    """The text without control characters, line feeds and tabs excepted; half of a surrogate pair becomes U+FFFD.

    Halves come from arguments in another encoding and from JSON escapes of other programs. No library takes them:
    tokenizers, sentencex and SQLite raise errors of their own.
    """
    return _CONTROL.sub("", _SURROGATE.sub("\ufffd", text))
