import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dataset.judged import judge
from evaluation import answer_report as evaluation
from evaluation import answers as evaluate
from evaluation.answer_report import lay_rows
from evaluation.measures import measure, measure_against_references, table
from evaluation.stats import Ratio, figure
from generator.prompt import REFUSAL, Source
from generator.tuning.rows import Row, read_rows
from index.embedders.weights import find_weights
from rag.answer import NumberedSource
from rag.answerer import Answerer
from rag.checks.citations import SupportJudge, Verifier, read_markers
from rag.search.retriever import IndexRetriever
from tests.conftest import ROOT, queue_llm

SOURCES = (
    Source("What is gout?", "Gout is a form of arthritis. It affects 4 percent of adults. Doctors give 20 mg of it."),
    Source("What causes acne?", "Acne forms when follicles are clogged with oil."),
)
ROW = Row("g", "what is gout", "plain", "gout", "information", SOURCES, (1,), "Gout is a form of arthritis [1].")
UNANSWERABLE = dataclasses.replace(ROW, question="gout in dogs", right=(), completion=REFUSAL)


CITED = (
    "Gout is a form of arthritis [1]. Acne forms when follicles are clogged with oil [1][2]. "
    "It affects 4 percent of adults. Garlic cures gout [2]. Gout is a form of arthritis [7]."
)


@pytest.mark.weights
@pytest.mark.parametrize("by_words", [False, True])
def test_citations_are_judged_sentence_by_sentence(page_judge: SupportJudge, by_words: bool) -> None:
    answer = judge(ROW, CITED, None if by_words else page_judge)
    assert (answer.sentences, answer.supported, answer.cited_rightly) == (5, 4, 2)
    assert (answer.citations, answer.right_citations) == (5, 2)
    assert answer.whole
    assert not answer.refused


@pytest.mark.parametrize(
    ("written", "invented"),
    [
        ("It affects 4 percent of adults [1].", False),
        ("It affects 5 percent of adults [1].", True),
        ("Doctors give 20 mg of it [1].", False),
        ("Doctors give 20 ml of it [1].", True),
        ("Gout is a form of arthritis [1].", False),
        ("Gout is a form of arthritis [9].", False),
    ],
)
def test_numbers_that_no_evidence_holds(written: str, invented: bool) -> None:
    assert judge(ROW, written, None).invented is invented


def test_refusals_and_torn_ends() -> None:
    assert judge(ROW, REFUSAL, None).refused
    assert judge(ROW, "", None).refused
    assert not judge(ROW, "Gout is a form of", None).whole
    assert judge(ROW, "Gout is a form of arthritis [1]", None).whole is False
    assert judge(ROW, "Gout is a form of arthritis. [1]", None).whole


@pytest.mark.weights
def test_figures_are_of_the_rule_that_judges_on_the_page(page_judge: SupportJudge) -> None:
    """A paraphrase, over which the two rules differ."""
    source = Source("How are attacks of gout treated?", "Ice on the joint eases the pain.")
    said = "Putting ice on the joint makes the pain better [1]."
    figures = table({"base": measure([dataclasses.replace(ROW, sources=(source,))], [said], page_judge)})["base"]
    numbered = NumberedSource(1, source.heading, source.text)
    _, (sentence,) = Verifier([numbered], page_judge).verify(read_markers(said))
    assert sentence.verdict == "supported"
    assert figures["groundedness"].mean == 1.0
    assert figures["groundedness_by_words"].mean == 0.0


@pytest.mark.weights
def test_measures_over_answerable_and_unanswerable_questions(page_judge: SupportJudge) -> None:
    rows = [ROW, ROW, UNANSWERABLE, UNANSWERABLE]
    written = ["Gout is a form of arthritis [1].", REFUSAL, REFUSAL, "Gout is a form of arthritis."]
    figures = table({"base": measure(rows, written, page_judge)})["base"]
    assert figures["citation_recall"].mean == 0.5
    assert figures["citation_recall"].n == 2
    assert figures["groundedness"].mean == 1.0
    assert (figures["refusal_precision"].mean, figures["refusal_precision"].n) == (0.5, 2)
    assert (figures["refusal_recall"].mean, figures["refusal_recall"].n) == (0.5, 2)
    assert (figures["false_refusals"].mean, figures["false_refusals"].n) == (0.5, 2)
    assert (figures["whole_endings"].mean, figures["whole_endings"].n) == (1.0, 4)
    assert figures["citation_recall"].low <= figures["citation_recall"].mean <= figures["citation_recall"].high


def test_a_measure_that_applies_to_nothing_has_no_figure() -> None:
    assert figure(Ratio(np.zeros(3), np.zeros(3))).n == 0


def test_differences_are_paired() -> None:
    """Ten questions that differ much from each other and by 0.1 between models: the difference is sharp."""
    first = Ratio(np.arange(10) / 10, np.ones(10))
    second = Ratio(first.top + 0.1, np.ones(10))
    difference = figure(second, first)
    assert difference.mean == pytest.approx(0.1)
    assert difference.high - difference.low < 1e-9
    assert figure(first).high - figure(first).low > 0.2


def test_likeness_to_the_reference() -> None:
    rows = [ROW, ROW, UNANSWERABLE]
    written = ["Gout is a form of arthritis [1].", "Dogs bark loudly at night [2].", REFUSAL]
    measured = measure_against_references(rows, written, str(find_weights().folder))
    for name, ratio in measured.items():
        assert ratio.top[0] == pytest.approx(1.0, abs=0.01), name
        assert ratio.top[1] < 0.5, name
        assert ratio.bottom.tolist() == [1, 1, 0], name


@pytest.fixture
def _tiny(tiny_qwen: Path, tiny_adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CITEWELL_GENERATOR_MODEL", str(tiny_qwen))
    monkeypatch.setenv("CITEWELL_GENERATOR_ADAPTER", str(tiny_adapter))
    monkeypatch.setenv("CITEWELL_GENERATOR_ENGINE", "transformers")
    monkeypatch.setenv("CITEWELL_GENERATOR_MAX_NEW_TOKENS", "6")
    monkeypatch.setenv("CITEWELL_INDEX_CACHE", str(ROOT / "artifacts/embedders"))  # what judges is converted once


@pytest.fixture
def _all_cores() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_tiny", "_all_cores")
def test_the_command_compares_models_and_a_second_run_writes_no_answer_again(
    rows_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--rows", str(rows_folder), "--limit", "4", "--lay", "none", "--to", str(tmp_path / "out")]
    assert evaluate.main(words) == 0
    result: dict[str, Any] = json.loads((tmp_path / "out/evaluation.json").read_text())
    for name in (
        *("citation_recall", "citation_precision", "groundedness", "invented_numbers", "refusal_precision"),
        *("refusal_recall", "whole_endings", "rouge_l", "bertscore", "perplexity", "bits_per_byte"),
    ):
        assert set(result["base"][name]) == set(result["tuned"][name]) == {"mean", "low", "high", "n"}
    tuned, base = result["tuned"]["perplexity"], result["base"]["perplexity"]
    assert result["difference"]["perplexity"]["mean"] == pytest.approx(tuned["mean"] - base["mean"], abs=0.01)
    assert result["about"]["models"]["tuned"]["adapter"].startswith("tiny@")
    assert result["about"]["bleu"].startswith("nrefs:1|case:mixed|eff:yes")
    assert (tmp_path / "out/evaluation.png").read_bytes().startswith(b"\x89PNG")
    assert "4 questions of topics not trained on" in capsys.readouterr().out
    assert torch.get_num_threads() == len(os.sched_getaffinity(0))  # FAISS, which searching imports, sets one

    def never(*_: object) -> None:
        raise AssertionError("answers were there")

    monkeypatch.setattr(evaluation.QwenChat, "from_settings", never)
    assert evaluate.main(words) == 0
    assert json.loads((tmp_path / "out/evaluation.json").read_text()) == result


@pytest.mark.usefixtures("_tiny")
def test_answers_survive_a_killed_run(rows_folder: Path, tmp_path: Path) -> None:
    from core.settings import load

    rows = read_rows(rows_folder, "test")[:3]
    model = evaluation.candidate("base", load().generator)
    first = evaluation.answers(model, rows[:2])
    file = next((tmp_path / evaluation.ANSWERS).glob("base-*.jsonl"))
    file.write_text(file.read_text() + '{"prompt": "torn')
    assert evaluation.answers(model, rows[:2]) == first
    assert len(evaluation.answers(model, rows)) == 3
    assert evaluation.answers(model, rows)[:2] == first


@pytest.mark.usefixtures("_tiny")
def test_examples_are_printed_side_by_side(rows_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main(["--rows", str(rows_folder), "--examples", "2", "--seed", "7"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("base: ") == printed.count("tuned: ") == printed.count("reference: ") == 2


@pytest.mark.usefixtures("_tiny")
def test_without_an_index_lay_questions_are_left_out(told: list[str], rows_folder: Path, tmp_path: Path) -> None:
    words = ["--rows", str(rows_folder), "--limit", "2", "--models", "base", "--to", str(tmp_path / "out")]
    assert evaluate.main([*words, "--index", str(tmp_path / "none")]) == 0
    assert any("lay questions are left out: no index at" in line for line in told)
    assert "lay" not in json.loads((tmp_path / "out/evaluation.json").read_text())


@pytest.mark.usefixtures("_tiny")
def test_the_stress_set_is_asked_and_its_bad_answers_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--stress", str(ROOT / evaluate.STRESS), "--limit", "3", "--to", str(tmp_path / "out")]
    assert evaluate.main(words) == 0
    printed = capsys.readouterr().out
    result = json.loads((tmp_path / "out/stress.json").read_text())
    assert result["about"]["questions"] == 3
    for model in ("base", "tuned"):
        assert set(result[model]["bad"]) == {"mean", "low", "high", "n"}
        assert printed.count(f"\n{model}, right: ") == round(result[model]["bad"]["mean"] * 3)


def test_lay_questions_are_answered_by_the_parts_that_say_it(retriever: IndexRetriever, tmp_path: Path) -> None:
    records = retriever.index.records
    passage = next(each for each in retriever.index.passages if "measles" in records[each.record_id].question)
    asked = {"question": "what is measles, a disease?", "split": "test", "answerable": True}
    entries = [
        {**asked, "relevant": {passage.record_id: 2}},
        {**asked, "relevant": {passage.record_id: 2}, "silent": [passage.id]},
        {**asked, "relevant": {"of another": 2}},
        {**asked, "answerable": False},
        {**asked, "relevant": {passage.record_id: 2}, "split": "fit"},
    ]
    questions = tmp_path / "questions.jsonl"
    questions.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries), encoding="utf-8")
    rows = lay_rows(Answerer(retriever, queue_llm()), [questions], "test")
    assert [(row.group, row.right, row.answerable) for row in rows] == [
        ("lay-0", (1,), True),
        ("lay-1", (), False),
        ("lay-3", (), False),
    ]
