"""The index as a LangChain vector store, by LangChain's own suite and by what CiteWell adds."""

from pathlib import Path

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_tests.integration_tests.vectorstores import VectorStoreIntegrationTests

from core.errors import IndexFolderError
from core.settings import IndexSettings, Settings
from index.opening import open_index
from index.sharded.build import InThisProcess, build_shards
from rag.opening import open_vector_store
from rag.search.retriever import IndexRetriever
from rag.search.vector_store import IndexEmbeddings, IndexVectorStore
from tests.fakes import WordEmbedder


@pytest.fixture
def store(small_index: IndexSettings) -> IndexVectorStore:
    return open_vector_store(Settings(index=small_index))


class TestStoreOfTexts(VectorStoreIntegrationTests):
    """LangChain's suite over a store that has no index."""

    @pytest.fixture
    def vectorstore(self) -> IndexVectorStore:
        return IndexVectorStore.from_texts([], self.get_embeddings())


class TestStoreOverAnIndex(VectorStoreIntegrationTests):
    """LangChain's suite over an index of four records, each passage of which was deleted: the suite begins empty."""

    @pytest.fixture
    def vectorstore(self, store: IndexVectorStore) -> IndexVectorStore:
        store.delete([str(document.id) for document in store.similarity_search("what", k=1000)])
        return store


def test_a_search_finds_each_passage_once_with_its_cosine_and_its_columns(
    store: IndexVectorStore, small_index: IndexSettings, word_embedder: WordEmbedder
) -> None:
    index = open_index(Path(small_index.dir))
    found = store.similarity_search_with_score("What causes acne?", k=50)
    assert sorted(str(document.id) for document, _ in found) == sorted(index.by_id)
    (best, cosine), *rest = found
    assert (best.metadata["question"], best.metadata["source"]) == ("What causes acne?", "skin")
    answer = index.records[best.metadata["record_id"]].answer
    assert answer[best.metadata["start"] : best.metadata["end"]] == best.page_content
    expected = index.search(word_embedder.embed(["What causes acne?"]), 1)[0][0]
    assert best.id == expected[0].id
    assert cosine == pytest.approx(expected[1], abs=1e-6)
    assert [cosine, *(score for _, score in rest)] == sorted((score for _, score in found), reverse=True)


def test_columns_or_a_function_choose_the_documents(store: IndexVectorStore) -> None:
    assert {each.metadata["source"] for each in store.similarity_search("acne", k=9, filter={"source": "LUNGS"})} == {
        "lungs"
    }
    long = store.similarity_search("acne", k=9, filter=lambda document: "days" in document.page_content)
    assert [each.metadata["source"] for each in long] == ["lungs"]
    store.add_texts(["Acne of the lungs."], [{"source": "lungs"}], ids=["own"])
    assert store.similarity_search("acne", k=1, filter={"source": "lungs"})[0].id == "own"
    assert store.similarity_search("acne", k=9, filter={"source": "nowhere"}) == []


def test_what_is_added_and_deleted_changes_no_file_of_the_index(
    store: IndexVectorStore, small_index: IndexSettings
) -> None:
    def files() -> dict[Path, tuple[int, int]]:
        found = [file for file in Path(small_index.dir).rglob("*") if file.is_file()]
        return {file: (file.stat().st_size, file.stat().st_mtime_ns) for file in found}

    before = files()
    passage = store.similarity_search("What is gout?", k=1)[0]
    store.add_documents([Document(id=passage.id, page_content="Gout is called podagra.")])
    assert [each.page_content for each in store.get_by_ids([str(passage.id)])] == ["Gout is called podagra."]
    ids = [each.id for each in store.similarity_search("What is gout?", k=50)]
    assert ids.count(passage.id) == 1
    store.delete([str(passage.id)])
    assert store.get_by_ids([str(passage.id)]) == []
    store.delete()
    assert store.similarity_search("gout") == []
    assert files() == before
    assert open_vector_store(Settings(index=small_index)).get_by_ids([str(passage.id)]) == [passage]


def test_marginal_relevance_prefers_passages_that_differ(store: IndexVectorStore) -> None:
    gout = store.similarity_search("What is gout?", k=1)[0].page_content
    store.add_texts([gout, f"{gout} Again."], ids=["same", "nearly"])
    near = store.max_marginal_relevance_search("gout arthritis crystals", k=2, lambda_mult=1.0)
    differing = store.max_marginal_relevance_search("gout arthritis crystals", k=2, lambda_mult=0.1)
    assert all("crystals" in each.page_content for each in near)
    assert "crystals" in differing[0].page_content
    assert "crystals" not in differing[1].page_content


def test_as_a_retriever_it_takes_the_options_that_langchain_has(store: IndexVectorStore) -> None:
    by_score = store.as_retriever(search_type="similarity_score_threshold", search_kwargs={"score_threshold": 0.5})
    assert [each.metadata["question"] for each in by_score.invoke("What causes acne?")] == ["What causes acne?"]
    assert len(store.as_retriever(search_type="mmr", search_kwargs={"k": 2}).invoke("What causes acne?")) == 2


def test_over_shards_it_finds_what_it_finds_over_one_index(
    store: IndexVectorStore, csv_file: Path, word_embedder: WordEmbedder, tmp_path: Path
) -> None:
    settings = IndexSettings(csv=str(csv_file), dir=str(tmp_path / "shards"))
    build_shards(settings, [str(csv_file)], 3, word_embedder, InThisProcess(word_embedder))
    sharded = open_vector_store(Settings(index=settings))
    one, several = (each.similarity_search_with_score("What causes acne?", k=9) for each in (store, sharded))
    assert [each for each, _ in several] == [each for each, _ in one]
    assert [score for _, score in several] == pytest.approx([score for _, score in one], abs=1e-6)


def test_another_embedder_is_refused(
    small_index: IndexSettings, retriever: IndexRetriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(IndexFolderError, match="has 7 dimensions, those of .* have 256"):
        IndexVectorStore(DeterministicFakeEmbedding(size=7), retriever.index).similarity_search("gout")
    monkeypatch.setattr(WordEmbedder, "identity", "words@2")
    with pytest.raises(IndexFolderError, match="was built with the embedder words@1, the settings name words@2"):
        open_vector_store(Settings(index=small_index))


def test_an_index_without_vectors_yet_is_refused(retriever: IndexRetriever, word_embedder: WordEmbedder) -> None:
    with pytest.raises(IndexFolderError, match="has no vectors yet"):
        IndexVectorStore(IndexEmbeddings(word_embedder), retriever.index.without_vectors())


def test_questions_are_embedded_as_questions_and_documents_as_passages() -> None:
    class Negated(WordEmbedder):
        def embed(self, texts: object, done: object = None) -> np.ndarray:
            return -super().embed(texts, done)  # type: ignore[arg-type]

    embeddings = IndexEmbeddings(WordEmbedder(), Negated())
    assert np.allclose(embeddings.embed_documents(["gout"])[0], -np.array(embeddings.embed_query("gout")))
    assert embeddings.embed_documents([]) == []
