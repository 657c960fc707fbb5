"""Quotation: where the model writes no answer, although the reader found one in the passages, the answer is made of the
sentences that the reader found to answer.
"""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

from core.text.sentence_kinds import is_pointer
from core.text.sentences import sentence_spans
from rag.answer import Answer, Evidence, Note
from rag.checks.citations import Draft
from rag.checks.scope import Scope
from rag.finishing import BEFORE, compose, verifier_of
from rag.reader.base import Reading

QUOTED = Note("quoted", "the model wrote no answer; these sentences of the passages answer")
"""The note of an answer that is quoted because the model wrote none, or nothing that stands in the passages."""
MOST_SENTENCES = 3
"""Sentences that a quotation has at most."""
CERTAIN = 0.7
"""Probability that the question is answered, by the reader, from which the model is overruled where it declines. Chosen
on the fit half of data/dev/people.jsonl."""
QUOTABLE = 0.0
"""Log-odds that a passage answers from which it is quoted."""
ANSWERS = 0.5
"""Probability from which a sentence is quoted beside the best one of its passage."""


class _Sentence(NamedTuple):
    probability: float
    text: str


def quoted_if_better(answer: Answer, readings: Mapping[str, Reading], scope: Scope) -> Answer:
    """A finished answer, or a quotation in the place of one that the model declined to write, or of which nothing
    stands in the passages.
    """
    if answer.outcome != "declined" or answer.answerable < CERTAIN:  # it declines with reason more often than not
        return answer
    return _quoted(answer, readings, scope) or answer


def _quoted(answer: Answer, readings: Mapping[str, Reading], scope: Scope) -> Answer | None:
    """The sentences that answer, of the first passage of which some may be used; None where none may."""
    before = dataclasses.replace(answer, notes=tuple(each for each in answer.notes if each.kind in BEFORE))
    for item in answer.evidence:
        reading = readings.get(item.passage_id)
        drafts = _answering(item, reading) if reading and reading.logit >= QUOTABLE else []
        if drafts and not (said := compose(before, drafts, scope, verifier_of(answer), "quoted", [QUOTED])).abstained:
            return said
    return None


def _answering(item: Evidence, reading: Reading) -> list[Draft]:
    """The sentences of a passage that answer, in their order: the best one, and others that do for themselves."""
    spans = sentence_spans(item.hit.text)
    shown = item.start - item.hit.start
    found = [
        _Sentence(probability, item.hit.text[start:end])
        for (start, end), probability in zip(spans, reading.sentences, strict=False)
        if shown <= start and end <= shown + len(item.text) and not is_pointer(item.hit.text[start:end])
    ]
    best = sorted(found, reverse=True)[:MOST_SENTENCES]
    chosen = best[:1] + [each for each in best[1:] if each.probability >= ANSWERS]
    return [Draft(" ", each.text, (item.n,)) for each in found if each in chosen]
