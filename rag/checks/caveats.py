"""Caveats: if a passage limits a sentence that an answer takes from it, the answer repeats the limit as well.

A model that copies sentences may leave out the "However, …" that follows one, and what is left is misleading.
"""

from collections.abc import Sequence
from itertools import pairwise

from core.text.extract import is_caveat, refused_because
from core.text.sentences import sentence_spans
from core.text.words import key
from rag.answer import Note, NumberedSource
from rag.checks.citations import Draft

CAVEAT = Note("caveat", "a sentence was added that limits the one before it in the passage")
"""The note of an answer that a caveat was added to."""


def with_caveats(drafts: Sequence[Draft], sources: Sequence[NumberedSource]) -> list[Draft]:
    """The sentences of an answer, each with the caveat that follows it in the passage that it cites; a sentence that
    does not stand there word for word has none.
    """
    caveats = {
        (source.n, key(source.text[slice(*limited)])): Draft(" ", " ".join(text.split()), (source.n,))
        for source in sources
        for limited, following in pairwise(sentence_spans(source.text))
        if is_caveat(text := source.text[slice(*following)]) and not refused_because(text)
    }
    said = {key(draft.text) for draft in drafts}
    whole: list[Draft] = []
    for draft in drafts:
        whole.append(draft)
        while (caveat := _caveat(whole[-1], caveats)) is not None and key(caveat.text) not in said:
            said.add(key(caveat.text))
            whole.append(caveat)
    return whole


def _caveat(draft: Draft, caveats: dict[tuple[int, str], Draft]) -> Draft | None:
    return next((caveats[n, key(draft.text)] for n in draft.marked if (n, key(draft.text)) in caveats), None)
