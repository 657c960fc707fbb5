"""Sentences that no passage supports, said in a passage's own words, or left out."""

from collections.abc import Sequence

from core.text.words import key
from rag.answer import Note
from rag.checks.citations import Draft, Verifier

RESTATED = Note("restated", "a sentence that the passages do not support was left out, or put in their own words")
"""The note of an answer of which something that the model wrote is not shown."""


def supported_only(drafts: Sequence[Draft], verifier: Verifier) -> list[Draft]:
    """The drafts, each one that is unsupported replaced by the sentence of a passage that it comes from, if it comes
    from one; nothing is said twice.
    """
    kept: dict[str, Draft] = {}
    for draft in drafts:
        said = draft if verifier.verdict(draft) != "unsupported" else verifier.own_words(draft)
        if said is not None:
            kept.setdefault(key(said.text), said)
    return list(kept.values())
