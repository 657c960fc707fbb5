import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError
from core.files import read_jsonl
from core.settings import IndexSettings, RagSettings, Settings
from evaluation import gate
from evaluation import search as evaluate
from evaluation.abstention import abstention, risk_coverage
from evaluation.fitting import fit_answerability, fit_fusion
from evaluation.judged_questions import JudgedQuestions, read_beir, read_development
from evaluation.search_stages import as_run, measured, retrieval_table
from evaluation.stats import Figure, mean
from index.embedders.base import Done
from rag.search.answerable import SIGNALS
from rag.search.retriever import IndexRetriever
from tests.fakes import WordEmbedder

TINY = Path(__file__).parent.parent / "data/beir-tiny"


def test_measures_are_those_of_the_field() -> None:
    judged = JudgedQuestions("j", {"a": "?", "b": "?"}, {"a": {"x": 2, "y": 1}, "b": {"z": 1}})
    values = measured(judged, as_run({"a": ["n", "x", "y"], "b": []}))
    ideal = 2 / np.log2(2) + 1 / np.log2(3)
    assert values["nDCG@10"][0] == pytest.approx((2 / np.log2(3) + 1 / np.log2(4)) / ideal)
    assert values["MRR@10"].tolist() == [0.5, 0.0]
    assert values["MAP@10"][0] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert values["Recall@100"].tolist() == [1.0, 0.0]


def test_an_interval_holds_the_mean_and_is_the_same_every_time() -> None:
    values = np.random.default_rng(1).random(50)
    assert mean(values) == mean(values)
    assert mean(values).low < values.mean() < mean(values).high
    assert mean(np.ones(9)) == Figure(1.0, 1.0, 1.0, 9)


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY, tmp_path / "tiny"))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("corpus.jsonl", None, "no file at .*corpus.jsonl; expected JSONL with _id, text"),
        ("queries.jsonl", None, "no file at .*queries.jsonl"),
        ("qrels/test.tsv", None, "no file at .*test.tsv; expected query-id, corpus-id and score"),
        ("qrels/test.tsv", "q1\tnowhere\t1\n", "names 'nowhere', which corpus.jsonl does not hold"),
        ("qrels/test.tsv", "q99\td1\t1\n", "judges query 'q99', which queries.jsonl does not hold"),
        ("qrels/test.tsv", "q1\td1\t1\nq1 d2 1\n", "line 2 is 'q1 d2 1'; expected"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\n", "judges nothing"),
        ("queries.jsonl", '{"_id": "q1", "text": " ? "}\n', "judges query 'q2'|has an empty query 'q1'"),
        ("corpus.jsonl", '{"_id": "d1"}\n', "line 1 has no 'text'"),
        ("corpus.jsonl", "{\n", "line 1 is no JSON object"),
        ("corpus.jsonl", "", "is empty"),
    ],
)
def test_bad_beir_folders(beir: Path, tmp_path: Path, file: str, content: str | None, message: str) -> None:
    if content is None:
        (beir / file).unlink()
    else:
        (beir / file).write_text(content)
    with pytest.raises(DataError, match=message):
        read_beir(beir, "test", tmp_path / "corpus.csv")


def test_an_empty_query_is_named(beir: Path, tmp_path: Path) -> None:
    text = (beir / "queries.jsonl").read_text().replace("which food cures scurvy", "  ")
    (beir / "queries.jsonl").write_text(text)
    with pytest.raises(DataError, match="has an empty query 'q2'; expected words"):
        read_beir(beir, "test", tmp_path / "corpus.csv")


@pytest.mark.weights
def test_the_command_prints_the_table_and_writes_it(
    beir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    embedders = Path("artifacts/embedders").resolve()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CITEWELL_INDEX_CACHE", str(embedders))
    assert evaluate.main(["retrieval", "--beir", str(beir), "--plain", "--json", "out.json"]) == 0
    printed = capsys.readouterr().out
    written = json.loads((tmp_path / "out.json").read_text())
    assert set(written["stages"]) == {"plain", "lexical", "question", "headed", "fused"}
    for stage, figures in written["stages"].items():
        assert stage in printed
        assert set(figures) == {"nDCG@10", "MAP@10", "MRR@10", "Recall@10", "Recall@100"}
        assert figures["nDCG@10"]["n"] == 8
        assert figures["nDCG@10"]["low"] <= figures["nDCG@10"]["mean"] <= figures["nDCG@10"]["high"]
    assert written["stages"]["fused"]["nDCG@10"]["mean"] > 0.9
    assert "nDCG@10 against plain" in printed


def development(folder: Path, retriever: IndexRetriever) -> Path:
    rows = [
        {"question": record.question, "relevant": {record.id: 2}, "answerable": True, "split": "fit"}
        for record in retriever.index.records.values()
    ]
    path = folder / "dev.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_breaking_a_stage_makes_the_figures_fall(retriever: IndexRetriever, tmp_path: Path) -> None:
    judged = read_development(development(tmp_path, retriever))
    documents = [[record.id] for record, _ in retriever.index.questions]
    table, _ = retrieval_table(retriever, judged, documents)
    committed = {"fused": table["fused"]["nDCG@10"]}
    assert committed["fused"].mean == pytest.approx(1)
    assert gate.compare(committed, committed) == []

    class Blind(WordEmbedder):
        def embed(self, texts: Sequence[str], done: Done | None = None) -> np.ndarray:
            return np.roll(super().embed(texts, done), 7, axis=1)

    blind = retriever.model_copy(update={"embedder": Blind()})
    broken, _ = retrieval_table(blind, judged, documents)
    fallen = gate.compare({"headed": broken["headed"]["nDCG@10"]}, {"headed": committed["fused"]})
    assert len(fallen) == 1
    assert "headed: 0." in fallen[0]
    assert "committed 1.000" in fallen[0]


def test_abstention_needs_both_kinds(retriever: IndexRetriever) -> None:
    with pytest.raises(DataError, match="expected some of each"):
        abstention(retriever, [{"question": "what is gout", "answerable": True}])


def test_questions_of_another_file_are_refused(
    small_index: IndexSettings, tmp_path: Path, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text('{"question": "what is it", "relevant": {"0123456789abcdef": 1}}\n')
    monkeypatch.setattr(evaluate, "load", lambda _: Settings(index=small_index, rag=RagSettings()))
    with pytest.raises(DataError, match=r"asks about records that small.csv does not hold \(0 of 1"):
        evaluate.main(["retrieval", "--questions", str(path)])
    with pytest.raises(DataError, match="line 1 has no 'answerable'"):
        read_jsonl(path, "question", "answerable")


def test_the_answerability_model_separates_what_its_signals_separate() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([True, False], 100)
    values = rng.normal(size=(200, len(SIGNALS)))
    values[:, 0] += np.where(truth, 3.0, -3.0)
    values[:, -1] = np.tile([2.0, 4.0], 100)
    model = fit_answerability(values, truth)
    assert model.signals == SIGNALS
    assert np.argmax(np.abs(model.coefficients)) == 0
    assert model.threshold == 0.5
    assert model.risk < 0.05


def test_risk_and_coverage() -> None:
    curve = risk_coverage([0.9, 0.8, 0.7, 0.1], np.array([True, True, False, True]))
    assert curve.coverage == (0.25, 0.5, 0.75, 1.0)
    assert curve.risk == pytest.approx((0, 0, 1 / 3, 1 / 4))
    assert curve.coverage_at(0.05) == 0.5
    assert curve.coverage_at(0.3) == 1.0


def test_fusion_is_fitted_to_the_questions(retriever: IndexRetriever, tmp_path: Path) -> None:
    from evaluation.fitting import Searched
    from evaluation.search_stages import find_all

    judged = read_development(development(tmp_path, retriever), "fit")
    found = find_all(retriever, judged)
    vectors = {key: retriever.embedder.embed([item.query.searched])[0] for key, item in found.items()}
    ranking = fit_fusion(retriever.index, Searched(judged, found, vectors), retriever.index.ranking)
    assert set(ranking.weights) == {"headed", "question", "lexical"}
    assert ranking.rrf_k in (5.0, 10.0, 20.0, 60.0)
