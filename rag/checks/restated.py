"""Sentences that no passage clearly supports, said in a passage's own words, or left out."""

from collections.abc import Sequence

from core.text.words import key
from rag.answer import Note
from rag.checks.citations import Draft, Verifier

RESTATED = Note(
    "restated", "a sentence that the passages do not clearly support was left out, or put in their own words"
)
"""The note of an answer of which something that the model wrote is not shown."""


def supported_only(drafts: Sequence[Draft], verifier: Verifier) -> list[Draft]:
    """The drafts, each one that is not supported replaced by the sentence of a passage that it comes from. If it comes
    from none, it is left out where it is unsupported, and stands where it is weakly supported. Nothing is said twice.
    """
    kept: dict[str, Draft] = {}
    for draft in drafts:
        verdict = verifier.verdict(draft)
        said: Draft | None = draft
        if verdict != "supported":
            said = verifier.own_words(draft) or (draft if verdict == "weak" else None)
        if said is not None:
            kept.setdefault(key(said.text), said)
    return list(kept.values())
