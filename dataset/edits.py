"""Good answers made worse by one small edit, so that a pair's sides differ in nothing else than the fault."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from core.text.aspects import topic
from core.text.claims import number_differs
from core.text.names import telling_stems
from dataset.verifier.alterations import another_number
from generator.tuning.rows import Row
from rag.checks.citations import Draft, is_aside, read_markers

Edit = Callable[[Row, list[Draft], random.Random], list[Draft] | None]
"""A row, the sentences of its answer, and chance -> the sentences of a worse answer; None where it does not apply."""


def edited(row: Row, kind: str, rng: random.Random) -> str:
    """The row's reference with one fault of this kind; empty where it cannot have that one."""
    drafts = read_markers(row.completion)
    if kind == "cut short":
        words = row.completion.split()
        return " ".join(words[: max(3, int(len(words) * rng.uniform(0.4, 0.8)))]).rstrip(".,;: ") if words[6:] else ""
    if kind not in EDITS or not row.answerable or any(is_aside(draft.text) for draft in drafts):
        return ""
    made = EDITS[kind](row, drafts, rng)
    return written(made) if made else ""


def written(drafts: list[Draft]) -> str:
    """The text of sentences, each with its markers before the full stop, as the model writes them."""
    parts = []
    for draft in drafts:
        markers = "".join(f" [{number}]" for number in draft.marked)
        end = draft.text[-1:] if draft.text[-1:] in ".!?" else ""
        parts.append(f"{draft.text.removesuffix(end)}{markers}{end}")
    return " ".join(parts)


def _invented_number(row: Row, drafts: list[Draft], rng: random.Random) -> list[Draft] | None:
    held = " ".join([row.question, *(f"{source.heading} {source.text}" for source in row.sources)])
    for place, draft in enumerate(drafts):
        text = another_number(draft.text, rng)
        if text and number_differs(text, held):
            return _with(drafts, place, replace(draft, text=text))
    return None


def _wrong_marker(row: Row, drafts: list[Draft], rng: random.Random) -> list[Draft] | None:
    place = rng.randrange(len(drafts))
    others = [number for number in range(1, len(row.sources) + 1) if number not in row.right]
    return _with(drafts, place, replace(drafts[place], marked=(rng.choice(others),))) if others else None


def _missing_marker(row: Row, drafts: list[Draft], rng: random.Random) -> list[Draft] | None:
    place = rng.randrange(len(drafts))
    return _with(drafts, place, replace(drafts[place], marked=()))


def _late_answer(row: Row, drafts: list[Draft], rng: random.Random) -> list[Draft] | None:
    return [*drafts[1:], drafts[0]] if len(drafts) > 1 else None


def _incomplete(row: Row, drafts: list[Draft], rng: random.Random) -> list[Draft] | None:
    return drafts[: (len(drafts) - 1) // 2] or None if len(drafts) > 2 else None


def _another_illness(row: Row, drafts: list[Draft], rng: random.Random) -> list[Draft] | None:
    """The first sentence of a passage that is not of the answer, in the place of one that is."""
    asked = telling_stems(row.topic)
    others = [
        number
        for number, source in enumerate(row.sources, start=1)
        if number not in row.right and source.heading and not telling_stems(topic(source.heading)) & asked
    ]
    if not others:
        return None
    number = rng.choice(others)
    said = [draft for draft in read_markers(row.sources[number - 1].text) if len(draft.text.split()) > 4]
    place = rng.randrange(len(drafts))
    return _with(drafts, place, Draft(" ", " ".join(said[0].text.split()), (number,))) if said else None


def _with(drafts: list[Draft], place: int, draft: Draft) -> list[Draft]:
    return [*drafts[:place], draft, *drafts[place + 1 :]]


EDITS: Mapping[str, Edit] = {
    "invented number": _invented_number,
    "wrong marker": _wrong_marker,
    "missing marker": _missing_marker,
    "late answer": _late_answer,
    "incomplete": _incomplete,
    "another illness": _another_illness,
}
"""Kind of fault -> how it is made."""
