"""Whether another passage contradicts an answer: it denies a statement, or has another number for the same thing.

The rule looks at sentences about the same subject alone, and would rather miss a contradiction than see one where there
is none: users soon ignore notes that are often wrong.
"""

import re
from collections.abc import Sequence

from core.text.claims import negated, numbers
from core.text.people import holds_for, people
from core.text.sentences import sentence_spans
from core.text.words import content_words
from rag.answer import Evidence, Note, Sentence

SHARED = 0.6
"""Least share of the longer sentence's content words that the other holds, if both are about one thing."""
FEWEST = 3
"""Fewest content words that both sentences hold."""
SHORT = 8
"""Most content words of a sentence that only answers yes or no."""

_DENIES_ALL = re.compile(r"\W*(?:no|none|neither|never|nothing)\b(?!\W*$)", re.I)
_YES_OR_NO = re.compile(r"\W*(?:is|are|was|can|could|may|should|must|do|does|did|will|would|has|have)\b", re.I)
_LIMITED = re.compile(
    r"\b(?:may|might|some|sometimes|often|usually|rarely|most|many|however|but|all|if|although|unless|about)\b",
    re.I,
)
"""Words that weaken a statement: "usually not" and "sometimes" contradict each other seldom."""


def contradictions(question: str, sentences: Sequence[Sentence], evidence: Sequence[Evidence]) -> list[Note]:
    """A note for each passage that contradicts an answer's sentences, none of which cites it."""
    asked = set(content_words(question)) if _YES_OR_NO.match(question) else set()
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
        asked: stems of a question that is answered with yes or no: two short sentences that share two of them, and one
            of which denies one of them, answer it otherwise. Of other questions none.
    """
    groups, other_groups = people(said), people(other)
    alike = holds_for(groups, other_groups) and holds_for(other_groups, groups)
    if not alike or _LIMITED.search(said) or _LIMITED.search(other):
        return False
    words, others = (_words(text) for text in (said, other))
    shared = words & others
    same = len(shared) >= FEWEST and len(shared) >= SHARED * max(len(words), len(others))
    if same and _number_differs(said, other) and words ^ others <= _counted(said, other):
        return True
    answers = len(shared & asked) >= 2 and max(len(words), len(others)) <= SHORT
    if not (same or answers):
        return False
    telling = shared if same else shared & asked
    return bool(telling & _denied(said) - negated(other, soft=True)) != bool(
        telling & _denied(other) - negated(said, soft=True)
    )


def _words(text: str) -> set[str]:
    return {word for word in content_words(text) if not word[0].isdigit() and word not in ("no", "not", "never")}


def _denied(text: str) -> set[str]:
    """The stems that a sentence denies: all its words where it opens with "No amount of …"."""
    return _words(text) if _DENIES_ALL.match(text) else negated(text, soft=False)


def _number_differs(said: str, other: str) -> bool:
    """Whether both have numbers of one unit, and none of them in common."""
    mine, theirs = numbers(said), numbers(other)
    units = {unit for _, unit in mine if unit} & {unit for _, unit in theirs}
    return any(
        not {value for value, of in mine if of == unit} & {value for value, of in theirs if of == unit}
        for unit in units
    )


def _counted(said: str, other: str) -> set[str]:
    """Words that may differ beside a number: those it counts."""
    return {unit for text in (said, other) for _, unit in numbers(text)}
