"""BM25 over questions and answers: words as a search of a library's catalogue sees them, and bm25s under it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import bm25s
import numpy as np

from core.text.words import terms, words

FILES = ("data.csc.index.npy", "indices.csc.index.npy", "indptr.csc.index.npy", "params.index.json", "vocab.index.json")
"""The files that bm25s writes."""
K1, B = 1.2, 0.75
"""BM25's saturation of repeated terms and its share of length normalisation (Robertson and Zaragoza 2009)."""


class LexicalIndex:
    """BM25 in Lucene's form over the documents it was made from, which are known by their row."""

    def __init__(self, model: bm25s.BM25) -> None:
        self._model = model
        self._counts = np.diff(model.scores["indptr"])  # the number of documents that hold each term

    @classmethod
    def make(cls, documents: Iterable[str]) -> "LexicalIndex":
        model = bm25s.BM25(k1=K1, b=B, method="lucene")
        # bm25s fails on documents of stop words alone; no query has the empty term.
        model.index([terms(document) or [""] for document in documents], show_progress=False)
        return cls(model)

    @classmethod
    def load(cls, folder: Path) -> "LexicalIndex":
        """Load what `save` wrote; the files' hashes are the caller's to check."""
        return cls(bm25s.BM25.load(folder))

    def save(self, folder: Path) -> None:
        self._model.save(folder, show_progress=False)

    def __len__(self) -> int:
        return int(self._model.scores["num_docs"])

    def scores(self, query_terms: Sequence[str]) -> np.ndarray:
        """BM25 of every document, shape (documents,); a term that no document holds counts nothing."""
        known = [self._model.vocab_dict[term] for term in query_terms if term in self._model.vocab_dict]
        if not known:
            return np.zeros(len(self), dtype=np.float32)
        return self._model.get_scores_from_ids(known)

    def weight(self, term: str) -> float:
        """How telling a term is: its inverse document frequency, largest for one that no document holds."""
        row = self._model.vocab_dict.get(term)
        count = 0 if row is None or row >= len(self._counts) else int(self._counts[row])
        return float(np.log(1 + (len(self) - count + 0.5) / (count + 0.5)))

    def knows(self, term: str) -> bool:
        return term in self._model.vocab_dict


def vocabulary(texts: Iterable[str], least: int = 2) -> dict[str, int]:
    """The words of three letters or more that stand at least `least` times in the texts, with their counts."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words(text))
    return {word: count for word, count in counts.items() if count >= least and len(word) > 2 and word.isalpha()}
