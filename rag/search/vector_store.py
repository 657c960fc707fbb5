"""The index as a LangChain vector store: dense search over its passages, for chains that others write.

What is added lives in the store's memory, and what is deleted is hidden there; the index folder is never changed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from core.errors import IndexFolderError
from index.embedders.base import Embedder
from index.passages import Passage
from index.published import how_to_build
from index.reader import Index
from rag.search.stages import allowed_questions, have_values, vector_rows_under

Decides = Callable[[Document], bool]
Filter = Mapping[str, str] | Decides
"""Columns with the values that they must have, as `citewell ask` takes them; or what decides about a document."""
Found = tuple[Document, float, list[float]]
"""A document, its cosine to the query, and its vector."""
_WIDER = 4
"""A search that found too few, as some were hidden or the same, is done again for so many times as many."""


class IndexEmbeddings(Embeddings):
    """The embedders of an index in LangChain's form."""

    def __init__(self, passages: Embedder, questions: Embedder | None = None) -> None:
        """`questions` is the embedder of questions, where it is another one: it may carry an adapter."""
        self._passages, self._questions = passages, questions or passages

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._passages.embed(texts).tolist() if texts else []

    def embed_query(self, text: str) -> list[float]:
        return self._questions.embed([text])[0].tolist()


class IndexVectorStore(VectorStore):
    """The passages of an index, and documents that were added to them. Scores are cosines: 1 is the same direction.

    A document of the index is a passage under the question of its record that is nearest; its metadata have the record,
    the question, the place in the answer, and the columns of the file.
    """

    def __init__(self, embeddings: Embeddings, index: Index | None = None) -> None:
        """A store over an opened index (`rag.opening.open_vector_store` opens one), or an empty one.

        Args:
            embeddings: those that the index was made with.

        Raises:
            IndexFolderError: the index has no vectors yet.
        """
        if index is not None and not index.embedded:
            raise IndexFolderError(f"{index.folder} has no vectors yet; {how_to_build(index.folder)}")
        self._index = index
        self._added = InMemoryVectorStore(embeddings)
        self._hidden: set[str] = set()
        """Passages of the index that were deleted, or replaced by an added document with their id."""

    @property
    def embeddings(self) -> Embeddings:
        return self._added.embedding

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> Self:
        """A store of these texts alone, in memory; `citewell build` makes an index that stays."""
        store = cls(embedding)
        store.add_texts(texts, metadatas, ids=ids, **kwargs)
        return store

    def add_documents(self, documents: list[Document], ids: list[str] | None = None, **kwargs: Any) -> list[str]:
        """Add documents in memory; one whose id there is already takes its place. Returns their ids."""
        added = self._added.add_documents(documents, ids=ids, **kwargs)
        self._hidden.update(added)
        return added

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> None:
        """Remove these documents, or all if None, from this store; ids that there are not are passed over."""
        if ids is None:
            self._index = None
            ids = list(self._added.store)
        self._added.delete(ids)
        self._hidden.update(ids)

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents of these ids, in this order; a passage under the first question of its record."""
        found = {str(document.id): document for document in self._added.get_by_ids(ids)}
        if (index := self._index) is not None:
            for id_ in ids:
                if id_ not in self._hidden and (passage := index.by_id.get(id_)):
                    found[id_] = _document(index, passage, index.first_question(passage.record_id))
        return [found[id_] for id_ in dict.fromkeys(ids) if id_ in found]

    def similarity_search(
        self,
        query: str,
        k: int = 4,
        filter: Filter | None = None,  # noqa: A002 - LangChain's name
        **kwargs: Any,
    ) -> list[Document]:
        return self.similarity_search_by_vector(self.embeddings.embed_query(query), k, filter)

    def similarity_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        filter: Filter | None = None,  # noqa: A002
        **kwargs: Any,
    ) -> list[Document]:
        return [document for document, _, _ in self._nearest(embedding, k, filter)]

    def similarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        filter: Filter | None = None,  # noqa: A002
        **kwargs: Any,
    ) -> list[tuple[Document, float]]:
        """The k nearest documents with their cosines, best first."""
        return self.similarity_search_with_score_by_vector(self.embeddings.embed_query(query), k, filter)

    def similarity_search_with_score_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        filter: Filter | None = None,  # noqa: A002
        **kwargs: Any,
    ) -> list[tuple[Document, float]]:
        """The k documents nearest to a vector with their cosines, best first."""
        return [(document, cosine) for document, cosine, _ in self._nearest(embedding, k, filter)]

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Filter | None = None,  # noqa: A002
        **kwargs: Any,
    ) -> list[Document]:
        embedding = self.embeddings.embed_query(query)
        return self.max_marginal_relevance_search_by_vector(embedding, k, fetch_k, lambda_mult, filter)

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Filter | None = None,  # noqa: A002
        **kwargs: Any,
    ) -> list[Document]:
        """Of the `fetch_k` nearest documents k that are near and differ (Carbonell and Goldstein 1998)."""
        found = self._nearest(embedding, fetch_k, filter)
        vectors = [vector for _, _, vector in found]
        chosen = maximal_marginal_relevance(np.array(embedding, dtype=np.float32), vectors, lambda_mult, k)
        return [found[at][0] for at in chosen]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return lambda cosine: min(max(cosine, 0.0), 1.0)

    def _nearest(self, embedding: Sequence[float], k: int, wanted: Filter | None) -> list[Found]:
        """The k nearest documents, best first."""
        added = self._added.similarity_search_with_score_by_vector(list(embedding), k, _decides(wanted))
        found = [(each, cosine, self._added.store[str(each.id)]["vector"]) for each, cosine in added]
        if self._index is not None:
            found += self._nearest_passages(self._index, embedding, k, wanted)
        return sorted(found, key=lambda each: -each[1])[:k]

    def _nearest_passages(self, index: Index, embedding: Sequence[float], k: int, wanted: Filter | None) -> list[Found]:
        """The k nearest passages of the index that are not hidden, each once."""
        if len(embedding) != index.manifest.dimension:
            raise IndexFolderError(
                f"the query's vector has {len(embedding)} dimensions, those of {index.folder} have "
                f"{index.manifest.dimension}; give the store the embedder {index.manifest.embedder}"
            )
        query = np.asarray(embedding, dtype=np.float32)
        query /= max(float(np.linalg.norm(query)), 1e-9)
        decides: Decides | None = wanted if callable(wanted) else None
        rows = None if callable(wanted) else _rows(index, wanted)
        there_are = index.vectors.ntotal if rows is None else len(rows)
        asked = min(_WIDER * k, there_are)
        while True:
            nearest = index.vectors.nearest(query, asked, rows)
            kept = self._usable(index, nearest, decides)
            if len(kept) >= k or asked == there_are:
                break
            asked = min(_WIDER * asked, there_are)
        best = list(kept.values())[:k]
        vectors = index.vectors.reconstruct_batch(np.array([row for _, _, row in best], dtype=np.int64))
        return [
            (document, cosine, vector) for (document, cosine, _), vector in zip(best, vectors.tolist(), strict=True)
        ]

    def _usable(
        self, index: Index, nearest: Sequence[tuple[int, float]], decides: Decides | None
    ) -> dict[str, tuple[Document, float, int]]:
        """Document, cosine and vector row of each passage among the nearest that is not hidden, by its id."""
        heads = index.layout.heads(np.array([row for row, _ in nearest], dtype=np.int64)).tolist()
        kept: dict[str, tuple[Document, float, int]] = {}
        for (row, cosine), (passage_row, question_row) in zip(nearest, heads, strict=True):
            passage = index.passages[passage_row]
            if passage.id not in self._hidden and passage.id not in kept:
                document = _document(index, passage, question_row)
                if decides is None or decides(document):
                    kept[passage.id] = document, cosine, row
        return kept


def _decides(wanted: Filter | None) -> Decides | None:
    """A filter as a function of a document."""
    if wanted is None or callable(wanted):
        return wanted
    return lambda document: have_values({name: str(value) for name, value in document.metadata.items()}, wanted)


def _rows(index: Index, wanted: Mapping[str, str] | None) -> np.ndarray | None:
    """The vector rows of the records that have these values; None stands for all."""
    return vector_rows_under(index, allowed_questions(index, wanted or {}))


def _document(index: Index, passage: Passage, question_row: int) -> Document:
    """A passage under a question of its record."""
    record, question = index.questions[question_row]
    place = {"record_id": record.id, "question": question, "start": passage.start, "end": passage.end}
    return Document(id=passage.id, page_content=passage.text, metadata={**record.of(question), **place})
