"""Lists and rows of steps in a text: what leads into them, and their items, to the character."""

import re
from dataclasses import dataclass

from core.text.sentence_kinds import is_lead_in, is_step, opens_steps
from core.text.sentences import Span, ends_whole, sentence_spans

_LINE = re.compile(r"[^\n]+")
_MARKED = re.compile(r"\s*(?P<marker>[-*•–]|\(?\d{1,2}[.)])\s+(?P<item>\S(?:.*\S)?)\s*$")


@dataclass(frozen=True)
class Item:
    """An item of a list: where it stands, and the marker before it ("-", "2."; none of a step in prose)."""

    span: Span
    marker: str


@dataclass(frozen=True)
class Listing:
    """A list of two items or more, and the sentence that leads into it, where there is one."""

    lead_in: Span | None
    items: tuple[Item, ...]


def listings(text: str) -> list[Listing]:
    """The lists of marked lines and the steps in prose ("First, … Then, …") of a text, in their order."""
    return sorted([*_marked(text), *_steps(text)], key=lambda listing: listing.items[0].span)


def _marked(text: str) -> list[Listing]:
    found: list[Listing] = []
    lead_in: Span | None = None
    items: list[Item] = []

    def end() -> None:
        if items:
            items[-1] = _without_rest(text, items)
        if len(items) > 1 or (items and lead_in):
            found.append(Listing(lead_in, tuple(items)))
        items.clear()

    before: re.Match[str] | None = None
    marks = False
    for line in _LINE.finditer(text):
        if not line.group().strip():
            continue
        marked = _MARKED.match(line.group())
        if marked and any(char.isalnum() for char in marked["item"]):
            if not items and before and not lead_in:
                items += _unmarked(before, marked["marker"])
            items.append(Item(_at(line.start(), marked.span("item")), marked["marker"]))
        elif lead_in and not marks and _is_row(line.group(), text[slice(*lead_in)]):
            items.append(Item(line.span(), ""))
        else:
            end()
            lead_in, before = _lead_in(text, line), line
        marks = bool(marked)
    end()
    return found


def _is_row(line: str, lead_in: str) -> bool:
    """Whether a line without a marker is an item under a lead-in that ends with a colon: one sentence, no lead-in."""
    return lead_in.endswith(":") and len(sentence_spans(line)) == 1 and not is_lead_in(line)


def _unmarked(line: re.Match[str], marker: str) -> list[Item]:
    """The item before the one with number 2 or more: a passage that begins with an item begins behind its marker."""
    number = re.search(r"\d+", marker)
    if number is None or int(number.group()) < 2:
        return []
    return [Item(line.span(), marker.replace(number.group(), str(int(number.group()) - 1)))]


def _without_rest(text: str, items: list[Item]) -> Item:
    """The last item; its first sentence alone where no item before has two: the rest is of the text behind the list."""
    *others, last = items
    spans = sentence_spans(text[slice(*last.span)])
    if len(spans) < 2 or any(len(sentence_spans(text[slice(*item.span)])) > 1 for item in others):
        return last
    return Item(_at(last.span[0], spans[0]), last.marker)


def _lead_in(text: str, line: re.Match[str]) -> Span | None:
    """The last sentence of a line, if a list must follow it: it ends with a colon, or does not end at all."""
    spans = sentence_spans(line.group())
    if not spans:
        return None
    start, end = _at(line.start(), spans[-1])
    said = text[start:end]
    return (start, end) if len(said.split()) > 1 and (is_lead_in(said) or not ends_whole(said)) else None


def _steps(text: str) -> list[Listing]:
    found: list[Listing] = []
    steps: list[Item] = []
    for span in sentence_spans(text):
        said = text[slice(*span)]
        if steps and (is_step(said) or opens_steps(said)):
            steps.append(Item(span, ""))
            continue
        if len(steps) > 1:
            found.append(Listing(None, tuple(steps)))
        steps = [Item(span, "")] if opens_steps(said) else []
    return [*found, *([Listing(None, tuple(steps))] if len(steps) > 1 else [])]


def _at(offset: int, span: Span) -> Span:
    return offset + span[0], offset + span[1]
