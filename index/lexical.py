"""BM25 over questions and answers: words as a search of a library's catalogue sees them, and bm25s under it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bm25s
import numpy as np

from core.text.words import terms, words

FILES = ("data.csc.index.npy", "indices.csc.index.npy", "indptr.csc.index.npy", "params.index.json", "vocab.index.json")
"""The files that bm25s writes."""
K1, B = 1.2, 0.75
"""BM25's saturation of repeated terms and its share of length normalisation (Robertson and Zaragoza 2009)."""


@dataclass(frozen=True)
class TermStatistics:
    """What BM25 knows of a whole collection; those of several parts add up to those of all."""

    documents: int
    length: int
    """Terms of all documents, repeats included."""
    holding: dict[str, int]
    """Term -> the number of documents that hold it."""

    @classmethod
    def of(cls, documents: Iterable[str]) -> "TermStatistics":
        count, length = 0, 0
        holding: Counter[str] = Counter()
        for document in documents:
            found = _terms(document)
            count, length = count + 1, length + len(found)
            holding.update(dict.fromkeys(found, 1))
        return cls(count, length, dict(holding))

    @classmethod
    def together(cls, parts: Iterable["TermStatistics"]) -> "TermStatistics":
        count, length = 0, 0
        holding: Counter[str] = Counter()
        for part in parts:
            count, length = count + part.documents, length + part.length
            holding.update(part.holding)
        return cls(count, length, dict(holding))

    def weight(self, term: str) -> float:
        """How telling a term is: its inverse document frequency, largest for one that no document holds."""
        count = self.holding.get(term, 0)
        return float(np.log(1 + (self.documents - count + 0.5) / (count + 0.5)))


class _OfWhole(bm25s.BM25):  # type: ignore[misc]
    """BM25 whose frequencies and mean length are those of a whole of which the documents are a part.

    The override is the one that bm25s offers: its own counts are handed in, in place of being made.
    """

    whole: TermStatistics
    vocabulary: dict[str, int]

    def build_index_from_ids(
        self, unique_token_ids: list[int], corpus_token_ids: list[np.ndarray], **_: object
    ) -> dict[str, Any]:
        from bm25s import scoring

        self.nonoccurrence_array = None
        frequencies = {number: self.whole.holding[term] for term, number in self.vocabulary.items()}
        own = Counter(int(number) for ids in corpus_token_ids for number in np.unique(ids))
        idf = scoring._build_idf_array(
            frequencies, self.whole.documents, scoring._select_idf_scorer(self.idf_method), self.dtype
        )
        values, rows, columns = scoring._build_scores_and_indices_for_matrix(
            corpus_token_ids=corpus_token_ids,
            idf_array=idf,
            avg_doc_len=np.float64(self.whole.length) / self.whole.documents,
            doc_frequencies=own,
            k1=self.k1,
            b=self.b,
            delta=self.delta,
            nonoccurrence_array=None,
            method=self.method,
            dtype=self.dtype,
            int_dtype=self.int_dtype,
            show_progress=False,
        )
        shape = (len(corpus_token_ids), len(unique_token_ids))
        data, indices, indptr = self._np_csc(data=values, rows=rows, cols=columns, shape=shape)
        return {"data": data.astype(self.dtype), "indices": indices, "indptr": indptr, "num_docs": shape[0]}


class LexicalIndex:
    """BM25 in Lucene's form over the documents it was made from, which are known by their row."""

    def __init__(self, model: bm25s.BM25) -> None:
        self._model = model

    @classmethod
    def make(cls, documents: Iterable[str], whole: TermStatistics | None = None) -> "LexicalIndex":
        """Index documents; terms are numbered as they come, so that the same documents give the same bytes.

        Args:
            whole: the statistics of the collection that the documents are a part of; None if they are all. Scores of
                several parts of one whole compare: each is what an index of the whole gives.
        """
        numbers: dict[str, int] = {}
        ids = [
            np.array([numbers.setdefault(term, len(numbers)) for term in _terms(document)], dtype=np.int32)
            for document in documents
        ]
        model = _OfWhole(k1=K1, b=B, method="lucene", csc_backend="numpy")
        model.vocabulary, model.whole = dict(numbers), whole or _statistics(ids, numbers)
        model.index((ids, numbers), create_empty_token=bool(numbers), show_progress=False)
        return cls(model)

    @classmethod
    def load(cls, folder: Path) -> "LexicalIndex":
        """Map what `save` wrote into memory: a search reads its terms' scores alone. The hashes are the caller's."""
        return cls(bm25s.BM25.load(folder, mmap=True))

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

    def best(
        self, query_terms: Sequence[str], depth: int, allowed: np.ndarray | None = None
    ) -> tuple[tuple[int, float], ...]:
        """Row and BM25 of the best documents that hold a term, best first, the lower row first of equals.

        Args:
            allowed: rows to search among; all if None.
        """
        scores = self.scores(query_terms)
        if allowed is not None:
            among = np.zeros_like(scores)
            among[allowed] = scores[allowed]
            scores = among
        found = np.flatnonzero(scores)
        if len(found) > depth:
            least = np.partition(scores[found], len(found) - depth)[len(found) - depth]
            found = found[scores[found] >= least]
        ordered = found[np.lexsort((found, -scores[found]))][:depth]
        return tuple((int(row), float(scores[row])) for row in ordered)

    def weight(self, term: str) -> float:
        """How telling a term is: its inverse document frequency, largest for one that no document holds."""
        row = self._model.vocab_dict.get(term)
        pointers = self._model.scores["indptr"]
        count = 0 if row is None or row + 1 >= len(pointers) else int(pointers[row + 1] - pointers[row])
        return float(np.log(1 + (len(self) - count + 0.5) / (count + 0.5)))

    def knows(self, term: str) -> bool:
        return term in self._model.vocab_dict


def _terms(document: str) -> list[str]:
    return terms(document) or [""]  # bm25s fails on documents of stop words alone; no query has the empty term


def _statistics(ids: Sequence[np.ndarray], numbers: dict[str, int]) -> TermStatistics:
    held = np.zeros(len(numbers), dtype=np.int64)
    for each in ids:
        held[np.unique(each)] += 1
    return TermStatistics(len(ids), sum(map(len, ids)), dict(zip(numbers, held.tolist(), strict=True)))


def vocabulary(texts: Iterable[str], least: int = 2) -> dict[str, int]:
    """The words of three letters or more that stand at least `least` times in the texts, with their counts."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words(text))
    return telling_words(counts, least)


def telling_words(counts: dict[str, int], least: int = 2) -> dict[str, int]:
    """Those of the counted words that `vocabulary` keeps."""
    return {word: count for word, count in counts.items() if count >= least and len(word) > 2 and word.isalpha()}
