"""Lists, tables and raised letters of HTML and Markdown, as lines of text with the same content.

A table becomes a line a row, each cell behind the name of its column, so that no row stands without its header.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

_TABLE = re.compile(r"<table\b", re.I)
_TABLE_END = re.compile(r"</table\s*>", re.I)
_LIST_TAG = re.compile(r"<(/?)(ol|ul|li)\b[^<>]*>", re.I)
_MARKED = re.compile(r"\s*(?:[-*•–]\s|\(?\d{1,3}[.)]\s)")
"""The beginning of an item that has its own marker."""
_RAISED = re.compile(r"<(sup|sub)\b[^<>]*>([^<>]{1,40})</\1\s*>", re.I)
_SEPARATOR = re.compile(r"\s*+\|?(?:\s*+:?-{2,}+:?\s*+\|)++(?:\s*+:?-{2,}+:?\s*+)?\|?\s*")
_ABOVE = dict(
    zip("0123456789+-−=()[]niabcdefghjklmoprstuvwxyz", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾⁽⁾ⁿⁱᵃᵇᶜᵈᵉᶠᵍʰʲᵏˡᵐᵒᵖʳˢᵗᵘᵛʷˣʸᶻ", strict=True)
)
_BELOW = dict(zip("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎", strict=True))


def as_lines(text: str) -> str:
    """The text with tables, lists and raised letters as lines and signs; other tags are left."""
    if "<" in text:
        text = _RAISED.sub(_raised, text)
        text = "".join(_tables(text))
        text = "".join(_lists(text))
    return _markdown_tables(text) if "|" in text else text


def _raised(match: re.Match[str]) -> str:
    """Write raised letters as signs: 10<sup>9</sup> is 10⁹ and not 109. Ordinals (2<sup>nd</sup>) and names
    (V<sub>max</sub>) stay letters."""
    content = match[2].strip()
    signs = _ABOVE if match[1].lower() == "sup" else _BELOW
    if not any(char.isdigit() for char in content):
        return content
    if all(char in signs for char in content):
        return "".join(signs[char] for char in content)
    return ("^" if signs is _ABOVE else "_") + f"({content})" if not content.isalnum() else f"^{content}"


def _lists(text: str) -> Iterator[str]:
    """Put every item on a line of its own, behind a hyphen or, in an ordered list, its number."""
    numbers: list[int | None] = []
    end = 0
    for tag in _LIST_TAG.finditer(text):
        yield text[end : tag.start()]
        end = tag.end()
        closing, name = bool(tag[1]), tag[2].lower()
        if name == "li":
            if not closing:
                yield "\n" + ("" if _MARKED.match(text, end) else _marker(numbers))
        elif closing:
            if numbers:
                numbers.pop()
            yield "\n"
        else:
            numbers.append(0 if name == "ol" else None)
            yield "\n"
    yield text[end:]


def _marker(numbers: list[int | None]) -> str:
    if not numbers or numbers[-1] is None:
        return "- "
    numbers[-1] += 1
    return f"{numbers[-1]}. "


class _TableParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.rows: list[list[str]] = []
        self.headed = False
        self._cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            if not self.rows:
                self.rows.append([])
            self.headed = self.headed or (tag == "th" and len(self.rows) == 1)
            self._cell = []
            self.rows[-1].append("")
        elif self._cell is not None and tag in ("br", "p", "li", "div"):
            self._cell.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None and self.rows:
            self.rows[-1][-1] = " ".join("".join(self._cell).split())
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};")


def _tables(text: str) -> Iterator[str]:
    at = 0
    while (begin := _TABLE.search(text, at)) and (end := _TABLE_END.search(text, begin.end())):
        yield text[at : begin.start()]
        parser = _TableParser()
        parser.feed(text[begin.start() : end.end()])
        parser.close()
        rows = [row for row in parser.rows if any(row)]
        yield "\n" + "\n".join(_rows(rows, parser.headed)) + "\n"
        at = end.end()
    yield text[at:]


def _rows(rows: list[list[str]], headed: bool) -> Iterator[str]:
    header = rows[0] if headed and len(rows) > 1 else []
    for row in rows[1:] if header else rows:
        names = [*header, *[""] * (len(row) - len(header))]
        cells = [
            f"{name}: {cell}" if name and name != cell else cell for name, cell in zip(names, row, strict=False) if cell
        ]
        if cells:
            yield "; ".join(cells)


def _markdown_tables(text: str) -> str:
    lines, result, place = text.split("\n"), list[str](), 0
    while place < len(lines):
        headed = place + 1 < len(lines) and "|" in lines[place] and _SEPARATOR.fullmatch(lines[place + 1]) is not None
        if not headed:
            result.append(lines[place])
            place += 1
            continue
        rows = [_cells(lines[place])]
        place += 2
        while place < len(lines) and "|" in lines[place]:
            rows.append(_cells(lines[place]))
            place += 1
        result.extend(_rows(rows, headed=True))
    return "\n".join(result)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
