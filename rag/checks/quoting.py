"""Quotation: where the model declines although the search is sure, or writes what the passages do not support, the
answer is made of the passages' nearest sentences.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence

from core.text.extract import choose
from rag.answer import Answer, Note
from rag.checks.citations import Draft, Verifier
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

Relevance = Callable[[str, str], Sequence[float]]
"""Question, text -> how near each sentence of the text is to the question (`IndexRetriever.sentence_relevance`)."""


def quoted_if_better(answer: Answer, retrieval: Retrieval, relevance: Relevance) -> Answer:
    """A finished answer, or a quotation in its place."""
    unsupported = sum(sentence.verdict == "unsupported" for sentence in answer.sentences)
    if answer.abstained and retrieval.sure(CERTAIN):
        return _quoted(answer, retrieval.query.aspect, relevance, NEAREST)
    if unsupported > len(answer.sentences) * MOST_UNSUPPORTED and retrieval.sure():
        return _quoted(answer, retrieval.query.aspect, relevance, UNBORNE)
    return answer


def _quoted(answer: Answer, aspect: str, relevance: Relevance, note: Note) -> Answer:
    """The sentences of the evidence that come nearest to the question, in place of what the model wrote.

    The answer is left as it is where no whole sentence fits.
    """
    best: tuple[float, list[Draft]] = (0.0, [])
    for item in answer.evidence:
        scores = relevance(answer.search_query, item.text)
        chosen = choose(item.text, aspect, scores, Counter(), most=MOST_SENTENCES)
        if chosen.worth > best[0]:
            best = (chosen.worth, [Draft(" ", item.text[start:end], (item.n,)) for start, end in chosen.spans])
    if not best[1]:
        return answer
    text, sentences = Verifier([item.numbered() for item in answer.evidence]).verify(best[1])
    return dataclasses.replace(answer, text=text, sentences=sentences, abstained=False, notes=(*answer.notes, note))
