"""Quotation: where the model declines although the search is sure, or writes what the passages do not support, the
answer is made of the passages' nearest sentences.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence

from core.text.extract import choose
from core.text.sentences import sentence_spans
from rag.answer import Answer, Evidence, Note
from rag.checks.citations import Draft
from rag.checks.lists import known_lists
from rag.checks.scope import Scope
from rag.finishing import BEFORE, compose, declined, verifier_of
from rag.search.retriever import Retrieval

NEAREST = Note("quoted", "the model found no answer in these passages; quoted is what comes nearest")
"""The note of an answer that is quoted because the model declined to write one."""
UNBORNE = Note("quoted", "most of what the model wrote is not in these passages; quoted is what comes nearest")
"""The note of an answer that is quoted because too little of the model's own survived."""
CERTAIN = 0.9
"""Probability that the file holds an answer, by the search, from which the model's refusal is overruled. Chosen on the
`fit` split of data/dev (generator/EXPERIMENTS.md, try 16).
"""
MOST_UNSUPPORTED = 0.5
"""Share of unsupported sentences beyond which an answer is quoted instead."""
MOST_SENTENCES = 3
"""Sentences that a quotation has at most."""
LEAST_SCORE = 0.4
"""Fused score of a passage below which nothing is quoted from it, whatever the file as a whole may hold."""

Relevance = Callable[[str, list[str]], Sequence[float]]
"""Question, texts -> how near each is to the question (`IndexRetriever.relevance`)."""


def quoted_if_better(answer: Answer, retrieval: Retrieval, relevance: Relevance, scope: Scope) -> Answer:
    """A finished answer, or a quotation in its place; a refusal where nothing that was written stands in the passages
    and nothing may be quoted.
    """
    unsupported = sum(sentence.verdict == "unsupported" for sentence in answer.sentences)
    if answer.outcome == "declined" and retrieval.sure(CERTAIN):
        return _quoted(answer, retrieval.query.aspect, relevance, scope, NEAREST) or answer
    if unsupported > len(answer.sentences) * MOST_UNSUPPORTED:
        quoted = None
        if retrieval.sure():
            quoted = _quoted(answer, retrieval.query.aspect, relevance, scope, UNBORNE)
        return quoted or (declined(answer) if unsupported == len(answer.sentences) else answer)
    return answer


def _quoted(answer: Answer, aspect: str, relevance: Relevance, scope: Scope, note: Note) -> Answer | None:
    """The sentences that come nearest to the question, of a passage that names its subject; None where none fits."""
    items = [item for item in answer.evidence if item.score >= LEAST_SCORE and scope.names_subject(item)]
    found = [_nearest(answer.search_query, item, aspect, relevance) for item in items]
    rows = [(2.0, [Draft(" ", line, (item.n,))]) for item, line in scope.number_lines() if item in items]
    before = dataclasses.replace(answer, notes=tuple(each for each in answer.notes if each.kind in BEFORE))
    for _, drafts in sorted([*found, *rows[:1]], key=lambda each: -each[0]):
        if drafts and not (said := compose(before, drafts, scope, verifier_of(answer), "quoted", [note])).abstained:
            return said
    return None


def _nearest(question: str, item: Evidence, aspect: str, relevance: Relevance) -> tuple[float, list[Draft]]:
    """The nearest part of a passage to a question, a run of sentences or a list, and how near it is."""
    spans = sentence_spans(item.text)
    scores = relevance(question, [item.text[start:end] for start, end in spans]) if spans else []
    chosen = choose(item.text, aspect, scores, Counter(), most=MOST_SENTENCES)
    best = (chosen.worth, [Draft(" ", item.text[start:end], (item.n,)) for start, end in chosen.spans])
    lists = [each.drafts() for each in known_lists(item) if each.listing.lead_in]
    if lists:
        nearness = relevance(question, [" ".join(draft.text for draft in drafts) for drafts in lists])
        best = max([best, *zip(nearness, lists, strict=True)], key=lambda each: each[0])
    return best
