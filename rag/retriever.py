"""Question -> hits, as a LangChain retriever over an index folder."""

from dataclasses import dataclass

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import SkipValidation

from core.errors import IndexFolderError, QuestionError
from core.settings import RagSettings
from index.embedding import Embedder
from index.passages import Passage
from index.store import Index
from rag.answer import Dropped, Hit


@dataclass(frozen=True)
class Retrieval:
    """What a search found: the hits that are evidence, best first, and those that are not, each with the reason."""

    question: str
    search_query: str
    hits: tuple[Hit, ...]
    dropped: tuple[Dropped, ...]


class IndexRetriever(BaseRetriever):
    """Dense retrieval: the passages whose vectors have the largest inner product with the question's.

    Raises:
        IndexFolderError: the index was made with another embedder.
    """

    index: SkipValidation[Index]
    embedder: SkipValidation[Embedder]
    settings: RagSettings = RagSettings()

    def model_post_init(self, context: object) -> None:
        made_with = self.index.manifest.embedder
        if made_with != self.embedder.identity:
            raise IndexFolderError(
                f"{self.index.folder} was built with the embedder {made_with}, the settings name "
                f"{self.embedder.identity}; build it again: python -m index.build --index {self.index.folder}"
            )

    def search(self, question: str) -> Retrieval:
        """Find evidence for a question.

        Raises:
            QuestionError: the question is empty or longer than the settings allow.
        """
        query = " ".join(question.split())
        if not any(char.isalnum() for char in query):
            raise QuestionError("the question is empty; type a question in words")
        if len(question) > self.settings.max_question_chars:
            raise QuestionError(
                f"the question has {len(question):,} characters, at most {self.settings.max_question_chars:,} are "
                "searched; shorten it"
            )
        found = self.index.search(self.embedder.embed([query]), self.settings.candidates)[0]
        hits: list[Hit] = []
        dropped: list[Dropped] = []
        seen: dict[str, str] = {}
        for passage, score in found:
            hit = self._hit(passage, score)
            same = seen.setdefault(" ".join(hit.text.casefold().split()), hit.passage_id)
            if same != hit.passage_id:
                reason = f"same text as {same}"
            elif score < self.settings.min_score:
                reason = f"score {score:.2f} is below {self.settings.min_score:.2f}"
            elif len(hits) >= self.settings.k:
                reason = f"beyond the first {self.settings.k}"
            else:
                hits.append(hit)
                continue
            dropped.append(Dropped(hit.passage_id, reason, hit.question, hit.score))
        return Retrieval(question, query, tuple(hits), tuple(dropped))

    def relevance(self, question: str, texts: list[str]) -> list[float]:
        """Cosine similarity of each text to the question."""
        vectors = self.embedder.embed([question, *texts])
        return [float(value) for value in vectors[1:] @ vectors[0]]

    def _hit(self, passage: Passage, score: float) -> Hit:
        record = self.index.records[passage.record_id]
        return Hit(
            passage_id=passage.id,
            record_id=record.id,
            question=record.question,
            text=passage.text,
            source=record.metadata.get("source", ""),
            url=record.metadata.get("url", ""),
            score=score,
            scores={"dense": score},
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
