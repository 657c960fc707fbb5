"""Whether another passage says otherwise: it denies what an answer says, or has another number for the same thing.

The rule looks at sentences about the same subject alone, and would rather miss a contradiction than see one where there
is none: a note that is wrong is soon read no more.
"""

import re
from collections.abc import Sequence

from core.text.claims import negated, numbers
from core.text.people import holds_for, people
from core.text.sentences import sentence_spans
from core.text.words import content_words
from rag.answer import Evidence, Note, Sentence

SHARED = 0.75
"""Share of the shorter sentence's content words that the other holds, from which both speak of one thing."""
FEWEST = 3
"""Content words that both hold, at least."""

_DENIES_ALL = re.compile(r"\W*(?:no|none|neither|never|nothing)\b(?!\W*$)", re.I)
_UNSURE = re.compile(r"\b(?:may|might|can|could|some|sometimes|often|usually|most|many|about|however|but|or)\b", re.I)


def contradictions(question: str, sentences: Sequence[Sentence], evidence: Sequence[Evidence]) -> list[Note]:
    """A note for each passage that says otherwise than an answer's sentences, which do not cite it."""
    asked = set(content_words(question))
    notes = []
    for item in evidence:
        said = [sentence.text for sentence in sentences if all(each.n != item.n for each in sentence.citations)]
        texts = [item.text[start:end] for start, end in sentence_spans(item.text)]
        against = next((text for text in texts if any(says_otherwise(one, text, asked) for one in said)), None)
        if against is not None and all(against != sentence.text for sentence in sentences):
            notes.append(Note("otherwise", f"passage [{item.n}] says otherwise: {' '.join(against.split())}"))
    return notes


def says_otherwise(said: str, other: str, asked: set[str]) -> bool:
    """Whether two sentences of different passages contradict each other.

    Args:
        asked: stems of the question: two sentences that share two telling words of it speak of one thing.
    """
    if not holds_for(people(said), people(other)) or not holds_for(people(other), people(said)):
        return False
    words, others = (_words(text) for text in (said, other))
    shared = words & others
    same = len(shared) >= FEWEST and len(shared) >= SHARED * min(len(words), len(others))
    if same and _number_differs(said, other) and words ^ others <= _counted(said, other):
        return True
    answers = len(shared & asked) >= 2 and len(words) <= 12 and len(others) <= 12
    if not (same or answers):
        return False
    denied, denied_there = _denied(said), _denied(other)
    telling = shared if same else shared & asked
    return bool(telling & denied - denied_there) != bool(telling & denied_there - denied)


def _words(text: str) -> set[str]:
    return {word for word in content_words(text) if not word[0].isdigit() and word not in ("no", "not", "never")}


def _denied(text: str) -> set[str]:
    """What a sentence denies: all its words where it opens with "No amount of …"."""
    return _words(text) if _DENIES_ALL.match(text) else negated(text, soft=True)


def _number_differs(said: str, other: str) -> bool:
    """Whether both have numbers of one unit, and none of them in common."""
    if _UNSURE.search(said) or _UNSURE.search(other):
        return False
    mine, theirs = numbers(said), numbers(other)
    units = {unit for _, unit in mine if unit} & {unit for _, unit in theirs}
    return any(
        not {value for value, of in mine if of == unit} & {value for value, of in theirs if of == unit}
        for unit in units
    )


def _counted(said: str, other: str) -> set[str]:
    """Words that may differ beside a number: those it counts."""
    return {unit for text in (said, other) for _, unit in numbers(text)}
