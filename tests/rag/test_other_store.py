"""Another vector store in the place of the dense stage: LangChain's in memory, and Milvus as the documents show it."""

import dataclasses
import re
from pathlib import Path

import pytest
from langchain_core.vectorstores import InMemoryVectorStore

from core.errors import IndexFolderError
from core.settings import IndexSettings, Settings
from index.builds import content_hash
from index.vectors import Vectors
from rag.opening import open_retriever
from rag.search.other_store import RowEmbeddings, StoreVectors, fill
from rag.search.results import Retrieval
from rag.search.retriever import IndexRetriever
from tests.conftest import ROOT, index_rows
from tests.fakes import WordEmbedder

QUESTIONS = ("What causes acne?", "how long does a cough last", "vaccine against measles")


@pytest.fixture
def retriever(small_index: IndexSettings) -> IndexRetriever:
    return open_retriever(Settings(index=small_index))


def filled(vectors: Vectors, made_of: str) -> StoreVectors:
    rows = RowEmbeddings(vectors, made_of)
    store = InMemoryVectorStore(rows)
    fill(store, rows)
    return StoreVectors(store, rows)


def evidence(found: Retrieval) -> list[object]:
    """What a search found and dropped, with its scores to five digits."""
    hits = [*found.hits, *(each.hit for each in found.dropped)]
    return [(hit.passage_id, hit.ranks, {name: round(value, 5) for name, value in hit.scores.items()}) for hit in hits]


def test_a_search_over_another_store_is_that_over_the_index(
    retriever: IndexRetriever, small_index: IndexSettings
) -> None:
    index = retriever.index
    replaced = dataclasses.replace(
        index,
        vectors=filled(index.vectors, content_hash(index.manifest)),
        question_vectors=filled(index.question_vectors, content_hash(index.manifest)),
    )
    over_store = open_retriever(Settings(index=small_index), index=replaced)
    for question in QUESTIONS:
        for filters in (None, {"source": "skin"}):
            found = over_store.search(question, filters=filters)
            assert evidence(found) == evidence(retriever.search(question, filters=filters))
            assert found.answerable == pytest.approx(retriever.search(question, filters=filters).answerable)


def test_the_store_holds_no_word_of_the_file(retriever: IndexRetriever) -> None:
    rows = RowEmbeddings(retriever.index.vectors, "0123456789abcdef0123")
    store = InMemoryVectorStore(rows)
    fill(store, rows)
    assert {row["text"] for row in store.store.values()} == {
        f"0123456789abcdef-{row}" for row in range(retriever.index.vectors.ntotal)
    }


def test_a_store_that_was_filled_from_another_build_is_refused(
    retriever: IndexRetriever, tmp_path: Path, word_embedder: WordEmbedder
) -> None:
    (tmp_path / "other").mkdir()
    other = index_rows(tmp_path / "other", [("What is asthma?", "Asthma narrows the airways. It makes people cough.")])
    assert content_hash(other.manifest) != content_hash(retriever.index.manifest)
    of_other = filled(other.vectors, content_hash(other.manifest))
    rows = RowEmbeddings(retriever.index.vectors, content_hash(retriever.index.manifest))
    with pytest.raises(IndexFolderError, match="no row of this build .* fill it from this one"):
        StoreVectors(of_other._store, rows).nearest(word_embedder.embed(["asthma"])[0], 3)


def test_the_example_with_milvus_finds_what_the_index_finds(
    retriever: IndexRetriever, small_index: IndexSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("langchain_milvus")
    pytest.importorskip("milvus_lite")
    text = (ROOT / "docs/langchain.md").read_text(encoding="utf-8")
    (example,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "Milvus(" in block]
    names: dict[str, object] = {}
    monkeypatch.chdir(tmp_path)
    exec(example.replace("artifacts/index", small_index.dir), names)
    over_milvus = names["retriever"]
    assert isinstance(over_milvus, IndexRetriever)
    assert isinstance(over_milvus.index.vectors, StoreVectors)
    try:
        for question in QUESTIONS:
            assert evidence(over_milvus.search(question)) == evidence(retriever.search(question))
    finally:
        names["store"].client.close()  # type: ignore[attr-defined]


def test_the_example_of_the_vector_store_runs(
    small_index: IndexSettings, word_embedder: WordEmbedder, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs/langchain.md").read_text(encoding="utf-8")
    (example,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "open_vector_store" in block]
    exec(example.replace("artifacts/index", small_index.dir).replace("NIDDK", "joints"), {})
    assert "What is gout?: Gout is a form of arthritis." in capsys.readouterr().out
