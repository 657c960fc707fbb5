"""From the sentences that a model wrote, or that are quoted, to the finished answer: permitted, complete and verified.

Sentences that give orders, that only say where to read more, that speak of others than was asked, or that are no
sentences without their question are left out; lists and caveats are completed; contradictions by other passages are
noted.
"""

import dataclasses
from collections.abc import Sequence

from core.text.sentence_kinds import gives_orders, is_pointer
from core.text.words import key
from rag.answer import Answer, Note, Outcome
from rag.checks.caveats import CAVEAT, with_caveats
from rag.checks.citations import Draft, SupportJudge, Verifier, is_aside, is_refusal, is_rest
from rag.checks.contradiction import contradictions
from rag.checks.lists import with_lists
from rag.checks.restated import RESTATED, supported_only
from rag.checks.scope import Scope

NOT_FOUND = "The file holds no answer to this question."
"""The text of an answer that abstains, or that the model declined to write."""
BROKE_OFF = "The model stopped before it had written a sentence. Ask again."
"""The text where nothing was written: nobody has judged whether the file holds an answer."""
NO_ROOM = (
    "The context is too small for any passage, so the model was not asked. Set generator.context_tokens higher, or "
    "generator.max_new_tokens lower, and ask again."
)
"""The text where the prompt has no room for one sentence of evidence."""
ORDERS = Note("orders", "a sentence of the file that gives orders to the reader's machine or to the model was left out")
"""The note of an answer without an order that stands in the file."""
BEFORE = ("follow-up", "condensed", "corrected", "by-words", "language")
"""Kinds of notes on the question and the search: they hold whichever model answers."""
CLOSEST = 3
"""Questions of the passages that are offered where they hold no answer."""


def without_answer(answer: Answer, text: str, outcome: Outcome) -> Answer:
    """The answer that explains why there is none."""
    closest = answer.closest or tuple(dict.fromkeys(item.question for item in answer.evidence))[:CLOSEST]
    return dataclasses.replace(
        answer, text=text, abstained=True, finished=True, sentences=(), outcome=outcome, closest=closest
    )


def finish(answer: Answer, drafts: Sequence[Draft], scope: Scope, verifier: Verifier) -> Answer:
    """The answer that a model's sentences come to, no heading repeated and a refusal recognised."""
    if not drafts:
        return without_answer(answer, BROKE_OFF, "broke-off") if not answer.generated.strip() else declined(answer)
    if is_refusal(drafts[0].text):
        return declined(answer)
    headings = {key(item.question) for item in answer.evidence}
    said = [draft for draft in drafts if not is_aside(draft.text) and key(draft.text) not in headings]
    notes = [Note("partly", _as_note(draft.text)) for draft in drafts if is_rest(draft.text)][:1]
    return compose(answer, said, scope, verifier, "answered", notes)


def _as_note(sentence: str) -> str:
    """The sentence with which a model names what the passages leave out, as notes are written."""
    return sentence[:1].lower() + sentence[1:].rstrip(" .")


def declined(answer: Answer) -> Answer:
    """The answer where the model found none in the passages, or none of its sentences may be used."""
    return without_answer(answer, NOT_FOUND, "declined")


def compose(
    answer: Answer,
    drafts: Sequence[Draft],
    scope: Scope,
    verifier: Verifier,
    outcome: Outcome,
    notes: Sequence[Note] = (),
) -> Answer:
    """The answer of these sentences with their notes, as far as they may be used; a refusal if none of them may."""
    safe = [draft for draft in drafts if not gives_orders(draft.text)]
    left_out = [ORDERS] * (len(safe) < len(drafts))
    told = [draft for draft in safe if not is_pointer(draft.text)]
    in_scope = list(scope.kept(told))
    borne = supported_only(in_scope, verifier)
    restated = [RESTATED] * (borne != in_scope)
    listed, of_lists = with_lists(borne, answer.evidence)
    if not listed:
        return declined(dataclasses.replace(answer, notes=(*answer.notes, *left_out)))
    whole = with_caveats(listed, [item.numbered() for item in answer.evidence])
    text, sentences = verifier.verify(whole)
    limited = [CAVEAT] * (len(whole) > len(listed))
    otherwise = contradictions(answer.search_query, sentences, answer.evidence)
    return dataclasses.replace(
        answer,
        text=text,
        sentences=sentences,
        abstained=False,
        finished=True,
        outcome=outcome,
        notes=(*answer.notes, *notes, *left_out, *restated, *of_lists, *limited, *otherwise),
        closest=(),
    )


def verifier_of(answer: Answer, judge: SupportJudge | None = None) -> Verifier:
    """The verifier that checks sentences against an answer's evidence."""
    return Verifier([item.numbered() for item in answer.evidence], judge)
