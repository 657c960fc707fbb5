"""Ask models the questions of tasks, and keep one score for each question, so that models can be compared."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval.api.task import Task
from lm_eval.evaluator import evaluate

from core.errors import DataError
from core.progress import log
from evaluation.benchmarks.kept import KeptAnswers
from evaluation.benchmarks.mcq import Question, measure
from evaluation.benchmarks.report import Figures, figures, pooled, scores
from evaluation.stats import Ratio
from generator.prompt import Source

POOLED = ("mmlu",)
"""Benchmarks of many tasks of one kind, which are reported as one."""


def measure_tasks(
    benchmarks: Mapping[str, Mapping[str, Task]],
    models: Sequence[KeptAnswers],
    limit: int | None,
    less_is_better: list[str],
) -> dict[str, Figures]:
    """Figures of each benchmark; measures that are better where they are lower are added to `less_is_better`.

    Raises:
        DataError: a question lacks a column that its task asks for.
        WeightsError, EngineError: a model cannot be run.
    """
    measured: dict[str, dict[str, dict[str, Ratio]]] = {name: defaultdict(dict) for name in benchmarks}
    for lm in models:
        for benchmark, tasks in benchmarks.items():
            log.info(f"{lm.model.name}: {benchmark}")
            for measure_name, ratio in _asked(lm, benchmark, tasks, limit, less_is_better).items():
                measured[benchmark][measure_name][lm.model.name] = ratio
    return {name: figures(by_measure) for name, by_measure in measured.items()}


def measure_mcq(
    questions: Sequence[Question], passages: Sequence[Sequence[Source]] | None, models: Sequence[KeptAnswers]
) -> Figures:
    """Figures of multiple-choice questions of one's own."""
    measured: dict[str, dict[str, Ratio]] = defaultdict(dict)
    for lm in models:
        for way, ratio in measure(lm, questions, passages).items():
            measured[way][lm.model.name] = ratio
    return figures(measured)


def _asked(
    lm: KeptAnswers, benchmark: str, tasks: Mapping[str, Task], limit: int | None, less_is_better: list[str]
) -> dict[str, Ratio]:
    """A model's scores by measure; of several tasks, by task and measure."""
    try:
        result: Any = evaluate(lm, dict(tasks), limit=limit, bootstrap_iters=0, log_samples=True)
    except (KeyError, IndexError) as error:
        raise DataError(
            f"{benchmark}: a question has no {error}; every row needs the public data set's columns"
        ) from error
    by_measure: dict[str, Ratio] = {}
    for name, task in tasks.items():
        for measure_name, ratio in _by_measure(task, result["samples"][name]).items():
            title = measure_name if len(tasks) == 1 else f"{name} {measure_name}"
            by_measure[title] = ratio
            if not task.higher_is_better().get(measure_name.split(",")[0], True):
                less_is_better.append(title)
    if benchmark in POOLED and len(tasks) > 1:
        return {"acc": pooled(list(by_measure.values())), **by_measure}
    return by_measure


def _by_measure(task: Task, samples: Sequence[Mapping[str, Any]]) -> dict[str, Ratio]:
    """One score a question for each measure, and for each filter where a task reads its answers in several ways."""
    ordered = sorted(samples, key=lambda sample: sample["doc_id"])
    several = len({sample["filter"] for sample in ordered}) > 1
    found: dict[str, Ratio] = {}
    for measure_name, aggregate in task.aggregation().items():
        for way in dict.fromkeys(sample["filter"] for sample in ordered):
            answers = [each[measure_name] for each in ordered if each["filter"] == way and measure_name in each]
            if answers:
                found[f"{measure_name}, {way}" if several else measure_name] = scores(answers, aggregate)
    return found
