"""Another LangChain vector store in the place of the dense stage: it finds the rows, and the index scores them exactly.

The store holds numbers of rows with their vectors, and no word of the file. Whatever it computes scores by, what the
search sees are the cosines of the index's own vectors; so a store that finds every neighbour changes no answer.
"""

import numpy as np
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from core.errors import IndexFolderError
from core.progress import bar
from index.vectors import Vectors, best_first

_AT_ONCE = 1000
"""Vectors that are handed to a store at once."""


class RowEmbeddings(Embeddings):
    """Stands where a store expects an embedder: the text of a row has the vector that the index keeps for it."""

    def __init__(self, vectors: Vectors, made_of: str) -> None:
        """`made_of` tells the vectors from those of another build, as `index.builds.content_hash` does."""
        self.vectors, self._made_of = vectors, made_of[:16]

    def text(self, row: int) -> str:
        """What a store keeps of a row."""
        return f"{self._made_of}-{row}"

    def row(self, text: str) -> int:
        """The row of a text; raises IndexFolderError where it is of other vectors."""
        made_of, _, row = text.rpartition("-")
        if made_of != self._made_of or not row.isdecimal() or int(row) >= self.vectors.ntotal:
            raise IndexFolderError(
                f"the vector store holds {text!r}, which is no row of this build ({self._made_of}); empty it and fill "
                "it from this one (rag.search.other_store.fill)"
            )
        return int(row)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.vectors.reconstruct_batch(np.array([self.row(text) for text in texts], dtype=np.int64)).tolist()

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def fill(store: VectorStore, rows: RowEmbeddings) -> None:
    """Put every row into a store whose embedder is `rows`."""
    count = rows.vectors.ntotal
    with bar("filling the vector store", count, " vectors") as progress:
        for begin in range(0, count, _AT_ONCE):
            texts = [rows.text(row) for row in range(begin, min(begin + _AT_ONCE, count))]
            store.add_texts(texts, ids=texts)
            progress.update(len(texts))


class StoreVectors:
    """The vectors of an index (`index.vectors.Vectors`), found by a store that was filled with them."""

    def __init__(self, store: VectorStore, rows: RowEmbeddings) -> None:
        self._store, self._rows = store, rows
        self.ntotal, self.d = rows.vectors.ntotal, rows.vectors.d

    def nearest(self, query: np.ndarray, k: int, rows: np.ndarray | None = None) -> tuple[tuple[int, float], ...]:
        """As of any vectors; among given rows the index searches by itself, as stores filter by metadata alone.

        Raises:
            IndexFolderError: the store was filled from another build.
        """
        if rows is not None:
            return self._rows.vectors.nearest(query, k, rows)
        documents = self._store.similarity_search_by_vector(query.tolist(), k=min(2 * k, self.ntotal))
        found = np.array(sorted({self._rows.row(each.page_content) for each in documents}), dtype=np.int64)
        return best_first(found, self.reconstruct_batch(found) @ query.astype(np.float32), k)

    def reconstruct_batch(self, rows: np.ndarray) -> np.ndarray:
        return self._rows.vectors.reconstruct_batch(rows)
