"""Lists and steps: an answer that begins one repeats all of it, or notes how much is left out.

A model that copies sentences may stop after the first step, or write the lead-in of a list without its items.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from core.text.listings import Item, Listing, listings
from core.text.sentence_kinds import gives_orders, is_lead_in
from core.text.sentences import ends_whole
from core.text.words import key
from rag.answer import Evidence, Note
from rag.checks.citations import Draft

MOST_ITEMS = 12
"""Most items of a list that an answer repeats whole."""
MOST_WORDS = 150
"""Most words of a list that an answer repeats whole."""
LEAD_IN = -1
"""The place of the sentence that leads into a list."""


@dataclass(frozen=True)
class _Known:
    """A list of a piece of evidence, and how many items it has in the whole passage."""

    evidence: Evidence
    listing: Listing
    whole: int

    def drafts(self, shown: Collection[int] | None = None) -> list[Draft]:
        """The lead-in and the items, or those of some numbers, as sentences of an answer."""
        text, n = self.evidence.text, self.evidence.n
        lead_in = [Draft(" ", text[slice(*self.listing.lead_in)], (n,))] if self.listing.lead_in else []
        items = [
            Draft(_before(text, item), text[slice(*item.span)], (n,))
            for number, item in enumerate(self.listing.items)
            if shown is None or number in shown
        ]
        return [*lead_in, *(item for item in items if not gives_orders(item.text))]

    def item(self, said: str) -> int | None:
        """The number from 0 of the item that a sentence is; `LEAD_IN` if it is the lead-in; None if it is neither."""
        text = self.evidence.text
        if self.listing.lead_in and key(text[slice(*self.listing.lead_in)]) == key(said):
            return LEAD_IN
        parts = [text[slice(*item.span)] for item in self.listing.items]
        if self._of_sentences(parts):
            return None
        return next((number for number, part in enumerate(parts) if _is_part(said, part)), None)

    def _of_sentences(self, parts: Sequence[str]) -> bool:
        """Whether the items are sentences under bullets, each of which is complete without the others."""
        bullets = all(item.marker and not item.marker.strip("(.)").isdigit() for item in self.listing.items)
        return bullets and all(part[0].isupper() and ends_whole(part) and len(part.split()) > 4 for part in parts)

    @property
    def fits(self) -> bool:
        """Whether an answer repeats the list whole."""
        words = sum(len(draft.text.split()) for draft in self.drafts())
        return len(self.listing.items) <= MOST_ITEMS and words <= MOST_WORDS


class _Place(NamedTuple):
    """Where a sentence stands: the row of the list among those known, and the item's number, or `LEAD_IN`."""

    row: int
    item: int


def with_lists(drafts: Sequence[Draft], evidence: Sequence[Evidence]) -> tuple[list[Draft], list[Note]]:
    """The sentences of an answer, each list that they begin whole, and a note for each that is not.

    A lead-in whose list is not in the passage is left out.
    """
    known = [each for item in evidence for each in known_lists(item)]
    places = [_place(draft, known) for draft in drafts]
    whole: list[Draft] = []
    notes: list[Note] = []
    done: set[int] = set()
    for draft, place in zip(drafts, places, strict=True):
        if place is None:
            whole += [] if is_lead_in(draft.text) else [draft]
        elif place.row not in done:
            done.add(place.row)
            each = known[place.row]
            said = {at.item for at in places if at is not None and at.row == place.row and at.item >= 0} or {0}
            shown = set(range(len(each.listing.items))) if each.fits else said
            whole += _apart(each.drafts(shown), bool(whole))
            if len(shown) < each.whole:
                notes.append(_note(len(shown), each))
    return whole, notes


def known_lists(item: Evidence) -> list[_Known]:
    """The lists of a piece of evidence."""
    passages = listings(item.hit.text)
    offset = item.hit.text.find(item.text)
    found = []
    for listing in listings(item.text):
        at = listing.items[0].span[0] + offset
        whole = next((len(each.items) for each in passages if any(i.span[0] == at for i in each.items)), 0)
        found.append(_Known(item, listing, max(whole, len(listing.items))))
    return found


def _place(draft: Draft, known: Sequence[_Known]) -> _Place | None:
    """Where a sentence stands in a list of a passage that it cites; None if in none."""
    for row, each in enumerate(known):
        if (not draft.marked or each.evidence.n in draft.marked) and (item := each.item(draft.text)) is not None:
            return _Place(row, item)
    return None


def _is_part(said: str, item: str) -> bool:
    """Whether a sentence is an item, or the first one of a longer item."""
    return key(said) == key(item) or (len(said.split()) > 2 and item.startswith(said))


def _before(text: str, item: Item) -> str:
    """The text before an item: its marker on a line of its own; a space before a step in prose."""
    if item.marker:
        return f"\n{item.marker} "
    return "\n" if text[: item.span[0]].endswith("\n") else " "


def _apart(drafts: list[Draft], follows: bool) -> list[Draft]:
    """A list with its lead-in on a line of its own, where something stands before it."""
    on_lines = follows and len(drafts) > 1 and drafts[1].lead.startswith("\n")
    return [replace(drafts[0], lead="\n"), *drafts[1:]] if on_lines and drafts[0].lead == " " else drafts


def _note(said: int, each: _Known) -> Note:
    kind = "steps" if any(item.marker[:1].isdigit() for item in each.listing.items) else "items"
    rest = f"{said} of {each.whole} {kind} of a list are shown; the rest is in passage [{each.evidence.n}]"
    return Note("list", rest)
