"""Questions that people sent, with the labels of the passages that were read for them (data/dev/README.md)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import DataError
from core.files import read_jsonl
from core.paths import shipped

LABELS = shipped("data/dev/people.jsonl")
"""Labels of questions whose words stand in a file of their own."""
OWN = shipped("data/dev/own.jsonl")
"""Questions of the same kinds that were written for this project, with their labels."""
GOOD = 2
"""Lowest grade of a passage that answers."""


def is_test_topic(topic: str) -> bool:
    """Whether questions on a topic are of the test half, on which nothing is trained and nothing chosen."""
    return int(hashlib.sha256(topic.encode()).hexdigest(), 16) % 2 == 1


@dataclass(frozen=True)
class LabelledQuestion:
    """A question that somebody asked, and the labels of the passages that were read for it."""

    id: str
    text: str
    kind: str
    """The kind of question: definition, cause, treatment, drug, two_things, story, …"""
    state: str
    """How much of the question the passages answer: `all`, `part` or `none`."""
    split: str
    grades: Mapping[str, int]
    """Passage id -> grade, of every passage that was read."""
    sentences: Mapping[str, tuple[int, ...]]
    """Passage id -> the numbers of its sentences that answer, from 0."""

    @property
    def answerable(self) -> bool:
        return self.state != "none"

    def grade(self, passages: Sequence[str]) -> int:
        """The best grade among passages; 0 for one that nobody read."""
        return max((self.grades.get(passage, 0) for passage in passages), default=0)


def read_asked(labels: Path, questions: Path | None = None, split: str = "") -> list[LabelledQuestion]:
    """Labelled questions, of all splits if none is named.

    Args:
        questions: JSON Lines of `id` and `question`, for labels that hold no words.

    Raises:
        DataError: a file cannot be read or lacks a key, or a question's words are nowhere.
    """
    words = (
        {str(row["id"]): str(row["question"]) for row in read_jsonl(questions, "id", "question")} if questions else {}
    )
    rows = read_jsonl(labels, "id", "kind", "state", "split", "grades", "read", "sentences")
    found = []
    for row in rows:
        text = row.get("question") or words.get(row["id"], "")
        if not text:
            raise DataError(f"{labels} labels {row['id']!r}, whose words are not there; name their file: --questions F")
        grades = {**dict.fromkeys(row["read"], 0), **row["grades"]}
        sentences = {passage: tuple(numbers) for passage, numbers in row["sentences"].items()}
        if not split or row["split"] == split:
            found.append(LabelledQuestion(row["id"], text, row["kind"], row["state"], row["split"], grades, sentences))
    return found
