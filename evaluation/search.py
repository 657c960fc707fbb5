"""Measure the search, and whether it knows when there is no answer.

citewell evaluate search retrieval --beir DIR
citewell evaluate search retrieval --questions data/dev/medquad.jsonl --index artifacts/medquad --plain
citewell evaluate search abstention --questions data/dev/*.jsonl --index artifacts/medquad
citewell evaluate search fit --to index/ranking.json
citewell evaluate search gate

Intervals are 95 % bootstrap intervals over questions; "against the first" is the mean paired difference.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from core.charts import chart
from core.command import Parser, command_parser
from core.errors import DataError, run_command
from core.files import read_jsonl, write_atomic
from core.paths import artifacts, shipped
from core.settings import Settings, load
from dataset.answerability import out_of_fold
from evaluation.abstention import Abstention, abstention, auroc
from evaluation.fitting import MAX_REFUSED, STRENGTH, Searched, fit_answerability, fit_fusion
from evaluation.gate import report
from evaluation.judged_questions import JudgedQuestions, read_beir, read_development
from evaluation.search_stages import MAIN, MEASURES, STAGES, Table, find_all, plain_vectors, retrieval_table
from evaluation.stats import Figure, mean
from index.build import build
from index.ranking import Answerability
from index.reader import Index
from rag.opening import open_retriever
from rag.search.retriever import IndexRetriever

DEVELOPMENT = shipped("data/dev")
FIGURES = DEVELOPMENT / "figures.json"
FILES = {"health_qa": shipped("data/health_qa.csv"), "medquad": artifacts("medquad.csv")}
"""The files that the development questions are about."""


def _print_table(name: str, table: Table, gains: dict[str, Figure]) -> None:
    first = next(iter(table))
    print(f"\n{name}: {table[first][MAIN].n} questions")
    print(f"  {'stage':<10}" + "".join(f"{measure:>24}" for measure in MEASURES) + f"{MAIN + ' against ' + first:>32}")
    for stage, figures in table.items():
        cells = "".join(f"{f'{value.mean:.3f} ({value.low:.3f}-{value.high:.3f})':>24}" for value in figures.values())
        gain = gains.get(stage)
        against = f"{gain.mean:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})" if gain else ""
        print(f"  {stage:<10}{cells}{against:>32}")


def _print_abstention(result: Abstention) -> None:
    print(f"  AUROC {result.auroc:.3f}; coverage at 5 % risk {result.coverage_at_5_percent_risk:.1%}")
    print(f"  {'':<16}{'answered':>10}{'refused':>10}")
    for name, count, refused in (
        ("answerable", result.answerable, result.answerable_refused),
        ("unanswerable", result.unanswerable, result.unanswerable_refused),
    ):
        print(f"  {name:<16}{count - refused:>10}{refused:>10}   {refused / max(1, count):.1%} refused")
    for kind, (refused, count) in sorted(result.by_kind.items()):
        print(f"    {kind:<14}{count - refused:>10}{refused:>10}")


def _draw(result: Abstention, path: Path) -> None:
    with chart(path, 1, (6, 3.6)) as (_, (axes,)):
        axes.plot(result.curve["coverage"], result.curve["risk"], color="#0b6e63")
        axes.axhline(0.05, color="#999999", linewidth=0.8, linestyle="--")
        axes.set(xlabel="share of questions answered", ylabel="of these, not in the file", title="Risk and coverage")
        axes.set_ylim(bottom=0)


def _as_json(table: Table) -> dict[str, Any]:
    return {stage: {name: dataclasses.asdict(value) for name, value in row.items()} for stage, row in table.items()}


def _retrieval(arguments: argparse.Namespace, settings: Settings) -> int:
    if arguments.beir:
        csv_path = artifacts("beir") / arguments.beir.name / "corpus.csv"
        judged, of_row = read_beir(arguments.beir, arguments.split, csv_path)
        retriever = _over(csv_path, csv_path.parent / "index", settings)
        documents = [of_row.get((record.id, question), []) for record, question in retriever.index.questions]
    else:
        retriever = open_retriever(settings)
        judged = read_development(arguments.questions, arguments.part)
        _check_known(retriever, judged)
        documents = [[record.id] for record, _ in retriever.index.questions]
    plain = plain_vectors(retriever, Path(settings.index.cache)) if arguments.plain else None
    started = time.perf_counter()
    table, gains = retrieval_table(retriever, judged, documents, plain)
    adapter = retriever.adapter or "none"
    _print_table(f"{judged.name} over {retriever.index.manifest.csv}, adapter {adapter}", table, gains)
    print(f"  {(time.perf_counter() - started) / len(judged.grades) * 1000:.0f} ms a question, all stages measured")
    result = {"set": judged.name, "adapter": adapter, "stages": _as_json(table)}
    result["gains"] = {stage: dataclasses.asdict(value) for stage, value in gains.items()}
    _write(arguments.json or artifacts("evaluation") / f"retrieval-{judged.name.replace(' ', '-')}.json", result)
    return 0


def _check_known(retriever: IndexRetriever, judged: JudgedQuestions) -> None:
    records = retriever.index.records
    known = sum(any(record in records for record in grades) for grades in judged.grades.values())
    if known < len(judged.grades):
        manifest = retriever.index.manifest
        raise DataError(
            f"{judged.name} asks about records that {manifest.csv} does not hold ({known} of {len(judged.grades)} "
            "questions have one that it does); name the index of the right file with --index"
        )


def _abstention(arguments: argparse.Namespace, settings: Settings) -> int:
    retriever = open_retriever(settings)
    rows = [row for path in arguments.questions for row in read_jsonl(path, "question", "answerable")]
    rows = _asked_of(rows, retriever, arguments.part)
    result = abstention(retriever, rows)
    print(f"\n{len(rows)} questions over {retriever.index.manifest.csv}")
    _print_abstention(result)
    target = arguments.json or artifacts("evaluation/abstention.json")
    _write(target, dataclasses.asdict(result))
    _draw(result, target.with_suffix(".png"))
    print(f"  risk and coverage: {target.with_suffix('.png')}")
    return 0


def _asked_of(rows: list[dict[str, Any]], retriever: IndexRetriever, part: str) -> list[dict[str, Any]]:
    """The rows of this part of the split, without questions that this very file can answer after all."""
    csv = retriever.index.manifest.csv
    return [row for row in rows if csv not in row.get("answerable_by", ()) and (not part or row.get("split") == part)]


def _fit(arguments: argparse.Namespace, settings: Settings) -> int:
    """Fit the fusion to one half of the largest file's questions, the answerability model to all files' questions."""
    retrievers = {name: _over(csv, artifacts(name), settings) for name, csv in FILES.items() if csv.is_file()}
    name = list(retrievers)[-1]
    retriever = retrievers[name]
    judged = read_development(DEVELOPMENT / f"{name}.jsonl", "fit")
    found = find_all(retriever, judged)
    embedded = retriever.embedder.embed([item.query.searched for item in found.values()])
    searched = Searched(judged, found, dict(zip(found, embedded, strict=True)))
    ranking = fit_fusion(retriever.index, searched, retriever.index.ranking)
    print(f"weights {ranking.weights}, constant {ranking.rrf_k:g}")
    print(f"topic votes {ranking.topic_votes:g}, aspect match {ranking.aspect_match:g}")
    indexes = {name: dataclasses.replace(one.index, ranking=ranking) for name, one in retrievers.items()}
    answerability, questions = _fitted(retrievers, indexes)
    print("words alone, as before the vectors are made")
    by_words, _ = _fitted(retrievers, {name: index.without_vectors() for name, index in indexes.items()})
    csvs = " and ".join(
        f"{one.index.manifest.csv} ({one.index.manifest.csv_sha256[:12]})" for one in retrievers.values()
    )
    fitted_on = (
        f"fusion: {judged.name}, {len(judged.grades)} questions; answerability: {questions} questions over {csvs}"
    )
    fitted = dataclasses.replace(
        ranking, answerability=answerability, answerability_by_words=by_words, fitted_on=fitted_on
    )
    write_atomic(arguments.to, fitted.to_json())
    print(f"{arguments.to} is written; take it up: citewell build --ranking {arguments.to}")
    return 0


def _fitted(retrievers: dict[str, IndexRetriever], indexes: dict[str, Index]) -> tuple[Answerability, int]:
    """The answerability model of the questions about all files, each searched in its index, and how many these are."""
    values: list[np.ndarray] = []
    truths: list[bool] = []
    files: list[str] = []
    for file, one in retrievers.items():
        over = one.model_copy(update={"index": indexes[file]})
        rows = _questions_about(file, one)
        values.extend(over.find(over.read(row["question"])).signals for row in rows)
        truths.extend(bool(row["answerable"]) for row in rows)
        files.extend([file] * len(rows))
    signals, truth = np.stack(values), np.array(truths)
    model = fit_answerability(signals, truth)
    for signal, value in zip(model.signals, model.coefficients, strict=True):
        print(f"  {signal:<18}{value:+.2f}")
    _print_out_of_fold(out_of_fold(signals, truth, STRENGTH), truth, np.array(files))
    return model, len(truth)


def _print_out_of_fold(probabilities: np.ndarray, truth: np.ndarray, files: np.ndarray) -> None:
    """The model's figures on questions that it did not see, each file's bar set where it refuses `MAX_REFUSED`."""
    for file in dict.fromkeys(files):
        sure, answerable = probabilities[files == file], truth[files == file]
        refused = (sure[~answerable] < np.quantile(sure[answerable], MAX_REFUSED)).mean()
        print(
            f"{file}, questions not seen: AUROC {auroc(sure, answerable):.3f}; where {MAX_REFUSED:.1%} of the "
            f"answerable are refused, so are {refused:.1%} of the unanswerable"
        )


def _over(csv: Path, folder: Path, settings: Settings) -> IndexRetriever:
    """The retriever over the index of a file with columns `question` and `answer`, built if it does not stand."""
    index = dataclasses.replace(
        settings.index, csv=str(csv), dir=str(folder), question_column="question", answer_column="answer"
    )
    build(index)
    return open_retriever(dataclasses.replace(settings, index=index))


def _questions_about(name: str, retriever: IndexRetriever) -> list[dict[str, Any]]:
    """The development questions that the file answers, and those that it does not."""
    answerable = read_jsonl(DEVELOPMENT / f"{name}.jsonl", "question")
    return _asked_of(answerable + read_jsonl(DEVELOPMENT / "unanswerable.jsonl", "question"), retriever, "")


def _gate(arguments: argparse.Namespace, settings: Settings) -> int:
    """Measure the development sets again and compare with the committed figures; 1 if one is below its interval."""
    figures: dict[str, Figure] = {}
    for name, csv in FILES.items():
        if not csv.is_file():
            print(f"{name}: left out, no {csv} here; fetch it: citewell fetch medquad --to {csv}")
            continue
        retriever = _over(csv, artifacts(name), settings)
        judged = read_development(DEVELOPMENT / f"{name}.jsonl")
        table, gains = retrieval_table(retriever, judged, [[record.id] for record, _ in retriever.index.questions])
        _print_table(name, table, gains)
        for stage in STAGES:
            figures[f"{name} {stage} {MAIN}"] = table[stage][MAIN]
        result = abstention(retriever, _questions_about(name, retriever))
        _print_abstention(result)
        answered = np.repeat([1.0, 0.0], [result.answerable - result.answerable_refused, result.answerable_refused])
        refused = np.repeat(
            [1.0, 0.0], [result.unanswerable_refused, result.unanswerable - result.unanswerable_refused]
        )
        figures[f"{name} answerable answered"] = mean(answered)
        figures[f"{name} unanswerable refused"] = mean(refused)
    if arguments.commit:
        kept = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.is_file() else {}
        _write(FIGURES, {**kept, **{name: dataclasses.asdict(value) for name, value in figures.items()}})
        return 0
    return report(figures, {name: Figure(**value) for name, value in _committed().items()}, FIGURES)


def _committed() -> dict[str, Any]:
    if not FIGURES.is_file():
        raise DataError(f"no figures at {FIGURES}; measure them: citewell evaluate search gate --commit")
    return dict(json.loads(FIGURES.read_text(encoding="utf-8")))


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(content, indent=1) + "\n")
    print(f"  written: {path}")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("evaluation.search", __doc__)
    shared = Parser(add_help=False)
    shared.add_argument("--index", metavar="DIR", help="the index folder (default: artifacts/index)")
    shared.add_argument("--adapter", metavar="NAME", help="adapter of the question embedder; '' for none")
    shared.add_argument("--json", metavar="F", type=Path, help="where to write the figures")
    shared.add_argument("--part", default="", metavar="P", help="only the questions of this split: fit or test")
    commands = parser.add_subparsers(dest="command", required=True)

    retrieval = commands.add_parser("retrieval", parents=[shared], help="nDCG, MAP, MRR and recall of every stage")
    source = retrieval.add_mutually_exclusive_group(required=True)
    source.add_argument("--beir", metavar="DIR", type=Path, help="corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv")
    source.add_argument("--questions", metavar="F", type=Path, help="JSONL: question, relevant (record id -> grade)")
    retrieval.add_argument("--split", default="test", metavar="S", help="which qrels of a BEIR folder (default: test)")
    retrieval.add_argument("--plain", action="store_true", help="also search answers alone, untuned (embeds them once)")
    retrieval.add_argument("--reader", metavar="NAME", default="", help="a reader or a cross-encoder (default: none)")

    abstain = commands.add_parser("abstention", parents=[shared], help="AUROC, coverage at 5 %% risk, confusion table")
    abstain.add_argument("--questions", metavar="F", type=Path, nargs="+", required=True, help="question, answerable")

    fit = commands.add_parser("fit", parents=[shared], help="fit the fusion's weights and the bar for abstaining")
    fit.add_argument("--to", metavar="F", type=Path, required=True, help="the ranking file to write")

    gate = commands.add_parser("gate", parents=[shared], help="fail where a figure fell below its committed interval")
    gate.add_argument("--commit", action="store_true", help="write the figures instead of comparing them")

    arguments = parser.parse_args(argv)
    overrides = {"index.dir": arguments.index, "index.adapter": arguments.adapter}
    if arguments.command == "retrieval":
        overrides["rag.reader"] = arguments.reader
    run = {"retrieval": _retrieval, "abstention": _abstention, "fit": _fit, "gate": _gate}[arguments.command]
    return run(arguments, load(overrides))


if __name__ == "__main__":
    run_command(main)
