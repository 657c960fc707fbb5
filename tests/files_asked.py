"""Three files to ask: 10 records in German, 100 that answer yes or no, 1,000 made from templates.

tests/data/files_asked/questions.jsonl holds ten questions that each file answers and ten that it does not, although it
has near topics. They were written before the rules that they measure; the half `held` was not looked at while those
rules were made.
"""

import csv
import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from core.text.rules import read_tsv
from tests.conftest import ROOT
from tests.fakes import write_csv

FOLDER = ROOT / "tests/data/files_asked"
FACTS = ("name", "cause", "sign", "help", "days", "avoid")
"""The cells of ailments.tsv."""


@dataclass(frozen=True)
class FileQuestion:
    """A question over one of the files."""

    file: str
    half: str
    """`tuned` or `held`."""
    answerable: bool
    question: str


def questions() -> list[FileQuestion]:
    """All of them, in the order of the file."""
    lines = (FOLDER / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [FileQuestion(**json.loads(line)) for line in lines]


def write_file(name: str, folder: Path) -> Path:
    """Write one of the three files, `german`, `yes_no` or `thousand`, into a folder."""
    return write_csv(folder / f"{name}.csv", thousand() if name == "thousand" else _kept(name))


def thousand() -> list[tuple[str, str]]:
    """A question and an answer for each template about each ailment."""
    ailments = [dict(zip(FACTS, cells, strict=True)) for _, cells in read_tsv(FOLDER / "ailments.tsv")]
    templates = [cells for _, cells in read_tsv(FOLDER / "templates.tsv")]
    return [
        (question.format(**facts), answer.format(**facts, Name=facts["name"][0].upper() + facts["name"][1:]))
        for facts, (question, answer) in product(ailments, templates)
    ]


def _kept(name: str) -> list[list[str]]:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]
