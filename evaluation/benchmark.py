"""Run public benchmarks and multiple-choice questions of your own, models side by side: what did tuning cost?

citewell benchmark --tasks mmlu,hellaswag --limit 100                    # fetches the questions from the hub
citewell benchmark --tasks medqa,gsm8k --task-files DIR                  # asks those of DIR/medqa_4options.jsonl, …
citewell benchmark --tasks humaneval --run-generated-code                # runs what the models write, locked down
citewell benchmark --mcq my-questions.jsonl --models base,sft            # your own, with and without the index
citewell benchmark --mcq my-questions.jsonl --models base,artifacts/runs/first

Tasks: mmlu, glue, truthfulqa, gsm8k, hellaswag, humaneval, medqa, medmcqa, pubmedqa, and every other task of
lm-evaluation-harness that runs no code of its own. It needs the extra: pip install "citewell[benchmark]".

What was computed is kept, request by request: a run that was interrupted continues where it was, and a further model
or task costs only itself. Writes benchmark.json. docs/benchmarks.md explains the measures.
"""

import argparse
import importlib.metadata
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.command import command_parser
from core.errors import SettingsError, run_command
from core.paths import artifacts
from core.processor import processor
from core.settings import Settings, load

if TYPE_CHECKING:  # these modules load models' libraries, which --help does without
    from evaluation.benchmarks.kept import KeptAnswers
    from evaluation.benchmarks.report import Figures


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("evaluation.benchmark", __doc__)
    parser.add_argument("--tasks", default="", metavar="NAMES", help="benchmarks to run, separated by commas")
    parser.add_argument("--mcq", metavar="FILE", type=Path, help="JSON Lines with question, choices and answer")
    parser.add_argument(
        "--models",
        default="base,sft",
        metavar="NAMES",
        help="base (no adapter), sft (the settings' adapter), adapters' folders, runs, or checkpoints; "
        "differences are from the first",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="most questions of each task (default: all)")
    parser.add_argument("--shots", type=int, metavar="N", help="examples before each question (default: the task's)")
    parser.add_argument("--task-files", metavar="DIR", type=Path, help="ask those of DIR/TASK.jsonl, not the hub's")
    parser.add_argument("--run-generated-code", action="store_true", help="allow humaneval to run what models write")
    parser.add_argument("--index", metavar="DIR", help="the index that --mcq searches (default: the settings')")
    parser.add_argument("--no-retrieval", action="store_true", help="ask --mcq without the index alone")
    parser.add_argument("--to", metavar="DIR", type=Path, default=artifacts("benchmark"), help="where to write")
    arguments = parser.parse_args(argv)
    tasks, models = _names(arguments.tasks), _names(arguments.models)
    if not tasks and not arguments.mcq:
        parser.error("nothing to run; name --tasks such as mmlu,hellaswag, or a file: --mcq FILE")
    if not models:
        parser.error("--models names none; expected such as base,sft")
    for option in ("limit", "shots"):
        value = getattr(arguments, option)
        if value is not None and value < (option == "limit"):
            parser.error(f"--{option} is {value}; expected {'1 or more' if option == 'limit' else '0 or more'}")
    if not importlib.util.find_spec("lm_eval"):
        raise SettingsError('benchmarks need lm-evaluation-harness; install it: pip install "citewell[benchmark]"')
    return _run(load({"index.dir": arguments.index}), tasks, models, arguments)


def _run(settings: Settings, tasks: Sequence[str], names: Sequence[str], arguments: argparse.Namespace) -> int:
    from evaluation.benchmarks.kept import KeptAnswers
    from evaluation.benchmarks.mcq import find_passages, read_mcq
    from evaluation.benchmarks.models import find_model
    from evaluation.benchmarks.report import changes, check_target, table, write
    from evaluation.benchmarks.running import measure_mcq, measure_tasks
    from evaluation.benchmarks.tasks import Source, find_tasks

    file = arguments.to / "benchmark.json"
    check_target(file)
    questions = read_mcq(arguments.mcq)[: arguments.limit] if arguments.mcq else []
    found = find_tasks(tasks, Source(arguments.task_files, arguments.shots, arguments.run_generated_code))
    passages = None
    if questions and not arguments.no_retrieval:
        passages = find_passages(questions, settings)
    models: list[KeptAnswers] = []
    for name in names:
        models.append(KeptAnswers(find_model(name, settings.generator), arguments.to / "answers"))
    measured: dict[str, Figures] = {}
    less_is_better: list[str] = []
    if found:
        measured |= measure_tasks(found, models, arguments.limit, less_is_better)
    if questions:
        measured[str(arguments.mcq)] = measure_mcq(questions, passages, models)
    for benchmark, shown in measured.items():
        print(f"\n{benchmark}: {_count(shown)}\n{table(shown)}")
        print("\n".join(f"  {line}" for line in changes(shown, less_is_better)))
    write(file, measured, _about(models, arguments))
    print(f"\n{file}")
    return 0


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


def _count(shown: "Figures") -> str:
    counts = {value.n for by_column in shown.values() for value in by_column.values()} - {0}
    return f"{max(counts):,} questions" if counts else "no question"


def _about(models: "Sequence[KeptAnswers]", arguments: argparse.Namespace) -> Mapping[str, Any]:
    from evaluation.stats import RESAMPLES

    return {
        "models": {lm.model.name: lm.model.identity for lm in models},
        "limit": arguments.limit,
        "shots": arguments.shots,
        "questions_from": str(arguments.task_files or "the hub"),
        "intervals": f"95 %, {RESAMPLES} draws of questions, differences paired",
        "lm_eval": importlib.metadata.version("lm_eval"),
        "processor": processor().name,
    }


if __name__ == "__main__":
    run_command(main)
