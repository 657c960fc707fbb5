"""Sets of questions with judged answers, and the measures of a search over them."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
from ir_measures import AP, RR, R, nDCG

from core.errors import DataError
from core.progress import bar
from index.clean import clean_text
from index.corpus import record_id
from rag.retriever import Found, IndexRetriever

MEASURES = {"nDCG@10": nDCG @ 10, "MAP@10": AP @ 10, "MRR@10": RR @ 10, "Recall@10": R @ 10, "Recall@100": R @ 100}
MAIN = "nDCG@10"
RESAMPLES = 1000
"""Of the bootstrap (Efron 1979); intervals are the middle 95 % of the means over resampled questions."""
DEPTH = 100

Run = dict[str, dict[str, float]]
"""Question id -> document id -> score."""


@dataclass(frozen=True)
class Judged:
    """Questions, and for each the documents that answer it with a grade."""

    name: str
    questions: dict[str, str]
    grades: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Figure:
    """A mean over questions with its 95 % interval."""

    mean: float
    low: float
    high: float
    n: int


def figure(values: np.ndarray, seed: int = 0) -> Figure:
    """Mean and bootstrap interval of one value a question."""
    if not len(values):
        return Figure(0.0, 0.0, 0.0, 0)
    drawn = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
    return Figure(float(values.mean()), float(low), float(high), len(values))


def read_jsonl(path: Path, *needed: str) -> list[dict[str, Any]]:
    """Rows of a JSONL file, each with the keys that are needed.

    Raises:
        DataError: the file is missing, or names the line that is no such row.
    """
    if not path.is_file():
        raise DataError(f"no file at {path}; expected JSONL with {', '.join(needed)} on each line")
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            missing = [key for key in needed if key not in row]
        except (ValueError, TypeError) as error:
            raise DataError(f"{path}, line {number} is no JSON object ({error})") from error
        if missing:
            raise DataError(f"{path}, line {number} has no {missing[0]!r}; expected {', '.join(needed)}")
        rows.append(row)
    if not rows:
        raise DataError(f"{path} is empty; expected JSONL with {', '.join(needed)} on each line")
    return rows


def read_development(path: Path, split: str = "") -> Judged:
    """A development file: question, relevant (record id -> grade), split; all of it if no split is named."""
    rows = [row for row in read_jsonl(path, "question", "relevant") if not split or row.get("split") == split]
    return Judged(
        path.stem + (f" ({split})" if split else ""),
        {str(number): row["question"] for number, row in enumerate(rows)},
        {str(number): {key: int(grade) for key, grade in row["relevant"].items()} for number, row in enumerate(rows)},
    )


def read_beir(folder: Path, split: str, csv_path: Path) -> tuple[Judged, dict[tuple[str, str], list[str]]]:
    """Read a folder in BEIR's form and write its corpus as a CSV that `index.build` takes.

    Returns the judged questions, and the document ids of each (record id, question) of that CSV.

    Raises:
        DataError: a file is missing or has a line that cannot be read; judgements name unknown ids; a query is empty.
    """
    documents = read_jsonl(folder / "corpus.jsonl", "_id", "text")
    queries = {str(row["_id"]): str(row["text"]) for row in read_jsonl(folder / "queries.jsonl", "_id", "text")}
    grades = _read_qrels(folder / "qrels" / f"{split}.tsv")
    known = {str(row["_id"]) for row in documents}
    for query, judged in grades.items():
        if query not in queries:
            raise DataError(f"{folder}/qrels/{split}.tsv judges query {query!r}, which queries.jsonl does not hold")
        if not any(char.isalnum() for char in queries[query]):
            raise DataError(f"{folder}/queries.jsonl has an empty query {query!r}; expected words")
        if unknown := sorted(set(judged) - known):
            raise DataError(f"{folder}/qrels/{split}.tsv names {unknown[0]!r}, which corpus.jsonl does not hold")
    of_row: dict[tuple[str, str], list[str]] = {}
    csv_path.parent.mkdir(parents=True, exist_ok=True)
    with csv_path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "answer"])
        for row in documents:
            text = clean_text(str(row["text"]))
            title = " ".join(clean_text(str(row.get("title") or "")).split()) or " ".join(text.split()[:12])
            writer.writerow([title, text])
            of_row.setdefault((record_id(text), title), []).append(str(row["_id"]))
    asked = {query: queries[query] for query in grades}
    return Judged(folder.name, asked, grades), of_row


_QRELS = "query-id, corpus-id and score, parted by tabs"


def _read_qrels(path: Path) -> dict[str, dict[str, int]]:
    if not path.is_file():
        raise DataError(f"no file at {path}; expected {_QRELS}")
    grades: dict[str, dict[str, int]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        cells = line.split("\t")
        if number == 1 and not cells[-1].strip().lstrip("-").isdigit():
            continue  # the header
        if len(cells) != 3 or not cells[2].strip().lstrip("-").isdigit():
            raise DataError(f"{path}, line {number} is {line[:60]!r}; expected {_QRELS}")
        grades.setdefault(cells[0], {})[cells[1]] = int(cells[2])
    if not grades:
        raise DataError(f"{path} judges nothing; expected {_QRELS}")
    return grades


def find_all(retriever: IndexRetriever, judged: Judged) -> dict[str, Found]:
    """Search for every question."""
    found = {}
    with bar("searching", len(judged.questions), " questions") as progress:
        for key, question in judged.questions.items():
            found[key] = retriever.find(retriever.read(question))
            progress.update()
    return found


def stage_rows(found: Found, stage: str, headed: np.ndarray) -> list[int]:
    """The question rows in the order of a stage, or of their fusion ("fused"); each once."""
    if stage == "fused":
        rows: Iterable[int] = (candidate.question_row for candidate in found.candidates)
    elif stage == "headed":
        rows = (int(headed[row, 1]) for row, _ in found.stages.headed)
    else:
        rows = (row for row, _ in getattr(found.stages, stage))
    return list(dict.fromkeys(rows))


def as_run(ranked: Mapping[str, Sequence[str]]) -> Run:
    """Ranked document ids as a run: the score is the place counted from the end."""
    return {
        query: {document: float(DEPTH - place) for place, document in enumerate(list(dict.fromkeys(documents))[:DEPTH])}
        for query, documents in ranked.items()
    }


def measured(judged: Judged, run: Run) -> dict[str, np.ndarray]:
    """Each measure's value of every question, in their order; a question without results counts 0."""
    order = list(judged.grades)
    values = {name: np.zeros(len(order)) for name in MEASURES}
    names = {measure: name for name, measure in MEASURES.items()}
    place = {query: number for number, query in enumerate(order)}
    for metric in ir_measures.iter_calc(list(MEASURES.values()), judged.grades, run):
        values[names[metric.measure]][place[metric.query_id]] = metric.value
    return values
