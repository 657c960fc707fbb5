"""From a question to its verified answer: search -> evidence -> write -> verify -> finish."""

import dataclasses
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from langchain_core.runnables import Runnable, RunnableGenerator, RunnableLambda

from core.processor import processor
from core.text.plain import plain
from generator.by_processor import evidence_tokens
from generator.llm import QwenChat
from generator.prompt import Source, fit, messages
from rag.answer import Answer, Dropped, Evidence, Note, Notice, Timings
from rag.checks.citations import SupportJudge, Verifier, is_aside, may_be_aside
from rag.checks.emergency import EmergencyDetector
from rag.checks.quoting import quoted_if_better
from rag.checks.restated import supported_only
from rag.checks.scope import Scope
from rag.finishing import BEFORE, NO_ROOM, NOT_FOUND, finish, verifier_of, without_answer
from rag.search.leads import leads
from rag.search.results import Retrieval
from rag.search.retriever import IndexRetriever
from rag.writing import Written, write

BY_WORDS = Note("by-words", "the vectors of this file are still being made; it was searched by words alone")
"""The note of an answer over an index that is not complete yet."""

LOOK_S = 0.2
"""Seconds between two looks at whether a model is loaded: so soon can an answer be stopped that waits for it."""

LEFT_OUT = "no room in the context"
"""Why a hit is dropped that does not fit beside the others."""

INDEX_FACTS = ("build", "csv", "csv_sha256", "embedder", "adapter")
"""The fields that an answer keeps of the manifest of its index."""


@dataclass(frozen=True)
class Checks:
    """The checks of the question before the model writes, and of its sentences after; either may be left out."""

    detector: EmergencyDetector | None = None
    judge: SupportJudge | None = None


UNCHECKED = Checks()


@dataclass(frozen=True)
class Request:
    """A question with what the search should know beside it."""

    question: str
    history: tuple[str, ...] = ()
    """The questions asked before in this conversation, oldest first."""
    filters: Mapping[str, str] = field(default_factory=dict)
    """Column -> value that the records must have."""


class Search(NamedTuple):
    """The result of a search for a question, and when the search began (`time.perf_counter`)."""

    found: Retrieval
    began: float
    notice: Notice | None = None
    """Decided before the search; it does not depend on what is found."""


@dataclass(frozen=True)
class Answerer:
    """Answers questions from an index with a model; every step yields the same `Answer`, grown."""

    retriever: IndexRetriever
    llm: QwenChat | Future[QwenChat]
    """The model, or the future of one that is still being loaded: a search does not wait for it."""
    checks: Checks = UNCHECKED
    context_tokens: int = 2048
    """Most tokens of prompt and answer together."""

    @property
    def model(self) -> QwenChat:
        """The model; waits for one that is being loaded, and raises what its loading raised."""
        return self.llm.result() if isinstance(self.llm, Future) else self.llm

    def search(self, question: str | Request) -> Search:
        """Find passages for a question; raises QuestionError as `IndexRetriever.search` does."""
        began = time.perf_counter()
        asked = Request(question) if isinstance(question, str) else question
        notice = self._notice(asked.question)
        found = self._find(asked, urgent=_is_urgent(notice))
        if notice is None and found.search_query != asked.question and not found.query.reply:
            notice = self._notice(found.search_query)  # "and can he die of it?" is read with what it follows
            if _is_urgent(notice):
                found = self._find(asked, urgent=True)
        return Search(found, began, notice)

    def _find(self, asked: Request, *, urgent: bool) -> Retrieval:
        """What the search finds for a question; another answerer may search elsewhere."""
        return self.retriever.search(asked.question, asked.history, asked.filters, urgent=urgent)

    def _notice(self, question: str) -> Notice | None:
        return self.checks.detector.notice(plain(question)) if self.checks.detector else None

    def answer(self, search: Search) -> Iterator[Answer]:
        """Snapshots of the answer to what was searched, the last one finished; the first comes again and again until
        the model is loaded.

        Raises:
            EngineError: the model broke off.
            CiteWellError: it cannot be loaded.
        """
        found = search.found
        answer = self._begun(search)
        if found.query.reply:
            yield dataclasses.replace(answer, text=found.query.reply, outcome="reply", finished=True)
            return
        if found.abstain:
            yield without_answer(answer, NOT_FOUND, "not-in-file")
            return
        if found.hits:
            yield answer  # trimming compares every sentence with the question: people read before it has begun
            yield from self._until_loaded(answer)
            evidence, dropped = self.evidence(found)
            answer = dataclasses.replace(answer, evidence=evidence, dropped=dropped, model=made_by(self.model))
        if not answer.evidence:
            no_room = any(each.reason == LEFT_OUT for each in answer.dropped)
            yield without_answer(answer, *((NO_ROOM, "no-room") if no_room else (NOT_FOUND, "not-in-file")))
            return
        for snapshot in self._written(answer, search.began):
            if snapshot.finished:
                yield _with_missing(quoted_if_better(snapshot, found.readings, self._scope(snapshot)), found)
            else:
                yield snapshot

    def answer_again(self, answer: Answer) -> Iterator[Answer]:
        """Answer the same question from the same evidence, without a search; yields snapshots, the last one finished.

        Raises:
            EngineError: the model broke off.
        """
        began = time.perf_counter()
        blank = dataclasses.replace(
            answer,
            text="",
            sentences=(),
            generated="",
            abstained=False,
            outcome="",
            notes=tuple(note for note in answer.notes if note.kind in BEFORE),
            closest=(),
            finished=False,
            model=made_by(self.model),
            timings=Timings(),
        )
        yield from self._written(blank, began)

    def evidence(self, found: Retrieval) -> tuple[tuple[Evidence, ...], tuple[Dropped, ...]]:
        """Number the hits, trimmed to the tokens that evidence may have, prompt and answer together to the context."""
        question, count_tokens = found.search_query, self.model.get_num_tokens_from_messages
        most = evidence_tokens(self.retriever.settings.evidence_tokens, self.model.engine.identity)
        budget = min(self.context_tokens - self.model.max_tokens, count_tokens(messages(question, ())) + most)
        sources = [Source(hit.question, hit.text) for hit in found.hits]
        fitted = fit(question, sources, count_tokens, budget, partial(self.retriever.relevance, question))
        evidence: list[Evidence] = []
        dropped = list(found.dropped)
        for hit, source in zip(found.hits, fitted, strict=True):
            if source is None:
                dropped.append(Dropped(hit, LEFT_OUT))
            else:
                start = hit.start + hit.text.index(source.text)
                evidence.append(Evidence(hit, len(evidence) + 1, source.text, start))
        return tuple(evidence), tuple(dropped)

    def _begun(self, search: Search) -> Answer:
        """The answer as soon as the search is done: the passages whole, and what to read first in each."""
        found, index = search.found, self.retriever.index
        by_words = not index.embedded and not found.query.reply
        search_s = time.perf_counter() - search.began
        shown = found.nearest if found.abstain else found.hits
        return Answer(
            question=found.question,
            search_query=found.search_query,
            notes=(*found.query.notes, *[BY_WORDS] * by_words),
            notice=search.notice,
            answerable=found.answerable,
            closest=found.closest,
            evidence=tuple(Evidence(hit, n, hit.text, hit.start) for n, hit in enumerate(shown, start=1)),
            leads=leads(shown, found.query.terms, index.lexical.weight),
            dropped=found.dropped,
            model={} if self._is_loading else made_by(self.model),
            index={**{name: getattr(index.manifest, name) for name in INDEX_FACTS}, "reader": self._reader},
            timings=Timings(search_s=search_s, total_s=search_s),
        )

    @property
    def _is_loading(self) -> bool:
        return isinstance(self.llm, Future) and not (self.llm.done() and not self.llm.exception())

    def _until_loaded(self, answer: Answer) -> Iterator[Answer]:
        """The same snapshot every `LOOK_S` seconds, so that whoever shows it can stop, until the model is loaded."""
        while isinstance(self.llm, Future) and wait([self.llm], LOOK_S).not_done:
            yield answer

    @property
    def _reader(self) -> str:
        """The identity of what decided whether the question is answered; empty for the search alone."""
        return self.retriever.reader.identity if self.retriever.reader else ""

    def _scope(self, answer: Answer) -> Scope:
        return Scope(answer.search_query, answer.evidence, self.retriever.index.lexical.weight)

    def _written(self, answer: Answer, began: float) -> Iterator[Answer]:
        """Snapshots of the answer that the model writes from the evidence which `answer` holds."""
        sources = [item.as_source() for item in answer.evidence]
        answer = dataclasses.replace(answer, prompt=self.model.render(messages(answer.search_query, sources)))
        yield answer

        search_s, first_token_s = answer.timings.search_s, 0.0
        verifier, scope = verifier_of(answer, self.checks.judge), self._scope(answer)
        for written in write(self.model, answer.search_query, sources):
            if written.done:
                total_s = time.perf_counter() - began
                timings = Timings(
                    search_s=search_s,
                    first_token_s=first_token_s,
                    generate_s=total_s - search_s,
                    total_s=total_s,
                    prompt_tokens=written.prompt_tokens,
                    answer_tokens=written.answer_tokens,
                )
                whole = dataclasses.replace(answer, generated=written.generated, timings=timings)
                yield finish(whole, written.drafts, scope, verifier)
            elif written.ahead:
                yield dataclasses.replace(answer, ahead=written.ahead)
            else:
                first_token_s = first_token_s or time.perf_counter() - began
                yield _growing(answer, verifier, written)


def _is_urgent(notice: Notice | None) -> bool:
    return notice is not None and notice.kind != "limit"


def _with_missing(answer: Answer, found: Retrieval) -> Answer:
    """A finished answer, with a note on what was asked about and the passages do not hold."""
    if answer.abstained or not found.missing:
        return answer
    note = Note("missing", f"the passages say nothing of {' or '.join(found.missing)}")
    return dataclasses.replace(answer, notes=(*answer.notes, note))


def made_by(llm: QwenChat) -> dict[str, str]:
    """The identity of a model's answers: its engine and weights, and the processor, which rounds in its own way."""
    return {**llm.engine.identity, "processor": processor().label}


def answer_chain(answerer: Answerer) -> Runnable[str | Request, Answer]:
    """An answerer as an LCEL chain from a question, alone or as `Request`, to its `Answer`.

    `invoke` returns the finished answer. `stream` yields snapshots: the first as soon as the search is done, with whole
    passages and their leads, the second with the evidence as the model is shown it, then one with every piece of text;
    sentences are verified as they end. Closing the stream stops the model.

    Raises, when it runs:
        QuestionError: the question is empty or too long.
        EngineError: the model broke off.
    """

    def write_each(searches: Iterator[Search]) -> Iterator[Answer]:
        for search in searches:
            yield from answerer.answer(search)

    return RunnableLambda(answerer.search) | RunnableGenerator(write_each)


def _growing(answer: Answer, verifier: Verifier, written: Written) -> Answer:
    """The answer so far: whole sentences verified, the one being written as it stands.

    What may still become the sentence with which a model declines is held back: it would have to be taken back.
    """
    whole = [draft for draft in written.drafts[:-1] if not is_aside(draft.text)]
    text, sentences = verifier.verify(supported_only(whole, verifier))
    for growing in written.drafts[-1:]:
        if may_be_aside(growing.text):
            continue
        text += (growing.lead if text else growing.lead.lstrip()) + growing.text
    return dataclasses.replace(answer, text=text, sentences=sentences, generated=written.generated)
