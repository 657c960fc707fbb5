"""Sentence spans over a text: where each sentence starts and ends, so that a quote can be checked to the character."""

import re

from sentencex import get_sentence_boundaries

Span = tuple[int, int]

_BULLET = re.compile(r"(?:[-*•–]|\(?\d{1,2}[.)])\s+")
_LINE = re.compile(r"[^\n]+")
_JOINTS = re.compile(r"(?:(?<!\s)\s+)?(?:[,;:–—\n]|\s-\s|\b(?:and|but|also|because|or|so|while|then|plus)\b)\s*", re.I)


def sentence_spans(text: str) -> list[Span]:
    """Split a text into sentences and return their (start, end) character offsets, in order.

    A line break always ends a sentence, so each item of a list is one. List bullets and surrounding white
    space belong to no span. Sentence boundaries inside a line are found by sentencex (Wikimedia Foundation),
    which knows abbreviations.
    """
    spans = []
    for line in _LINE.finditer(text):
        for start, end in _line_spans(line.group()):
            span = _trim(text, line.start() + start, line.start() + end)
            if span is not None:
                spans.append(span)
    return spans


def _line_spans(line: str) -> list[Span]:
    spans: list[Span] = []
    position = 0
    for boundary in get_sentence_boundaries("en", line):
        piece = boundary["text"]
        # Offsets are counted here: the library's own are checked against the text they claim to cut.
        if not line.startswith(piece, position):
            return [(0, len(line))]
        spans.append((position, position + len(piece)))
        position += len(piece)
    if position < len(line):
        spans.append((position, len(line)))
    return _join_bullets(line, spans)


def _join_bullets(line: str, spans: list[Span]) -> list[Span]:
    """Join a piece that is only a bullet ("1.") to the sentence after it."""
    joined: list[Span] = []
    pending: int | None = None
    for start, end in spans:
        start = start if pending is None else pending
        pending = None
        if _BULLET.fullmatch(line[start:end].strip() + " "):
            pending = start
        else:
            joined.append((start, end))
    if pending is not None:
        joined.append((pending, len(line)))
    return joined


def _trim(text: str, start: int, end: int) -> Span | None:
    while start < end and text[start].isspace():
        start += 1
    if bullet := _BULLET.match(text, start, end):
        start = bullet.end()
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if any(char.isalnum() for char in text[start:end]) else None


_WHOLE = re.compile(r"[.!?:…][\"'”’)\]]*(?:\s*\[\d+(?:\s*,\s*\d+)*\])*\s*$")


def ends_whole(text: str) -> bool:
    """Whether a text ends with a sentence's closing punctuation, possibly followed by citation markers."""
    return _WHOLE.search(text) is not None


def clauses(text: str, together: int) -> list[str]:
    """The clauses of a text, and up to so many that follow one another; of three words or more, each once.

    They are cut at commas and their like, and at the small words that join them.
    """
    parts = [part for part in _JOINTS.split(text) if part.strip()]
    runs = [
        " and ".join(parts[first : first + count])
        for first in range(len(parts))
        for count in range(1, together + 1)
        if first + count <= len(parts)
    ]
    return list(dict.fromkeys(run for run in runs if len(run.split()) > 2))
