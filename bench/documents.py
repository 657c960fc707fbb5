"""Fill the figures of README, docs and cards from the JSON files that the measuring commands write.

python -m bench.documents            # fill them
python -m bench.documents --check    # report those that are stale, by file and line

A figure in a sentence stands between "<!-- figure: FILE KEY FORMAT -->" and "<!-- /figure -->". A table stands between
"<!-- table: NAME -->" and "<!-- /table -->", each on a line of its own; docs/tables.toml describes the tables. KEY is
the way through the JSON, joined by full stops. FORMAT is Python's, such as .3f or .1%, or for a mean with its limits
`interval` ("0.988 (0.978–0.996)") or `change` ("+0.967 (+0.951 to +0.981)"); without it the value stands as it is.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.command import command_parser
from core.errors import DataError, run_command
from core.files import write_atomic
from core.paths import PACKAGES

DOCUMENTS = ("README.md", "docs/*.md", "data/**/README.md", "generator/adapters/*/README.md")
TABLES = "docs/tables.toml"

_MARKED = re.compile(
    r"<!-- figure: (?P<figure>[^\n]*?) -->(?P<shown>[^\n]*?)<!-- /figure -->"
    r"|<!-- table: (?P<table>[^\n]*?) -->\n(?P<rows>(?:\|[^\n]*\n)*)<!-- /table -->"
)
_MARKER = re.compile(r"<!-- /?(?:figure|table)\b[^\n]*?-->")
_REFERENCE = re.compile(
    r"(?:(?P<file>\S+\.json)(?: |$))?(?P<key>.*?)(?:(?:^|(?<=.) )(?P<format>interval|change|\+?,?(?:\.\d)?[df%]))?"
)
_IN_CELL = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Finding:
    """A place in a document that is not as the files have it."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


@dataclass(frozen=True)
class Filled:
    """A document with its figures as the files have them, what was stale in it, and what cannot be filled."""

    text: str
    stale: tuple[Finding, ...]
    errors: tuple[Finding, ...]


def fill(text: str, file: str, root: Path = PACKAGES) -> Filled:
    """Fill the figures of a document; a figure that cannot be filled stays as it is.

    Args:
        file: the document's name in findings.
        root: the folder that the names of JSON files start from.
    """
    pieces: list[str] = []
    stale: list[Finding] = []
    errors: list[Finding] = []
    position = 0
    for marked in _MARKED.finditer(text):
        errors += _alone(text, position, marked.start(), file)
        line = text.count("\n", 0, marked.start()) + 1
        name = "figure" if marked["figure"] is not None else "table"
        shown = "shown" if name == "figure" else "rows"
        try:
            if name == "table":
                new, line = table(marked["table"], root), line + 1
            else:
                new = figure(marked["figure"], root)
                if not text[text.rfind("\n", 0, marked.start()) + 1 : marked.start()].strip(" >*-"):
                    raise DataError("a figure opens this line, which Markdown then reads as HTML; move it to the right")
        except DataError as error:
            errors.append(Finding(file, line, str(error)))
            new = marked[shown]
        stale += [Finding(file, line + after, what) for after, what in _differences(marked[shown], new)]
        pieces += [text[position : marked.start(shown)], new, text[marked.end(shown) : marked.end()]]
        position = marked.end()
    errors += _alone(text, position, len(text), file)
    return Filled("".join([*pieces, text[position:]]), tuple(stale), tuple(errors))


def _alone(text: str, start: int, end: int, file: str) -> Iterator[Finding]:
    """The markers between two places of a document that belong to no pair."""
    for found in _MARKER.finditer(text, start, end):
        line = text.count("\n", 0, found.start()) + 1
        yield Finding(file, line, f"{found[0]!r} has no partner; see python -m bench.documents --help")


def _differences(old: str, new: str) -> Iterator[tuple[int, str]]:
    """How many lines below the first, and what differs there."""
    before, after = old.split("\n"), new.split("\n")
    for number, line in enumerate(after):
        if number >= len(before) or before[number] != line:
            was = before[number] if number < len(before) else ""
            yield number, f"found {was.strip()!r}, the files have {line.strip()!r}"
            return
    if len(before) > len(after):
        yield len(after) - 1, f"found {before[len(after) - 1]!r}, the files have no such row"


def figure(reference: str, root: Path = PACKAGES, file: str = "", at: str = "") -> str:
    """A figure as it is shown.

    Args:
        reference: FILE KEY FORMAT.
        file: the file where the reference names none.
        at: what stands before the key where the reference names no file.

    Raises:
        DataError: the file, the key or the format does not exist.
    """
    match = _REFERENCE.fullmatch(reference.strip())
    assert match is not None  # every part may be left out
    source = match["file"] or file
    if not source:
        raise DataError(f"{reference.strip()!r} names no file; expected FILE.json KEY FORMAT")
    key = match["key"].strip() if match["file"] else at + match["key"].strip()
    return _shown(_value(_read(root / source, source), key, source), match["format"] or "", f"{source} {key}")


def table(name: str, root: Path = PACKAGES) -> str:
    """The rows of a table that docs/tables.toml describes, each with its line break.

    Raises:
        DataError: there is no such table, or one of its figures does not exist.
    """
    tables = _tables(root / TABLES)
    if name not in tables:
        raise DataError(f"{TABLES} has no table {name!r}; it has {', '.join(sorted(tables))}")
    described = tables[name]
    file, columns = described.get("file", ""), described["columns"]

    def cell(template: str, at: str) -> str:
        return _IN_CELL.sub(lambda found: figure(found[1], root, file, at), template)

    rows = [[cell(described.get("corner", ""), ""), *(column["title"] for column in columns)]]
    for each in _rows(described["rows"], root / file, file):
        row = {"title": each.replace("_", " "), "at": each} if isinstance(each, str) else each
        cells = row.get("cells") or [row.get("cell") or column["cell"] for column in columns]
        places = [column.get("at", "") + row.get("at", "") for column in columns]
        rows.append([cell(row["title"], ""), *(cell(*pair) for pair in zip(cells, places, strict=True))])
    head, *lines = ("|" + "|".join(f" {each} " if each else " " for each in row) + "|\n" for row in rows)
    return head + "|---" * len(rows[0]) + "|\n" + "".join(lines)


def _rows(described: list[Any] | str, path: Path, source: str) -> list[Any]:
    """The rows of a table; where they are described by a key of its file, one for each name below that key."""
    if isinstance(described, str):
        return [{"title": name, "at": f"{name}."} for name in _value(_read(path, source), described, source)]
    return described


def _shown(value: Any, form: str, where: str) -> str:
    try:
        if form == "interval":
            return f"{value['mean']:.3f} ({value['low']:.3f}–{value['high']:.3f})"
        if form == "change":
            return f"{value['mean']:+.3f} ({value['low']:+.3f} to {value['high']:+.3f})"
        if isinstance(value, dict | list):
            raise TypeError
        return format(value, form).replace("%", " %")
    except (TypeError, ValueError, KeyError):
        raise DataError(f"{where} is {str(value)[:60]}, which has no form {form!r}") from None


def _value(content: Any, key: str, source: str) -> Any:
    """The value at a key; names with a full stop in them are found by their length."""
    rest = key
    while rest:
        names = list(content) if isinstance(content, Mapping) else []
        fitting = [name for name in names if rest == name or rest.startswith(f"{name}.")]
        if not fitting:
            raise DataError(f"{source} has no key {key!r}; at {rest!r} it has {', '.join(names[:12]) or 'none'}")
        name = max(fitting, key=len)
        content, rest = content[name], rest[len(name) + 1 :]
    return content


def _read(path: Path, source: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise DataError(f"there is no file {source}") from None
    except ValueError as error:
        raise DataError(f"{source} is no JSON: {error}") from None


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise DataError(f"there is no file {TABLES}") from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{TABLES} is no TOML: {error}") from None


def documents(root: Path = PACKAGES) -> list[Path]:
    """The documents whose figures are filled."""
    return sorted(path for pattern in DOCUMENTS for path in root.glob(pattern))


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("bench.documents", __doc__)
    parser.add_argument("--check", action="store_true", help="report stale figures and change nothing")
    parser.add_argument("--root", type=Path, default=PACKAGES, metavar="DIR", help="the checkout (default: this one)")
    arguments = parser.parse_args(argv)
    findings: list[Finding] = []
    for path in documents(arguments.root):
        name = str(path.relative_to(arguments.root))
        filled = fill(path.read_text(encoding="utf-8"), name, arguments.root)
        findings += filled.errors
        if arguments.check:
            findings += filled.stale
        elif filled.stale:
            write_atomic(path, filled.text)
            print(f"{name}: {len(filled.stale)} filled")
    for finding in findings:
        print(finding)
    if findings and arguments.check:
        print("to fill what is stale: python -m bench.documents")
    return 1 if findings else 0


if __name__ == "__main__":
    run_command(main)
