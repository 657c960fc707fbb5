"""Question -> hits, as a LangChain retriever over an index folder."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import SkipValidation

from core.errors import IndexFolderError, QuestionError
from core.settings import RagSettings
from core.text.plain import plain
from core.text.sentences import sentence_spans
from index.corpus import AND
from index.embedders.base import Embedder, cosines
from index.reader import Index
from rag.answer import Dropped, Hit
from rag.search.answerable import NEAR_ALL, UNCERTAIN, background, probability, signals
from rag.search.query import Query, understand
from rag.search.rerank import Reranker
from rag.search.stages import Candidate, Stages, allowed_questions, duplicate_of, fuse, run_stages, shingles

CLOSEST = 3
"""Questions of the file that are offered where it holds no answer."""


@dataclass(frozen=True)
class Retrieval:
    """The result of a search: the hits that are evidence, best first, and the dropped ones, each with the reason."""

    question: str
    query: Query
    hits: tuple[Hit, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    answerable: float = 1.0
    """Probability that the file holds an answer."""
    bar: float | None = None
    """Probability from which the search trusts that it does; None for an index where that was never fitted."""
    abstain: bool = False
    closest: tuple[str, ...] = ()
    """The questions of the file that are nearest, where it is to abstain."""

    @property
    def search_query(self) -> str:
        return self.query.searched

    def sure(self, least: float = 0.0) -> bool:
        """Whether the search trusts that the file holds an answer: its own bar is reached, and `least` too."""
        return self.bar is not None and self.answerable >= max(self.bar, least)


@dataclass(frozen=True)
class SearchResult:
    """A search before anything is dropped; what the evaluation looks at."""

    query: Query
    stages: Stages
    candidates: tuple[Candidate, ...]
    signals: np.ndarray = field(repr=False)
    background: float = 0.0
    """Cosine of the question to the file's questions at large; 0 in a search by words."""


class IndexRetriever(BaseRetriever):
    """Staged search: dense over headed passages and over questions, BM25, fused; reranked where a reranker is named.

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
    reranker: SkipValidation[Reranker] | None = None
    dictionary: SkipValidation[frozenset[str]] = frozenset()
    """Words that are no mistakes, though the file may not hold them."""
    settings: RagSettings = RagSettings()

    def model_post_init(self, context: object) -> None:
        made_with, folder = self.index.manifest, self.index.folder
        embedder = self.of_passages.identity
        if made_with.embedder != embedder:
            raise IndexFolderError(
                f"{folder} was built with the embedder {made_with.embedder}, the settings name "
                f"{embedder}; build it again: citewell build --index {folder}"
            )
        if made_with.adapter != self.adapter:
            raise IndexFolderError(
                f"{folder} was built for the adapter {made_with.adapter or 'none'}, the settings name "
                f"{self.adapter or 'none'}; build it again: citewell build --index {folder}"
            )
        _ = self.index.topics  # read now, nearly a second over 16 k questions, and not while the first one waits

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
        correct: bool = True,
    ) -> Retrieval:
        """Find evidence for a question.

        Args:
            history: what was asked before in this conversation, oldest first.
            filters: column -> value that the records must have, such as {"source": "NIDDK"}.
            correct: correct spelling mistakes where the settings say so.

        Raises:
            QuestionError: the question is empty or longer than the settings allow, or no record passes the filters.
        """
        question = plain(question)
        query = self.read(question, history, correct=correct)
        if query.reply:
            return Retrieval(question, query)
        found = self.find(query, filters)
        answerability = self.index.answerability
        answerable = probability(answerability, found.signals)
        if found.background >= NEAR_ALL:
            answerable = min(answerable, UNCERTAIN)
        bar = answerability.threshold if answerability.signals else None
        candidates = found.candidates[: self.settings.candidates]
        if self.settings.abstain and answerable < answerability.threshold:
            reason = f"the file is unlikely to hold an answer ({answerable:.0%} sure, at least "
            reason += f"{answerability.threshold:.0%} are asked)"
            dropped = tuple(Dropped(self._hit(candidate), reason) for candidate in candidates)
            return Retrieval(question, query, (), dropped, answerable, bar, abstain=True, closest=_closest(dropped))
        hits, dropped = self._chosen([self._hit(candidate) for candidate in candidates], query)
        return Retrieval(question, query, hits, dropped, answerable, bar, closest=() if hits else _closest(dropped))

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
        allowed = allowed_questions(self.index, filters or {})
        if allowed is not None and not len(allowed):
            wanted = ", ".join(f"{name} = {value}" for name, value in (filters or {}).items())
            raise QuestionError(f"no record of {self.index.manifest.csv} has {wanted}; leave the filter out")
        by_words = not self.index.embedded
        vector = np.zeros(self.embedder.dimension) if by_words else self.embedder.embed([query.searched])[0]
        stages = run_stages(self.index, query, vector, allowed)
        candidates = fuse(self.index, stages, vector, self.index.ranking, query)
        at_large = 0.0 if by_words else background(self.index, vector)
        return SearchResult(query, stages, tuple(candidates), signals(self.index, query, stages, candidates), at_large)

    def relevance(self, question: str, texts: list[str]) -> list[float]:
        """Cosine similarity of each text to the question."""
        return cosines(self.of_passages, question, texts)

    def sentence_relevance(self, question: str, text: str) -> list[float]:
        """Cosine similarity to the question of each sentence of a text (`core.text.sentences.sentence_spans`)."""
        spans = sentence_spans(text)
        return self.relevance(question, [text[start:end] for start, end in spans]) if spans else []

    def _chosen(self, hits: list[Hit], query: Query) -> tuple[tuple[Hit, ...], tuple[Dropped, ...]]:
        """The first k hits that are no duplicates and not too weak, reranked where there is a reranker."""
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
            else:
                different.append(hit)
                texts.append(text)
        if self.reranker is not None:
            different = self.reranker.rerank(query.searched, different, self.settings, time.perf_counter())
        chosen, rest = different[: self.settings.k], different[self.settings.k :]
        dropped.extend(Dropped(hit, f"beyond the first {self.settings.k}") for hit in rest)
        return tuple(chosen), tuple(dropped)

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


def _closest(dropped: Sequence[Dropped]) -> tuple[str, ...]:
    """The questions of the file that are nearest to one that it does not answer."""
    return tuple(dict.fromkeys(each.hit.question for each in dropped))[:CLOSEST]
