"""Bytes -> text: the encoding of a file, and notes on faults that were found."""

import codecs
import difflib
import encodings.aliases
import re
from dataclasses import dataclass

from core.errors import DataError

SAMPLE_BYTES = 100_000
"""Most bytes of lines with letters beyond ASCII by which an encoding is guessed."""
FEW_BAD = 0.02
"""Share of the characters beyond ASCII that may be bad in a file that counts as UTF-8 all the same."""
TWICE_ENCODED = 3
"""Places where UTF-8 was read as cp1252 and saved again, from which a file is repaired."""
MOST_ACCENTS = 0.5
"""Share of the letters of words with accents that have one, at most, in a language of western Europe."""
LISTED_LINES = 5
"""Most lines that a note lists."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What cp1252 shows for each byte from 0x80; the five that it leaves open show as control characters.
_SHOWN = {bytes([byte]).decode("cp1252", "ignore") or chr(byte): byte for byte in range(0x80, 0x100)}
_LEADS = "".join(re.escape(char) for char, byte in _SHOWN.items() if byte >= 0xC2 and byte <= 0xF4)
_FOLLOWS = "".join(re.escape(char) for char, byte in _SHOWN.items() if byte < 0xC0)
_WORD = re.compile(r"[^\W\d_]+")
_SIGN_IN_WORD = re.compile(r"[^\W\d_][\x80-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf×÷][^\W\d_]|\w[¿¡]|[¹³]\w")
_WESTERN = frozenset(("cp1252", "latin_1", "iso8859_1", "iso8859_15", "ascii"))
_TWICE = re.compile(f"[{_LEADS}][{_FOLLOWS}]{{1,3}}")


@dataclass(frozen=True)
class Decoded:
    """A file's text."""

    text: str
    encoding: str
    notes: tuple[str, ...] = ()
    """Notes on how it was decoded: a guess, bad bytes, a repair."""


def decode(data: bytes, name: str, encoding: str = "") -> Decoded:
    """Decode a file.

    Args:
        name: the file's, for messages.
        encoding: the file's encoding; empty to detect it.

    Raises:
        DataError: there is no such encoding, or the bytes are not of it, or of none.
    """
    decoded = _as_named(data, name, encoding) if encoding else _found(data, name)
    # NUL bytes stand in damaged exports, and Python's csv refuses a whole file for one of them.
    return _repaired(Decoded(decoded.text.replace("\0", ""), decoded.encoding, decoded.notes))


def _as_named(data: bytes, name: str, encoding: str) -> Decoded:
    try:
        codecs.lookup(encoding)
    except LookupError:
        known = {each.replace("_", "-") for each in encodings.aliases.aliases.values()}
        near = difflib.get_close_matches(encoding.lower(), sorted(known), n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else "such as utf-8, cp1252, gb18030 or shift-jis"
        raise DataError(f"unknown encoding {encoding!r}; {hint}") from None
    try:
        return Decoded(data.decode(encoding), encoding)
    except (UnicodeDecodeError, ValueError) as error:
        where = data.count(b"\n", 0, getattr(error, "start", 0)) + 1
        raise DataError(
            f"{name} is not in {encoding}: line {where} has bytes that it does not know; leave --encoding out to have "
            "it found, or name another"
        ) from error


def _found(data: bytes, name: str) -> Decoded:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _as_named(data, name, encoding)
    if encoding := _wide(data):
        return _as_named(data, name, encoding)
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        return _nearly_utf8(data) or _guessed(data, name)


def _wide(data: bytes) -> str:
    """UTF-16 without a mark, where every other byte of the beginning is zero."""
    if len(data) >= 4 and data[1] == data[3] == 0:
        return "utf-16-le"
    return "utf-16-be" if len(data) >= 4 and data[0] == data[2] == 0 else ""


def _nearly_utf8(data: bytes) -> Decoded | None:
    """UTF-8 with a few bad bytes, each of them replaced by U+FFFD and its line named; None if too many are bad."""
    text = data.decode("utf-8", errors="replace")
    bad = text.count("�") - data.count("�".encode())
    beyond = sum(ord(char) > 127 for char in text)
    if bad > max(1, FEW_BAD * beyond) or bad == beyond:
        return None
    lines = [str(n) for n, line in enumerate(data.split(b"\n"), start=1) if not _is_utf8(line)]
    named = ", ".join(lines[:LISTED_LINES]) + (" …" if len(lines) > LISTED_LINES else "")
    plural = "s" if len(lines) > 1 else ""
    return Decoded(text, "utf-8", (f"bytes that are no UTF-8 were replaced by � on line{plural} {named}",))


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_western(sample: bytes) -> bool:
    """Whether bytes read as cp1252 give words of western Europe: letters with accents here and there, signs outside.

    charset-normalizer takes a few such bytes for any of its single-byte encodings, cp1250 mostly.
    """
    text = sample.decode("cp1252", errors="replace")
    if "�" in text or _SIGN_IN_WORD.search(text):
        return False
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    letters = "".join(words)
    return sum(not char.isascii() for char in letters) <= MOST_ACCENTS * len(letters)


def _guessed(data: bytes, name: str) -> Decoded:
    from charset_normalizer import from_bytes

    sample = b"\n".join(line for line in data.split(b"\n") if not line.isascii())[:SAMPLE_BYTES]
    if _is_western(sample):
        encoding = "cp1252"
    else:
        encoding = next((match.encoding for match in from_bytes(sample) if match.encoding not in _WESTERN), "")
    try:
        text = data.decode(encoding) if encoding else ""
    except (UnicodeDecodeError, LookupError):
        text = ""
    if not text:
        raise DataError(
            f"{name} is in no encoding that could be recognised; name it (--encoding), or save the file as UTF-8"
        )
    shown = encoding.replace("_", "-")
    doubt = f"the file is no UTF-8; read as {shown}, which is a guess: if letters look wrong, name it (--encoding)"
    return Decoded(text, shown, (doubt,))


def _repaired(decoded: Decoded) -> Decoded:
    """Undo an earlier program's mistake: UTF-8 that was read as cp1252 and saved as UTF-8 ("â€™" for "’")."""
    found = 0

    def once(match: re.Match[str]) -> str:
        nonlocal found
        try:
            text = bytes(_SHOWN[char] for char in match[0]).decode("utf-8")
        except UnicodeDecodeError:
            return match[0]
        found += 1
        return text

    text = _TWICE.sub(once, decoded.text)
    if found < TWICE_ENCODED:
        return decoded
    note = f"{found:,} places were saved in UTF-8 twice (such as â€™ for ’) and are repaired"
    return Decoded(text, decoded.encoding, (*decoded.notes, note))
