"""The LCEL chain: question -> retrieval -> prompt -> model -> verified answer."""

import dataclasses
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from langchain_core.runnables import Runnable, RunnableGenerator, RunnableLambda

from core.processor import processor
from core.progress import Say, silent
from core.settings import Settings
from core.text.words import key
from generator.by_processor import evidence_tokens
from generator.llm import QwenChat
from generator.prompt import Source, fit, messages
from index.embedders import adapter_identity, load_embedder, load_question_embedder
from index.embedders.base import Embedder
from index.embedders.weights import find_weights
from index.published import published_build
from index.store import open_index
from rag.answer import Answer, Dropped, Evidence, Timings
from rag.checks.caveats import CAVEAT, with_caveats
from rag.checks.citations import SupportJudge, Verifier, is_aside, is_refusal, is_rest, may_be_aside
from rag.checks.emergency import EmergencyDetector, known_phrasings
from rag.checks.entailment import StrictJudge, read_entailment
from rag.checks.judge import read_judge
from rag.checks.quoting import quoted_if_better
from rag.search.leads import leads
from rag.search.rerank import Reranker
from rag.search.retriever import IndexRetriever, Retrieval
from rag.writing import Written, write

NOT_FOUND = "The file holds no answer to this question."
"""The text of an answer that abstains."""

BY_WORDS = "the vectors of this file are still being made; it was searched by words alone"
"""The note of an answer over an index that is not complete yet."""

PARTLY = "the passages answer only a part of this question"
"""The note of an answer that the model itself says is not to the whole question."""


@dataclass(frozen=True)
class Checks:
    """What looks at the question before the model writes, and at its sentences after; either may be left out."""

    detector: EmergencyDetector | None = None
    judge: SupportJudge | None = None


UNCHECKED = Checks()


@dataclass(frozen=True)
class Asked:
    """A question with what the search should know beside it."""

    question: str
    history: tuple[str, ...] = ()
    """What was searched before in this conversation (`Answer.search_query`), oldest first."""
    filters: Mapping[str, str] = field(default_factory=dict)
    """Column -> value that the records must have."""


def open_chain(settings: Settings, say: Say = silent) -> Runnable[str | Asked, Answer]:
    """Open the index, load the models, and join them to a chain.

    Raises:
        IndexFolderError: no index, a damaged one, or one that was made with another embedder.
        WeightsError, EngineError, SettingsError: the embedder or the generator cannot be had.
    """
    retriever = open_retriever(settings, say)
    checks = open_checks(settings, retriever, say)
    return answer_chain(retriever, open_llm(settings, say), settings.generator.context_tokens, checks)


@dataclass(frozen=True)
class Embedders:
    """The embedder of an index's passages, and that of questions, which may carry an adapter."""

    passages: Embedder
    questions: Embedder


def open_embedders(settings: Settings, say: Say = silent) -> Embedders:
    """Load the embedders that the settings name; raises as `open_chain` does."""
    passages = load_embedder(settings.index, say)
    return Embedders(passages, load_question_embedder(settings.index, passages, say))


def open_retriever(settings: Settings, say: Say = silent, embedders: Embedders | None = None) -> IndexRetriever:
    """Open the published index, with the embedders that it was made with; raises as `open_chain` does.

    Args:
        embedders: those that are loaded already; None loads them.
    """
    index = open_index(Path(settings.index.dir))
    loaded = embedders or open_embedders(settings, say)
    return IndexRetriever(
        index=index,
        embedder=loaded.questions,
        passage_embedder=loaded.passages,
        adapter=adapter_identity(settings.index),
        reranker=Reranker.load(settings.rag.reranker) if settings.rag.reranker else None,
        settings=settings.rag,
    )


def open_checks(settings: Settings, retriever: IndexRetriever, say: Say = silent) -> Checks:
    """What looks at questions before and at sentences after the model, over the embedder of the index's passages.

    Raises:
        DataError: a file that the checks are made from is damaged.
        WeightsError: the default embedder, whose vocabulary says how rare a word is, or `rag.nli` cannot be had.
    """
    embedder = retriever.of_passages
    detector = EmergencyDetector(*known_phrasings(embedder, Path(settings.index.cache), say), embedder.embed)
    judge = read_judge(retriever.relevance, find_weights().folder / "vocab.txt")
    nli = settings.rag.nli
    return Checks(detector, StrictJudge(judge, read_entailment(nli)) if nli else judge)


def open_llm(settings: Settings, say: Say = silent) -> QwenChat:
    """Load the generator; raises as `open_chain` does."""
    return QwenChat.from_settings(settings.generator, say)


def open_untuned_llm(settings: Settings, say: Say = silent) -> QwenChat:
    """Load the generator without its adapter; raises as `open_chain` does."""
    return QwenChat.from_settings(dataclasses.replace(settings.generator, adapter=""), say)


def made_by(llm: QwenChat) -> dict[str, str]:
    """What identifies a model's answers: its engine and weights, and the processor, which rounds in its own way."""
    return {**llm.engine.identity, "processor": processor().label}


def published(settings: Settings) -> str:
    """The name of the published build: it changes when the index has been rebuilt.

    Raises:
        IndexFolderError: there is no index.
    """
    return published_build(Path(settings.index.dir)).name


def answer_chain(
    retriever: IndexRetriever, llm: QwenChat, context_tokens: int = 2048, checks: Checks = UNCHECKED
) -> Runnable[str | Asked, Answer]:
    """A chain from a question, alone or as `Asked`, to its `Answer`.

    `invoke` returns the finished answer. `stream` yields snapshots: the first as soon as the search is done, with whole
    passages and their leads, the second with the evidence as the model is shown it, then one with every piece of text;
    sentences are verified as they end. Closing the stream stops the model.

    Raises, when it runs:
        QuestionError: the question is empty or too long.
        EngineError: the model broke off.
    """

    def retrieve(question: str | Asked) -> tuple[Retrieval, float]:
        started = time.perf_counter()
        asked = Asked(question) if isinstance(question, str) else question
        return retriever.search(asked.question, asked.history, asked.filters), started

    def write(found: Iterator[tuple[Retrieval, float]]) -> Iterator[Answer]:
        for retrieval, started in found:
            notice = checks.detector.notice(retrieval.question) if checks.detector else None
            for answer in _write(retrieval, started, retriever, llm, context_tokens, checks.judge):
                yield dataclasses.replace(answer, notice=notice)

    return RunnableLambda(retrieve) | RunnableGenerator(write)


def _write(
    retrieval: Retrieval,
    started: float,
    retriever: IndexRetriever,
    llm: QwenChat,
    context_tokens: int,
    judge: SupportJudge | None,
) -> Iterator[Answer]:
    search_s = time.perf_counter() - started
    manifest = retriever.index.manifest
    answer = Answer(
        question=retrieval.question,
        search_query=retrieval.search_query,
        notes=(*retrieval.query.notes, *[BY_WORDS] * (not retriever.index.embedded and not retrieval.query.reply)),
        answerable=retrieval.answerable,
        closest=retrieval.closest,
        evidence=tuple(Evidence(**vars(hit), n=number) for number, hit in enumerate(retrieval.hits, start=1)),
        leads=leads(retrieval.hits, retrieval.query.terms, retriever.index.lexical.weight),
        dropped=retrieval.dropped,
        model=made_by(llm),
        index={
            "build": manifest.build,
            "csv": manifest.csv,
            "csv_sha256": manifest.csv_sha256,
            "embedder": manifest.embedder,
            "adapter": manifest.adapter,
        },
        timings=Timings(search_s=search_s, total_s=search_s),
    )
    if retrieval.query.reply:
        yield dataclasses.replace(answer, text=retrieval.query.reply, finished=True)
        return
    if retrieval.hits:
        yield answer  # trimming compares every sentence with the question: people read before it has begun
        evidence, dropped = evidence_for(retrieval, retriever, llm, context_tokens)
        answer = dataclasses.replace(answer, evidence=evidence, dropped=dropped)
    if not answer.evidence:
        yield dataclasses.replace(answer, text=NOT_FOUND, abstained=True, finished=True)
        return
    for snapshot in _generate(answer, llm, started, judge):
        if snapshot.finished:
            snapshot = quoted_if_better(snapshot, retrieval, retriever)
        yield snapshot


def answer_again(answer: Answer, llm: QwenChat, judge: SupportJudge | None = None) -> Iterator[Answer]:
    """Let another model answer the same question from the same evidence; yields snapshots, the last one finished.

    Raises:
        EngineError: the model broke off.
    """
    started = time.perf_counter()
    blank = dataclasses.replace(
        answer, text="", sentences=(), generated="", abstained=False, finished=False, model=made_by(llm)
    )
    yield from _generate(dataclasses.replace(blank, timings=Timings()), llm, started, judge)


def _generate(answer: Answer, llm: QwenChat, started: float, judge: SupportJudge | None) -> Iterator[Answer]:
    """Snapshots of the answer that a model writes from the evidence which `answer` holds."""
    sources = [item.as_source() for item in answer.evidence]
    answer = dataclasses.replace(answer, prompt=llm.render(messages(answer.search_query, sources)))
    yield answer

    search_s, first_token_s = answer.timings.search_s, 0.0
    verifier = Verifier(answer.evidence, judge)
    for written in write(llm, answer.search_query, sources):
        if written.done:
            total_s = time.perf_counter() - started
            timings = Timings(
                search_s=search_s,
                first_token_s=first_token_s,
                generate_s=total_s - search_s,
                total_s=total_s,
                prompt_tokens=written.prompt_tokens,
                answer_tokens=written.answer_tokens,
            )
            yield dataclasses.replace(_finish(answer, verifier, written), timings=timings)
        elif written.ahead:
            yield dataclasses.replace(answer, ahead=written.ahead)
        else:
            first_token_s = first_token_s or time.perf_counter() - started
            yield _snapshot(answer, verifier, written)


def evidence_for(
    retrieval: Retrieval, retriever: IndexRetriever, llm: QwenChat, context_tokens: int
) -> tuple[tuple[Evidence, ...], tuple[Dropped, ...]]:
    """Number the hits, trimmed to the tokens that evidence may have, prompt and answer together to the context."""
    question = retrieval.search_query
    sources = [Source(hit.question, hit.text) for hit in retrieval.hits]
    empty = llm.get_num_tokens_from_messages(messages(question, ()))
    most = evidence_tokens(retriever.settings.evidence_tokens, llm.engine.identity)
    budget = min(context_tokens - llm.max_tokens, empty + most)
    evidence: list[Evidence] = []
    dropped = list(retrieval.dropped)
    relevance = partial(retriever.relevance, question)
    fitted = fit(question, sources, llm.get_num_tokens_from_messages, budget, relevance)
    for hit, source in zip(retrieval.hits, fitted, strict=True):
        if source is None:
            reason = "no room in the context"
            dropped.append(Dropped(hit.passage_id, reason, hit.question, hit.score, hit.scores, hit.ranks))
        else:
            start = hit.start + hit.text.index(source.text)
            evidence.append(Evidence(**{**vars(hit), "text": source.text, "start": start}, n=len(evidence) + 1))
    return tuple(evidence), tuple(dropped)


def _snapshot(answer: Answer, verifier: Verifier, written: Written) -> Answer:
    """The answer so far: whole sentences verified, the one being written as it stands.

    What may still become the sentence with which a model declines is held back: it would have to be taken back.
    """
    text, sentences = verifier.verify([draft for draft in written.drafts[:-1] if not is_aside(draft.text)])
    for growing in written.drafts[-1:]:
        if may_be_aside(growing.text):
            continue
        text += (growing.lead if text else growing.lead.lstrip()) + growing.text
    return dataclasses.replace(answer, text=text, sentences=sentences, generated=written.generated)


def _finish(answer: Answer, verifier: Verifier, written: Written) -> Answer:
    """The finished answer: no heading repeated, a refusal recognised, one of a part of the question noted, and no
    sentence without the caveat that follows it in its passage.
    """
    finished = dataclasses.replace(answer, finished=True, generated=written.generated)
    refused = not written.drafts or is_refusal(written.drafts[0].text)
    headings = {key(item.question) for item in answer.evidence}
    said = [draft for draft in written.drafts if not is_aside(draft.text) and key(draft.text) not in headings]
    if refused or not said:
        return dataclasses.replace(finished, text=NOT_FOUND, abstained=True)
    whole = with_caveats(said, answer.evidence)
    text, sentences = verifier.verify(whole)
    partly = any(is_rest(draft.text) for draft in written.drafts)
    notes = (*answer.notes, *[PARTLY] * partly, *[CAVEAT] * (len(whole) > len(said)))
    return dataclasses.replace(finished, text=text, sentences=sentences, notes=notes)
