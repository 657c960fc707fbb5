"""Benchmarks run from local files, continue where they were, and refuse what they cannot use."""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import CiteWellError, DataError, SettingsError
from core.settings import GeneratorSettings
from core.text.words import terms
from evaluation import benchmark
from evaluation.benchmarks import mcq, models, report, tasks
from evaluation.benchmarks.kept import KeptAnswers
from evaluation.benchmarks.models import Model
from evaluation.stats import Ratio
from generator.prompt import Source
from generator.weights import Weights
from tests.conftest import ROOT

FILES = ROOT / "tests/data/benchmarks"
MCQ = ROOT / "tests/data/mcq.jsonl"


class Words:
    """Finds a continuation the likelier, the more of its words the context holds; writes the same text after all."""

    def __init__(self, text: str = " It is 9. #### 9\n\n", breaks_after: int = 10**9) -> None:
        self.text, self.left = text, breaks_after
        self.computed = 0

    def loglikelihood(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
        self._count(len(pairs))
        return [(float(sum(word in before for word in after.split())), False) for before, after in pairs]

    def rolling(self, texts: Sequence[str]) -> list[float]:
        return [-float(len(text)) for text in texts]

    def generate(self, prompts: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
        self._count(len(prompts))
        return [self.text for _ in prompts]

    def _count(self, asked: int) -> None:
        self.left -= asked
        if self.left < 0:
            raise KeyboardInterrupt
        self.computed += asked


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch, tiny_qwen: Path) -> Callable[[Words], Words]:
    """Put a backend in the place of real models."""

    def found(name: str, settings: GeneratorSettings) -> Model:
        identity = {"model": name, "sha256": "0" * 64, "adapter": "", "engine": "words", "quant": "none"}
        return Model(name, identity, Weights(tiny_qwen, name, "0" * 64), settings)

    def put(words: Words) -> Words:
        monkeypatch.setattr(models, "find_model", found)
        monkeypatch.setattr(KeptAnswers.__init__, "__defaults__", (lambda _: words,))
        return words

    return put


def run(*words: str, to: Path) -> dict[str, Any]:
    assert benchmark.main([*words, "--to", str(to)]) == 0
    result: dict[str, Any] = json.loads((to / "benchmark.json").read_text())
    return result


def local(*words: str, to: Path) -> dict[str, Any]:
    return run(*words, "--task-files", str(FILES), to=to)


def test_public_tasks_run_from_local_files(
    backend: Callable[[Words], Words], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backend(Words())
    result = local("--tasks", "hellaswag,medqa,gsm8k,mmlu,glue", to=tmp_path)
    assert {name: set(each) for name, each in result["figures"].items()} == {
        "hellaswag": {"acc", "acc_norm"},
        "medqa": {"acc", "acc_norm"},
        "gsm8k": {"exact_match, strict-match", "exact_match, flexible-extract"},
        "mmlu": {"acc"},
        "glue": {"acc"},
    }
    nines = result["figures"]["gsm8k"]["exact_match, flexible-extract"]  # one of the six answers is 9
    assert nines["base"]["mean"] == nines["sft"]["mean"] == pytest.approx(1 / 6, abs=1e-4)
    assert nines["sft - base"] == {"mean": 0.0, "low": 0.0, "high": 0.0, "n": 6}
    assert result["about"]["processor"]
    printed = capsys.readouterr().out
    assert "gsm8k: 6 questions" in printed
    assert "no difference that these questions show" in printed


def test_examples_stand_before_a_question(backend: Callable[[Words], Words], told: list[str]) -> None:
    (found,) = tasks.find_tasks(["gsm8k"], tasks.Source(FILES, shots=2))["gsm8k"].values()
    found.build_all_requests()
    assert all(request.args[0].count("Question:") == 3 for request in found.instances)
    tasks.find_tasks(["mmlu_anatomy"], tasks.Source(FILES, shots=2))
    assert any("mmlu_anatomy is asked without examples" in line for line in told)


def test_a_limit_is_kept(backend: Callable[[Words], Words], tmp_path: Path) -> None:
    backend(Words())
    result = local("--tasks", "hellaswag", "--limit", "3", to=tmp_path)
    assert result["figures"]["hellaswag"]["acc"]["base"]["n"] == 3


def test_generated_code_runs_only_with_leave(backend: Callable[[Words], Words], tmp_path: Path) -> None:
    backend(Words("    return a + b\n"))
    with pytest.raises(DataError, match="--run-generated-code"):
        local("--tasks", "humaneval", to=tmp_path)
    result = local("--tasks", "humaneval", "--run-generated-code", to=tmp_path)
    assert result["figures"]["humaneval"]["pass_at_1"]["base"]["mean"] == 0.25  # of four problems, one is a sum


def test_an_interrupted_run_continues_where_it_was(backend: Callable[[Words], Words], tmp_path: Path) -> None:
    backend(Words(breaks_after=40))
    with pytest.raises(KeyboardInterrupt):
        local("--tasks", "hellaswag,medqa", "--models", "base", to=tmp_path)
    (kept,) = (tmp_path / "answers").iterdir()
    with kept.open("a") as file:
        file.write('{"key": "cut off in the mid')
    resumed = backend(Words())
    local("--tasks", "hellaswag,medqa", "--models", "base", to=tmp_path)
    assert resumed.computed == 64 - 32  # chunks of 16: two were kept, the third broke off
    again = backend(Words())
    local("--tasks", "hellaswag,medqa", "--models", "base", to=tmp_path)
    assert again.computed == 0


def test_kept_answers_of_another_model_are_refused(backend: Callable[[Words], Words], tmp_path: Path) -> None:
    backend(Words())
    local("--tasks", "hellaswag", "--models", "base", to=tmp_path)
    (kept,) = (tmp_path / "answers").iterdir()
    kept.write_text('{"identity": {"model": "another"}}\n')
    with pytest.raises(DataError, match="holds no answers of base"):
        local("--tasks", "hellaswag", "--models", "base", to=tmp_path)


@pytest.mark.parametrize("content", ["", "no json", "[]", '{"format": "something else"}'])
def test_a_damaged_or_foreign_file_of_results_is_not_replaced(content: str, tmp_path: Path) -> None:
    (tmp_path / "benchmark.json").write_text(content)
    with pytest.raises(DataError, match="is not replaced"):
        local("--tasks", "hellaswag", to=tmp_path)
    assert (tmp_path / "benchmark.json").read_text() == content


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("helaswag", "no benchmark 'helaswag' (did you mean 'hellaswag'?); known are mmlu, glue, "),
        ("mmlu_anatomie", "mmlu_anatomie"),
        ("truthfulqa", "has no truthfulqa_mc1.jsonl or truthfulqa_mc2.jsonl; it has: gsm8k.jsonl, "),
        ("truthfulqa_gen", "truthfulqa_gen is refused: it loads the code"),
    ],
)
def test_a_task_that_cannot_be_run_is_named(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = tasks._manager("mmlu/default")
    monkeypatch.setattr(tasks, "TaskManager", lambda **how: tasks_manager(how) if how else known)
    if name == "truthfulqa_gen":
        monkeypatch.setattr(tasks, "load_yaml", lambda *_, **__: {"metric_list": [{"hf_evaluate": True}]})
    with pytest.raises(DataError, match=re.escape(said)):
        tasks.find_tasks([name], tasks.Source(FILES if name == "truthfulqa" else None))


_REAL_MANAGER = tasks.TaskManager


def tasks_manager(how: dict[str, Any]) -> Any:
    """The harness's own list of tasks, whatever stands in its place meanwhile."""
    return _REAL_MANAGER(**how)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"unsafe_code": True}, "code that the model writes"),
        ({"class": "x"}, "a program of its own"),
        ({"dataset_kwargs": {"trust_remote_code": True}}, "trust_remote_code"),
        ({"metric_list": [{"metric": "bleurt", "hf_evaluate": True}]}, "from the hub"),
        ({"metric_list": [{"metric": "acc"}], "dataset_kwargs": None}, ""),
    ],
)
def test_tasks_that_run_unread_code_are_told_apart(config: dict[str, Any], said: str) -> None:
    found = tasks._unsafe(config)
    assert said in found
    assert bool(found) == bool(said)


def test_without_a_network_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path)
    with pytest.raises(DataError, match=r"cannot be fetched from Rowan/hellaswag.*hellaswag\.jsonl.*--task-files DIR"):
        tasks.find_tasks(["hellaswag"], tasks.Source())


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (['{"question": "?", "answer": 1}'], "does not have the columns of the public data set"),
        (['{"question": "?", "choices": ["a"], "answer": 0}', '{"question": "?"}'], "row 2 has other columns"),
        (["no json"], "line 1 is no JSON object"),
        ([], "is empty"),
    ],
)
def test_a_local_file_with_other_columns_is_refused(rows: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "mmlu_anatomy.jsonl").write_text("\n".join(rows))
    with pytest.raises(DataError, match=said):
        tasks.find_tasks(["mmlu"], tasks.Source(tmp_path))


def test_what_is_missing_on_the_command_line_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for words, said in (
        ([], "nothing to run"),
        (["--mcq", "x", "--models", ","], "--models names none"),
        (["--mcq", "x", "--limit", "0"], "--limit is 0; expected 1 or more"),
        (["--mcq", "x", "--shots", "-1"], "--shots is -1; expected 0 or more"),
    ):
        with pytest.raises(SystemExit):
            benchmark.main(words)
        assert said in capsys.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r'pip install "citewell\[benchmark\]"'):
        benchmark.main(["--mcq", "x"])


def test_own_questions_are_asked_with_and_without_passages(backend: Callable[[Words], Words], tmp_path: Path) -> None:
    backend(Words())
    model = models.find_model("base", GeneratorSettings())
    questions = [mcq.Question("What causes gout?", ("pollen", "crystals", "viruses"), 1)] * 2
    passages = [[Source("Gout", "Gout comes from crystals.")], []]
    found = mcq.measure(KeptAnswers(model, tmp_path), questions, passages)
    assert found["text"].top.tolist() == [0.0, 0.0]  # all alike: the first one is taken
    assert found["text, with retrieval"].top.tolist() == [1.0, 0.0]
    assert found["text: retrieval adds"].top.tolist() == [1.0, 0.0]
    assert set(found) == {
        *("letter", "text", "letter, with retrieval", "text, with retrieval"),
        *("letter: retrieval adds", "text: retrieval adds"),
    }


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"question": "?", "choices": ["a", "b"]}, "line 1 has no 'answer'; expected question, choices, answer"),
        ({"question": "?", "choices": ["a"], "answer": "A"}, "has 1 choice(s); expected 2 to 26"),
        ({"question": "?", "choices": ["a", "a"], "answer": "A"}, "the same choice twice"),
        ({"question": "?", "choices": ["a", ""], "answer": "A"}, "expected a list of texts"),
        ({"question": "?", "choices": "ab", "answer": "A"}, "expected a list of texts"),
        ({"question": " ", "choices": ["a", "b"], "answer": "A"}, "the question is empty"),
        ({"question": "?", "choices": ["a", "b"], "answer": "C"}, "the answer 'C' is none of its choices"),
        ({"question": "?", "choices": ["a", "b"], "answer": 2}, "the answer 2 is none of its choices"),
        ({"question": "?", "choices": ["a", "b"], "answer": True}, "the answer True is none of its choices"),
    ],
)
def test_own_questions_that_cannot_be_asked_are_named(row: dict[str, Any], said: str, tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text(json.dumps(row) + "\n")
    with pytest.raises(DataError, match=re.escape(said)):
        mcq.read_mcq(file)
    with pytest.raises(CiteWellError, match="no file at"):
        mcq.read_mcq(tmp_path / "none.jsonl")


@pytest.mark.parametrize("answer", ["B", "b", "pears", 1])
def test_an_answer_is_a_letter_a_choice_or_a_place(answer: object, tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text(json.dumps({"question": "?", "choices": ["apples", "pears"], "answer": answer}))
    assert mcq.read_mcq(file)[0].right == 1


def test_the_shipped_questions_give_nothing_away() -> None:
    """Neither the place nor the length of the right choice, which the small file holds."""
    questions = mcq.read_mcq(MCQ)
    assert len(questions) >= 60
    assert len({question.text for question in questions}) == len(questions)
    places = Counter(question.right for question in questions)
    assert max(places.values()) - min(places.values()) <= 1
    lengths = [np.array([len(choice) for choice in question.choices]) for question in questions]
    rights = [each[question.right] for each, question in zip(lengths, questions, strict=True)]
    for extreme in (np.max, np.min):
        by_length = [
            (right == extreme(each)) / np.count_nonzero(each == extreme(each))
            for each, right in zip(lengths, rights, strict=True)
        ]
        assert 0.2 <= float(np.mean(by_length)) <= 0.3
    known = set(terms((ROOT / "data/health_qa.csv").read_text(encoding="utf-8")))
    answers = [set(terms(question.choices[question.right])) for question in questions]
    assert sum(words <= known for words in answers) >= 0.85 * len(answers)


def test_a_loss_is_reported_and_paired() -> None:
    right = np.array([1.0] * 20)
    lost = np.array([1.0] * 10 + [0.0] * 10)
    ones = np.ones(20)
    shown = report.figures({"acc": {"base": Ratio(right, ones), "sft": Ratio(lost, ones)}})
    assert shown["acc"]["sft - base"].mean == -0.5
    assert report.changes(shown)[0].startswith("worse: acc, sft - base: -0.500 (")
    assert report.changes(shown, ["acc"])[0].startswith("better: ")
    assert "-0.500" in report.table(shown)


def test_measures_that_are_no_means_have_intervals_too() -> None:
    pairs = [(1, 1), (0, 0), (1, 0), (0, 0)] * 5
    shares: Callable[[list[Any]], float] = lambda drawn: sum(gold == said for gold, said in drawn) / len(drawn)  # noqa: E731
    shown = report.figures({"mcc": {"base": report.scores(pairs, shares), "sft": report.scores(pairs[::-1], shares)}})
    assert shown["mcc"]["base"].mean == 0.75
    assert 0.4 < shown["mcc"]["base"].low < 0.75 < shown["mcc"]["base"].high <= 1.0
    assert shown["mcc"]["base"].n == 20


def test_tasks_of_one_kind_are_pooled_by_question() -> None:
    ones = np.ones(3)
    assert report.pooled([Ratio(ones, ones), Ratio(0 * ones, ones)]).top.mean() == 0.5
