"""Questions with judged answers: the project's own development files, and folders in BEIR's form."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import DataError
from core.files import jsonl_lines, read_jsonl
from index.clean import clean_text
from index.corpus import record_id
from rag.answer import Evidence


@dataclass(frozen=True)
class JudgedQuestions:
    """Questions, and for each the documents that answer it with a grade."""

    name: str
    questions: dict[str, str]
    grades: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Question:
    """A question of which it is known whether the file answers it."""

    text: str
    answerable: bool
    relevant: Mapping[str, int] = field(default_factory=dict)
    """Record id -> grade, of the records that answer it."""
    silent: tuple[str, ...] = ()
    """Ids of passages of such records that were read and do not hold the answer."""
    form: str = "lay"

    def shown_in(self, evidence: Sequence[Evidence]) -> tuple[int, ...] | None:
        """The numbers of the evidence that answers it, or None where that is not known.

        It is not known for an answerable question if the search found none of the question's records: the passages that
        it found in their place were not read.
        """
        found = [item for item in evidence if item.record_id in self.relevant]
        if not evidence or (self.answerable and not found):
            return None
        return tuple(item.n for item in found if item.passage_id not in self.silent)


def read_questions(files: Sequence[Path], split: str = "") -> list[Question]:
    """Questions of development files, of all splits if none is named.

    Raises:
        DataError: a file cannot be read or lacks a key.
    """
    return [
        Question(
            row["question"],
            bool(row["answerable"]),
            row.get("relevant", {}),
            tuple(row.get("silent", ())),
            str(row.get("kind", "lay")),
        )
        for path in files
        for row in read_jsonl(path, "question", "answerable", "split")
        if not split or row["split"] == split
    ]


def read_development(path: Path, split: str = "") -> JudgedQuestions:
    """A development file: question, relevant (record id -> grade), split; all of it if no split is named."""
    rows = [row for row in read_jsonl(path, "question", "relevant") if not split or row.get("split") == split]
    return JudgedQuestions(
        path.stem + (f" ({split})" if split else ""),
        {str(number): row["question"] for number, row in enumerate(rows)},
        {str(number): {key: int(grade) for key, grade in row["relevant"].items()} for number, row in enumerate(rows)},
    )


def read_beir(folder: Path, split: str, csv_path: Path) -> tuple[JudgedQuestions, dict[tuple[str, str], list[str]]]:
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
    return JudgedQuestions(folder.name, asked, grades), of_row


_QRELS = "query-id, corpus-id and score, separated by tabs"


def _read_qrels(path: Path) -> dict[str, dict[str, int]]:
    if not path.is_file():
        raise DataError(f"no file at {path}; expected {_QRELS}")
    grades: dict[str, dict[str, int]] = {}
    for number, line in enumerate(jsonl_lines(path.read_text(encoding="utf-8")), start=1):
        cells = line.split("\t")
        if number == 1 and not cells[-1].strip().lstrip("-").isdigit():
            continue  # the header
        if len(cells) != 3 or not cells[2].strip().lstrip("-").isdigit():
            raise DataError(f"{path}, line {number} is {line[:60]!r}; expected {_QRELS}")
        grades.setdefault(cells[0], {})[cells[1]] = int(cells[2])
    if not grades:
        raise DataError(f"{path} judges nothing; expected {_QRELS}")
    return grades
