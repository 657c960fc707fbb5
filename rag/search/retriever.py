"""Question -> hits, as a LangChain retriever over an index folder."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import SkipValidation

from core.errors import IndexFolderError, QuestionError
from core.settings import RagSettings
from core.text.plain import plain
from core.text.sentence_kinds import is_pointer, says_to_get_help
from core.text.sentences import sentence_spans
from index.corpus import AND
from index.embedders.base import Embedder, cosines
from index.ranking import NEVER_FITTED, Answerability
from index.reader import Index
from rag.answer import Dropped, Hit
from rag.reader.base import Reader
from rag.reader.decision import signals as decision_signals
from rag.reader.reading import near_the_first, read
from rag.search.answerable import NEAR_ALL, UNCERTAIN, background, probability, signals
from rag.search.names import another_of_its_kind, missing_names
from rag.search.query import Query, understand
from rag.search.results import ReadThrough, Retrieval, SearchResult
from rag.search.stages import Candidate, Stages, allowed_questions, duplicate_of, fuse, run_stages, shingles

NO_HELP = "it does not say to get help at once"
"""Why a passage is dropped where the question reads like an emergency."""
CALL_WORDS = 20
"""Most words of a message that is a call for help and nothing else. A notice stands above 33 of the 120 answerable
questions that people sent (test half of `data/dev/people.jsonl`); nearly all are long stories about something else."""
CLOSEST = 3
"""Questions and passages of the file that are offered where it holds no answer."""


class IndexRetriever(BaseRetriever):
    """Staged search: dense over headed passages and over questions, BM25, fused; a reader orders what was found and
    decides whether it answers.

    Raises:
        IndexFolderError: the index was made with another embedder or another adapter.
    """

    index: SkipValidation[Index]
    embedder: SkipValidation[Embedder]
    """The embedder of questions."""
    passage_embedder: SkipValidation[Embedder] | None = None
    """The embedder of passages; None if it is the same."""
    adapter: str = ""
    """Identity of the adapter that `embedder` carries."""
    reader: SkipValidation[Reader] | None = None
    decision: SkipValidation[Answerability] = NEVER_FITTED
    """When to answer by the reader's readings; of one that was never fitted, the search decides by its own signals."""
    dictionary: SkipValidation[frozenset[str]] = frozenset()
    """Words that are no mistakes, though the file may not hold them."""
    settings: RagSettings = RagSettings()

    def model_post_init(self, context: object) -> None:
        check_made_with(self.index, self.of_passages, self.adapter)
        _ = self.index.language  # of an index from before it was kept: told now, and not while the first one waits

    @property
    def of_passages(self) -> Embedder:
        """The embedder that the index's vectors are of."""
        return self.passage_embedder or self.embedder

    def search(
        self,
        question: str,
        history: Sequence[str] = (),
        filters: Mapping[str, str] | None = None,
        *,
        urgent: bool = False,
    ) -> Retrieval:
        """Find evidence for a question.

        Args:
            history: what was asked before in this conversation, oldest first.
            filters: column -> value that the records must have, such as {"source": "NIDDK"}.
            urgent: the question reads like an emergency. Nothing in it is corrected, and one that is short is answered
                only by passages that say to get help at once: another illness with the same signs would read as what
                to do.

        Raises:
            QuestionError: the question is empty or longer than the settings allow, or no record passes the filters.
        """
        question = plain(question)
        query = self.read(question, history, correct=not urgent)
        if query.reply:
            return Retrieval(question, query)
        found = self.read_through(query, filters)
        reason = ""
        if found.answerable < found.bar:
            reason = f"the file is unlikely to hold an answer ({found.answerable:.0%} sure, {found.bar:.0%} are asked)"
        elif urgent and len(question.split()) <= CALL_WORDS:
            helping = _with_help(found)
            found, reason = (helping, "") if helping.hits else (found, NO_HELP)
        if self.settings.abstain and reason:
            dropped = (*(Dropped(hit, reason) for hit in found.hits), *found.dropped)
            near = found.hits[:CLOSEST]
            return Retrieval(
                question,
                query,
                dropped=dropped[len(near) :],
                answerable=found.answerable,
                abstain=True,
                closest=_closest(dropped),
                nearest=near,
                readings=found.readings,
            )
        best, rest = found.hits[: self.settings.k], found.hits[self.settings.k :]
        hits = tuple(near_the_first(best, found.readings) if found.decided else best)
        dropped = (
            *(Dropped(hit, "it answers less well than the first") for hit in best if hit not in hits),
            *(Dropped(hit, f"beyond the first {self.settings.k}") for hit in rest),
            *found.dropped,
        )
        closest = () if hits else _closest(dropped)
        return Retrieval(
            question,
            query,
            hits,
            dropped,
            found.answerable,
            closest=closest,
            readings=found.readings,
            missing=self._missing(query, hits),
        )

    def read_through(self, query: Query, filters: Mapping[str, str] | None = None) -> ReadThrough:
        """What the search finds for a query, read by the reader where there is one; raises as `find` does."""
        found = self.find(query, filters)
        candidates = [self._hit(each) for each in found.candidates[: self.settings.candidates]]
        hits, dropped = self._usable(candidates, query.searched)
        answerable, bar = self._by_search(found)
        if self.reader is None or found.background >= NEAR_ALL:  # nor does the reader know such a language
            return ReadThrough(tuple(hits), tuple(dropped), answerable, bar)
        best, rest = read(self.reader, query.searched, hits, self.settings.read)
        hits = [*(each.hit for each in best), *rest]
        missing = len(self._missing(query, hits[: self.settings.k]))
        values = decision_signals(self.index, query, hits, [each.reading for each in best], answerable, missing)
        decides = bool(self.decision.signals) and self.index.embedded
        if decides:
            answerable, bar = probability(self.decision, values), self.decision.threshold
        readings = {each.hit.passage_id: each.reading for each in best}
        return ReadThrough(tuple(hits), tuple(dropped), answerable, bar, readings, values, decides)

    def _missing(self, query: Query, hits: Sequence[Hit]) -> tuple[str, ...]:
        return missing_names(query.searched, (f"{hit.question} {hit.text}" for hit in hits), self.dictionary)

    def _by_search(self, found: SearchResult) -> tuple[float, float]:
        """The search's own probability that the file holds an answer, and the one from which to answer by it."""
        answerability = self.index.answerability
        answerable = probability(answerability, found.signals)
        if found.background >= NEAR_ALL:
            answerable = min(answerable, UNCERTAIN)
        return answerable, answerability.threshold

    def read(self, question: str, history: Sequence[str] = (), *, correct: bool = True) -> Query:
        """Check and understand a question; raises QuestionError as `search` does."""
        if not any(char.isalnum() for char in question):
            raise QuestionError("the question is empty; type a question in words")
        if len(question) > self.settings.max_question_chars:
            raise QuestionError(
                f"the question has {len(question):,} characters, at most {self.settings.max_question_chars:,} are "
                "searched; shorten it"
            )
        corrects = correct and self.settings.correct_spelling
        return understand(question, self.index, history, correct=corrects, dictionary=self.dictionary)

    def find(self, query: Query, filters: Mapping[str, str] | None = None) -> SearchResult:
        """All stages and their fusion; nothing is dropped yet."""
        by_words = not self.index.embedded
        vector = np.zeros(self.embedder.dimension) if by_words else self.embedder.embed([query.searched])[0]
        stages = self._run_stages(query, vector, filters or {})
        candidates = fuse(self.index, stages, vector, self.index.ranking, query)
        at_large = 0.0 if by_words else background(self.index, vector)
        return SearchResult(query, stages, tuple(candidates), signals(self.index, query, stages, candidates), at_large)

    def _run_stages(self, query: Query, vector: np.ndarray, filters: Mapping[str, str]) -> Stages:
        allowed = allowed_questions(self.index, filters)
        if allowed is not None and not len(allowed):
            raise self._nothing_allowed(filters)
        return run_stages(self.index, query, vector, allowed)

    def _nothing_allowed(self, filters: Mapping[str, str]) -> QuestionError:
        wanted = ", ".join(f"{name} = {value}" for name, value in filters.items())
        return QuestionError(f"no record of {self.index.manifest.csv} has {wanted}; leave the filter out")

    def relevance(self, question: str, texts: list[str]) -> list[float]:
        """Cosine similarity of each text to the question."""
        return cosines(self.of_passages, question, texts)

    def sentence_relevance(self, question: str, text: str) -> list[float]:
        """Cosine similarity to the question of each sentence of a text (`core.text.sentences.sentence_spans`)."""
        spans = sentence_spans(text)
        return self.relevance(question, [text[start:end] for start, end in spans]) if spans else []

    def _usable(self, hits: list[Hit], question: str) -> tuple[list[Hit], list[Dropped]]:
        """The hits that are no duplicates, not too weak, not of another of what was asked about, and more than a hint
        where to read.
        """
        dropped: list[Dropped] = []
        different: list[Hit] = []
        texts: list[frozenset[tuple[str, ...]]] = []
        for hit in hits:
            text = shingles(hit.text)
            if (same := duplicate_of(text, texts)) is not None:
                dropped.append(Dropped(hit, f"same text as {different[same].passage_id}"))
            elif hit.scores.get("headed", 1.0) < self.settings.min_score:
                cosine = f"{hit.scores['headed']:.2f}"
                dropped.append(Dropped(hit, f"similarity {cosine} is below {self.settings.min_score:.2f}"))
            elif other := another_of_its_kind(question, hit.question):
                dropped.append(Dropped(hit, f"it is about another one: {other}"))
            elif all(is_pointer(hit.text[start:end]) for start, end in sentence_spans(hit.text)):
                dropped.append(Dropped(hit, "it only says where to find more"))
            else:
                different.append(hit)
                texts.append(text)
        return different, dropped

    def _hit(self, candidate: Candidate) -> Hit:
        passage = self.index.passages[candidate.passage_row]
        record, question = self.index.questions[candidate.question_row]
        columns = dict(record.of(question))
        return Hit(
            passage_id=passage.id,
            record_id=record.id,
            question=question,
            text=passage.text,
            source=columns.pop("source", ""),
            url=columns.pop("url", "").split(AND)[0],
            score=candidate.fused,
            scores=candidate.scores,
            ranks=candidate.ranks,
            start=passage.start,
            columns=columns,
        )

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [
            Document(
                id=hit.passage_id,
                page_content=hit.text,
                metadata={
                    "record_id": hit.record_id,
                    "question": hit.question,
                    "source": hit.source,
                    "url": hit.url,
                    "score": hit.score,
                },
            )
            for hit in self.search(query).hits
        ]


def check_made_with(index: Index, passages: Embedder, adapter: str) -> None:
    """Check that an index was made with this embedder, for questions with this adapter (empty for none).

    Raises:
        IndexFolderError: it was made with another one.
    """
    made_with, folder = index.manifest, index.folder
    if made_with.embedder != passages.identity:
        raise IndexFolderError(
            f"{folder} was built with the embedder {made_with.embedder}, the settings name "
            f"{passages.identity}; build it again: citewell build --index {folder}"
        )
    if made_with.adapter != adapter:
        raise IndexFolderError(
            f"{folder} was built for the adapter {made_with.adapter or 'none'}, the settings name "
            f"{adapter or 'none'}; build it again: citewell build --index {folder}"
        )


def _with_help(found: ReadThrough) -> ReadThrough:
    """What was found, with only those hits that say to get help at once."""
    helping = tuple(hit for hit in found.hits if says_to_get_help(f"{hit.question}\n{hit.text}"))
    others = tuple(Dropped(hit, NO_HELP) for hit in found.hits if hit not in helping)
    return dataclasses.replace(found, hits=helping, dropped=(*others, *found.dropped))


def _closest(dropped: Sequence[Dropped]) -> tuple[str, ...]:
    """The questions of the file that are nearest to one that it does not answer."""
    return tuple(dict.fromkeys(each.hit.question for each in dropped))[:CLOSEST]
