"""The lines of a TOML file on which its tables, keys and entries stand: tomllib does not keep them."""

import json
import re
import tomllib
from collections.abc import Iterator, Sequence


def line_of(lines: Sequence[str], table: str, key: str = "", entry: str = "", occurrence: int = 1) -> int:
    """The line, from 1, on which an entry stands; that of its key or else of its table where it is not found.

    A line opens a table or a key if the lines before it are TOML by themselves: within a list or a text they are not.

    Args:
        lines: those of a file that is TOML.
        table: its name; empty for what stands before the first table.
        entry: a text of the list that the key holds, or a word of its text.
        occurrence: which of several equal entries is meant, from 1.
    """
    start = next(_opening(lines, rf"\[+{_name(table)}[.\]]"), 0) if table else 0
    first = next(_opening(lines, rf"{_name(key)}[.=]|\[+{_name(key)}[.\]]", start), start) if key else start
    if not entry:
        return first + 1
    quoted = rf"'{re.escape(entry)}'|{re.escape(json.dumps(entry, ensure_ascii=False))}"
    word = rf"(?<![\w'-]){re.escape(entry)}(?![\w'-])"
    for pattern in (quoted, word):  # an entry of a list, or a word of a text
        left = occurrence
        for number in range(first, len(lines)):
            left -= len(re.findall(pattern, lines[number]))
            if left <= 0:
                return number + 1
            if _is_toml(lines[: number + 1]):  # the value of the key ends here
                break
    return first + 1


def _opening(lines: Sequence[str], start: str, begin: int = 0) -> Iterator[int]:
    """Numbers from 0 of the lines from `begin` that start so, and that open a table or a key."""
    starts = re.compile(rf"\s*(?:{start})")
    return (n for n in range(begin, len(lines)) if starts.match(lines[n]) and _is_toml(lines[:n]))


def _name(text: str) -> str:
    return rf"\s*[\"']?{re.escape(text)}[\"']?\s*"


def _is_toml(lines: Sequence[str]) -> bool:
    try:
        tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError:
        return False
    return True
