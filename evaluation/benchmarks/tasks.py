"""Public benchmarks as lm-evaluation-harness defines them, over the hub's data or over files of one's own."""

import difflib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from core.errors import DataError
from core.files import read_jsonl
from core.progress import log
from evaluation.benchmarks import sandbox

logging.getLogger("lm_eval").setLevel(logging.ERROR)

import lm_eval  # noqa: E402
from lm_eval.api.task import ConfigurableTask, Task  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402
from lm_eval.tasks._yaml_loader import load_yaml  # noqa: E402  # a task is read before any of its code is imported

lm_eval.api.task.tqdm = partial(tqdm, disable=True)  # its bars would stand between ours

BENCHMARKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "mmlu": ("mmlu/default", ()),
    "glue": ("glue", ()),
    "truthfulqa": ("truthfulqa", ("truthfulqa_mc1", "truthfulqa_mc2")),
    "gsm8k": ("gsm8k", ("gsm8k",)),
    "hellaswag": ("hellaswag", ("hellaswag",)),
    "humaneval": ("", ("humaneval",)),
    "medqa": ("medqa", ("medqa_4options",)),
    "medmcqa": ("medmcqa", ("medmcqa",)),
    "pubmedqa": ("pubmedqa", ("pubmedqa",)),
}
"""Name -> the harness's folder of it, and which of the folder's tasks belong to it; none stands for all."""
NEAR = 0.85
"""How like the name of a benchmark another name must be to be taken for a mistake at once."""
SHOTS = ".shots"
"""The file NAME.shots.jsonl beside NAME.jsonl holds the examples to show before each question."""
SPLITS = ("test_split", "validation_split", "training_split", "fewshot_split")
HUMANEVAL = {
    "task": "humaneval",
    "dataset_path": "openai/openai_humaneval",
    "test_split": "test",
    "output_type": "generate_until",
    "doc_to_text": "{{prompt}}",
    "doc_to_target": "{{test}}\ncheck({{entry_point}})",
    "metric_list": [{"metric": "pass_at_1", "aggregation": "mean", "higher_is_better": True}],
    "generation_kwargs": {
        "until": ["\nclass", "\ndef", "\n#", "\nif", "\nprint"],
        "max_gen_toks": 512,
        "do_sample": False,
    },
    "num_fewshot": 0,
}
"""HumanEval (Chen et al. 2021, arXiv 2107.03374) as the harness has it, but for who runs the code: the harness loads
code from the hub for that."""


@dataclass(frozen=True)
class Source:
    """Where the questions of tasks come from, and how they are asked."""

    folder: Path | None = None
    """A folder of NAME.jsonl; None stands for the hub."""
    shots: int | None = None
    """Examples before each question; None leaves it to the task."""
    run_code: bool = False
    """Whether code that the model wrote may be run."""


def find_tasks(names: Sequence[str], source: Source) -> dict[str, dict[str, Task]]:
    """The tasks of each benchmark that is named: benchmark -> task's name -> task, its questions loaded.

    Raises:
        DataError: no such benchmark, one that runs code, or questions that cannot be had or have other columns.
    """
    return {name: _benchmark(name, source) for name in dict.fromkeys(names)}


def _benchmark(name: str, source: Source) -> dict[str, Task]:
    if name == "humaneval":
        return {name: _humaneval(source)}
    manager, members = _found(name)
    members = members or tuple(manager.all_subtasks)
    if source.folder is not None:
        members = tuple(each for each in members if _file(source.folder, each).is_file())
        if not members:
            raise DataError(_no_file(source.folder, BENCHMARKS.get(name, ("", (name,)))[1] or (f"{name}_…",)))
    return {each: _task(each, manager, source) for each in members}


def _found(name: str) -> tuple[TaskManager, tuple[str, ...]]:
    """A benchmark's tasks, none standing for all of the manager's, or the single task of that name.

    The harness has 14,000 tasks, and reading them all takes some seconds: the folders that are known come first.

    Raises:
        DataError: there is no such benchmark or task.
    """
    if name in BENCHMARKS:
        folder, members = BENCHMARKS[name]
        return _manager(folder), members
    for folder in filter(None, (folder for folder, _ in BENCHMARKS.values())):
        if name in (manager := _manager(folder)).all_subtasks:
            return manager, (name,)
    near = difflib.get_close_matches(name, BENCHMARKS, n=1, cutoff=NEAR)
    if not near:
        log.info("reading the list of lm-evaluation-harness's tasks (some seconds)")
        manager = TaskManager()
        if name in manager.all_subtasks:
            return manager, (name,)
        near = difflib.get_close_matches(name, manager.all_subtasks, n=1)
    guess = f" (did you mean {near[0]!r}?)" if near else ""
    raise DataError(
        f"no benchmark {name!r}{guess}; known are {', '.join(BENCHMARKS)} and each single task of lm-evaluation-harness"
    )


def _manager(folder: str) -> TaskManager:
    return TaskManager(include_path=Path(lm_eval.__file__).parent / "tasks" / folder, include_defaults=False)


def _task(name: str, manager: TaskManager, source: Source) -> Task:
    path = manager.task_index[name].yaml_path
    config = load_yaml(path, resolve_func=False) if path else {"class": ""}
    if unsafe := _unsafe(config):
        raise DataError(f"{name} is refused: it {unsafe}; choose another task")
    changes: dict[str, Any] = {} if source.shots is None else {"num_fewshot": source.shots}
    if source.folder is not None:
        changes |= _local(name, config, source)
    where = _file(source.folder, name) if source.folder is not None else config.get("dataset_path", "the hub")
    spec = {"group": f"citewell_{name}", "task": [{"task": name, **changes}]}
    return _loaded(name, where, lambda: manager.load([spec])["tasks"][name])


def _unsafe(config: dict[str, Any]) -> str:
    """Why a task is not run: what it would run that nobody here has read; empty if there is nothing."""
    if config.get("unsafe_code"):
        return "runs code that the model writes"
    if "class" in config:
        return "is a program of its own"
    if (config.get("dataset_kwargs") or {}).get("trust_remote_code"):
        return "wants to run code from the hub (trust_remote_code)"
    if any(isinstance(each, dict) and each.get("hf_evaluate") for each in config.get("metric_list") or []):
        return "loads the code of its measure from the hub"
    return ""


def _loaded(name: str, where: object, load: Callable[[], Task]) -> Task:
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HfHubHTTPError
    from jinja2 import TemplateError

    try:
        return load()
    except (OSError, DatasetsError, HfHubHTTPError) as error:
        raise DataError(
            f"{name}: its questions cannot be fetched from {where} ({_first_line(error)}); connect to a network, or "
            f"put them into a folder as {name}.jsonl, in the columns of the public data set: --task-files DIR"
        ) from error
    except (KeyError, ValueError, TypeError, IndexError, TemplateError) as error:
        raise DataError(
            f"{name}: {where} does not have the columns of the public data set ({_first_line(error)}); "
            "docs/benchmarks.md shows where to look them up"
        ) from error


def _local(name: str, config: dict[str, Any], source: Source) -> dict[str, Any]:
    """What to change of a task so that it asks the questions of a local file."""
    folder = source.folder
    assert folder is not None
    rows = _rows(_file(folder, name))
    shots = folder / f"{name}{SHOTS}.jsonl"
    changes: dict[str, Any] = {}
    if not shots.is_file():
        if source.shots or config.get("num_fewshot"):
            log.warning(f"notice: {name} is asked without examples: there is no {shots}")
        changes["num_fewshot"] = 0
    splits = [split for key in SPLITS if (split := config.get(key))]
    asked = config.get("test_split") or config.get("validation_split")
    before = _rows(shots) if shots.is_file() else rows
    return changes | {"custom_dataset": _data(rows, before, str(asked), splits), "dataset_kwargs": None}


def _data(
    rows: list[dict[str, Any]], shots: list[dict[str, Any]], asked: str, splits: Iterable[str]
) -> Callable[..., Any]:
    def dataset(**_: Any) -> Any:
        from datasets import Dataset, disable_progress_bars

        disable_progress_bars()
        return {split: Dataset.from_list(rows if split == asked else shots) for split in {asked, *splits}}

    return dataset


def _rows(file: Path) -> list[dict[str, Any]]:
    """Rows of a local file, which all have the columns of the first."""
    rows = read_jsonl(file)
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict) or row.keys() != rows[0].keys():
            raise DataError(f"{file}: row {number} has other columns than the first ({', '.join(rows[0])})")
    return rows


def _humaneval(source: Source) -> Task:
    if not source.run_code:
        raise DataError(
            "humaneval runs code that the model writes; it is locked down (docs/benchmarks.md), and still wants your "
            "word: --run-generated-code"
        )
    sandbox.check()
    config: dict[str, Any] = {**HUMANEVAL, "process_results": passed}
    if source.folder is not None:
        file = _file(source.folder, "humaneval")
        if not file.is_file():
            raise DataError(_no_file(source.folder, ("humaneval",)))
        rows = _rows(file)
        config["custom_dataset"] = _data(rows, rows, "test", ())
    where = source.folder or config["dataset_path"]
    return _loaded("humaneval", where, lambda: ConfigurableTask(config=config))


def passed(doc: dict[str, Any], written: Sequence[str]) -> dict[str, float]:
    """Whether what a model wrote after a problem of HumanEval passes the problem's tests."""
    program = f"{doc['prompt']}{written[0]}\n{doc['test']}\ncheck({doc['entry_point']})\n"
    return {"pass_at_1": float(not sandbox.run(program))}


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.jsonl"


def _no_file(folder: Path, names: Sequence[str]) -> str:
    there = ", ".join(sorted(path.name for path in folder.glob("*.jsonl"))) or "no .jsonl file"
    return f"{folder} has no {' or '.join(f'{name}.jsonl' for name in names)}; it has: {there}"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
