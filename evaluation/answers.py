"""Evaluate the generator on questions of topics that it was not trained on, models side by side.

citewell evaluate answers --models base,tuned
citewell evaluate answers --models base,tuned --adapter artifacts/runs/first --limit 60
citewell evaluate answers --models base,tuned --examples 4 --seed 7     # print four questions, answered by each
citewell evaluate answers --models base,tuned,artifacts/other-model     # any other checkpoint beside them
citewell evaluate answers --models base,tuned --stress                  # the hand-written hard cases alone

Rows come from `citewell rows`: the same prompts go to each model, and what it writes is judged as it
stands. Lay questions (data/dev) are asked over the index that the rows were made from. Writes evaluation.json and
evaluation.png; answers are kept in artifacts/evaluation/answers, so that a second run is quick.
"""

import argparse
import dataclasses
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.command import command_parser
from core.errors import CiteWellError, run_command
from core.files import write_atomic
from core.paths import artifacts, shipped
from core.progress import log
from core.settings import GeneratorSettings, Settings, load
from generator.tuning.rows import Row, read_manifest, read_rows

if TYPE_CHECKING:  # these modules load models' libraries, which --help does without
    from evaluation.answer_report import Candidate
    from evaluation.measures import Table

STRESS = shipped("data/dev/stress.jsonl")
LAY = (shipped("data/dev/medquad.jsonl"), shipped("data/dev/unanswerable.jsonl"))


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("evaluation.answers", __doc__)
    parser.add_argument("--models", default="base,tuned", help="base, tuned, folders or hub ids, separated by commas")
    parser.add_argument("--adapter", metavar="NAME", help="the adapter of `tuned` (default: the settings')")
    parser.add_argument("--rows", metavar="DIR", type=Path, default=artifacts("examples"), help="held-out rows")
    parser.add_argument("--index", metavar="DIR", help="the index that the rows were made from, for lay questions")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="most rows (default: all)")
    parser.add_argument(
        "--lay", choices=("test", "fit", "all", "none"), default="test", help="part of the lay questions"
    )
    parser.add_argument("--examples", type=int, metavar="N", help="print N random questions with all answers, and stop")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--stress",
        metavar="F",
        type=Path,
        nargs="?",
        const=STRESS,
        help="ask a stress set, and stop (default: data/dev/stress.jsonl)",
    )
    parser.add_argument("--to", metavar="DIR", type=Path, default=artifacts("evaluation"), help="where to write")
    arguments = parser.parse_args(argv)
    names = [name.strip() for name in arguments.models.split(",") if name.strip()]
    if not names:
        parser.error("--models names none; expected such as base,tuned")
    settings = load({"index.dir": arguments.index, "generator.adapter": arguments.adapter})

    from evaluation.answer_report import answers, candidate

    if arguments.stress:
        return _stress(settings, [candidate(name, settings.generator) for name in names], arguments)
    rows = read_rows(arguments.rows, "test")
    rows = rows[: arguments.limit or len(rows)]
    models = [candidate(name, settings.generator) for name in names]
    if arguments.examples:
        rows = random.Random(arguments.seed).sample(rows, min(arguments.examples, len(rows)))  # noqa: S311
        written = {model.name: answers(model, rows) for model in models}
        for number, row in enumerate(rows):
            print("\n".join(_shown(row, {name: texts[number] for name, texts in written.items()})))
        return 0
    return _evaluate(settings, models, rows, arguments)


def _evaluate(settings: Settings, models: "Sequence[Candidate]", rows: list[Row], arguments: argparse.Namespace) -> int:
    from evaluation.answer_report import answers, as_json, draw, evaluate
    from evaluation.measures import measure, signatures, table
    from rag.opening import open_judge

    support = open_judge(settings)
    figures = table({model.name: evaluate(model, rows, support)[0] for model in models})
    manifest = read_manifest(arguments.rows)
    about = {
        "rows": len(rows),
        "answerable": sum(row.answerable for row in rows),
        "topics": len({row.topic for row in rows}),
        "data_sha256": manifest["data_sha256"],
        "csv": manifest["csv"],
        "csv_sha256": manifest["csv_sha256"],
        "models": {model.name: model.identity for model in models},
        "bleu": signatures()["bleu"],
        "chrf": signatures()["chrf"],
        "bertscore": "bert-score, all-MiniLM-L6-v2, last layer, no idf, not rescaled; an answer that refuses scores 0",
    }
    result = {**as_json(figures), "about": about}
    _print(f"{len(rows)} questions of topics not trained on", figures)
    if lay := _lay(settings, models[0].settings, arguments.lay):
        measured = {model.name: measure(lay, answers(model, lay), support) for model in models}
        lay_figures = table(measured)
        answerable = sum(row.answerable for row in lay)
        _print(f"{len(lay)} lay questions, {answerable} answerable", lay_figures)
        result["lay"] = {**as_json(lay_figures), "about": {"questions": len(lay), "answerable": answerable}}
    write_atomic(arguments.to / "evaluation.json", json.dumps(result, indent=1) + "\n")
    draw(figures, arguments.to / "evaluation.png")
    print(f"\n{arguments.to}/evaluation.json, evaluation.png")
    return 0


def _stress(settings: Settings, models: "Sequence[Candidate]", arguments: argparse.Namespace) -> int:
    """Ask every model the stress set; prints the bad answers, writes stress.json."""
    from evaluation.answer_report import answers, as_json
    from evaluation.measures import table
    from evaluation.stress import measure_stress, outcome, read_cases
    from rag.opening import open_judge

    support = open_judge(settings)
    cases = read_cases(arguments.stress)[: arguments.limit or None]
    measured = {}
    for model in models:
        written = answers(model, [case.row for case in cases])
        outcomes = [outcome(case, text, support) for case, text in zip(cases, written, strict=True)]
        measured[model.name] = measure_stress(cases, outcomes)
        for case, text, each in zip(cases, written, outcomes, strict=True):
            if each.bad:
                print(f"\n{model.name}, {case.row.form}: {case.row.question}\n  {text}\n  {each.bad}")
    figures = table(measured)
    _print(f"{len(cases)} questions of {arguments.stress}", figures)
    about = {"questions": len(cases), "models": {model.name: model.identity for model in models}}
    write_atomic(arguments.to / "stress.json", json.dumps({**as_json(figures), "about": about}, indent=1) + "\n")
    print(f"\n{arguments.to}/stress.json")
    return 0


def _lay(settings: Settings, generator: GeneratorSettings, part: str) -> list[Row]:
    """Lay questions over the index of the settings; none, with a notice, where there is no such index."""
    if part == "none":
        return []
    from evaluation.answer_report import lay_rows
    from rag.answerer import Answerer
    from rag.opening import open_llm, open_retriever

    unsure = dataclasses.replace(settings, rag=dataclasses.replace(settings.rag, abstain=False), generator=generator)
    try:
        retriever = open_retriever(unsure)
        files = [file for file in LAY if file.is_file()]
        answerer = Answerer(retriever, open_llm(unsure), context_tokens=unsure.generator.context_tokens)
        rows = lay_rows(answerer, files, "" if part == "all" else part)
    except CiteWellError as error:
        log.warning(f"notice: lay questions are left out: {error}")
        return []
    if not any(row.answerable for row in rows):
        log.warning(f"notice: lay questions are left out: {settings.index.dir} holds none of their answers")
        return []
    return rows


def _print(title: str, figures: "Table") -> None:
    print(f"\n{title}\n{'':<28}" + "".join(f"{name:>26}" for name in figures))
    for measure in next(iter(figures.values())):
        cells = [each[measure] for each in figures.values()]
        shown = [f"{cell.mean:.3f} ({cell.low:.3f} to {cell.high:.3f})" if cell.n else "-" for cell in cells]
        print(f"{measure:<28}" + "".join(f"{text:>26}" for text in shown))


def _shown(row: Row, written: dict[str, str]) -> list[str]:
    lines = [f"\n{'=' * 100}\n{row.question}   ({row.form}, {'answerable' if row.answerable else 'no answer in it'})\n"]
    lines += [f"[{number}] {source.heading}\n{source.text}\n" for number, source in enumerate(row.sources, start=1)]
    lines += [f"reference: {row.completion}"] if row.completion else []
    return lines + [f"{name + ':':<10} {text}" for name, text in written.items()]


if __name__ == "__main__":
    run_command(main)
