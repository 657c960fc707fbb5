"""Sentences with passages that support them or do not: what the verifier is trained on.

A pair is read as the reader reads one (`rag.reader.inputs`), the sentence in the question's place. What a grade says of
a passage and a question it says here of a passage and a sentence: 0 contradicts it, 1 says nothing of it, 2 supports
it; there is no 3.
"""

import hashlib
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.errors import DataError
from core.files import read_jsonl
from core.paths import shipped
from dataset.by_hand import Excerpt, excerpt_text
from dataset.reader.pairs import TrainingPair
from dataset.verifier.alterations import another_number, negated, opposite, shortened
from dataset.written import WrittenAnswer, read_written
from index.reader import Index
from index.topics import record_topic
from rag.checks.citations import is_aside, read_markers
from rag.reader.base import sentences
from rag.reader.inputs import Pair

STATEMENTS = shipped("data/train/statements.jsonl")
CONTRADICTED = (False, False, None)
UNSAID = (True, False, None)
SUPPORTED = (True, True, None)
UNSUPPORTED = (None, False, None)
"""Contradicted or unsaid: which of them, nobody knows."""
STATED = {"said": SUPPORTED, "unsaid": UNSAID, "wrong": CONTRADICTED}
"""What the lists of a line of statements mean here."""
INFERENCE = {"contradiction": CONTRADICTED, "neutral": UNSAID, "entailment": SUPPORTED}
"""What the labels of natural language inference mean here."""
KEPT_BACK = 6
"""Of so many passages that something was written about, the network never sees one: the judge is fitted to those."""
WINDOW = 4
"""Most sentences of a passage around an altered one."""
WORDS = (6, 45)
"""Fewest and most words of a sentence that is altered."""


def from_inference(path: Path) -> Iterator[TrainingPair]:
    """Pairs of sentences labelled for natural language inference.

    Args:
        path: JSON Lines of `premise`, `hypothesis` and `label` (entailment, neutral or contradiction).

    Raises:
        DataError: the file is missing, or a line lacks a key or has another label.
    """
    for number, row in enumerate(read_jsonl(path, "premise", "hypothesis", "label"), start=1):
        if row["label"] not in INFERENCE:
            raise DataError(f"{path}, row {number} has the label {row['label']!r}; expected {', '.join(INFERENCE)}")
        premise = sentences(str(row["premise"]).strip())
        yield TrainingPair(
            Pair(str(row["hypothesis"]).strip(), "", premise), INFERENCE[row["label"]], None, "inference"
        )


def about_passages(
    answers: Path, statements: Path, index: Index, *, kept_back: bool
) -> Iterator[tuple[str, TrainingPair]]:
    """What was written about passages, each with the passage's id: about those that are kept out of the network's
    training, or about the others.

    Raises:
        DataError: a file cannot be read, or names the line that is not of its form.
    """
    for passage, pair in (*from_written(read_written(answers), index), *from_statements(statements, index)):
        if is_kept_back(passage) == kept_back:
            yield passage, pair


def is_kept_back(passage: str) -> bool:
    """Whether what was written about a passage, by its id, is kept out of the network's training."""
    return hashlib.sha256(passage.encode()).digest()[2] % KEPT_BACK == 0


def from_statements(path: Path, index: Index) -> Iterator[tuple[str, TrainingPair]]:
    """Statements that somebody wrote about sentences of passages, each with the passage's id.

    Args:
        path: JSON Lines of `shown` (a passage's id, its first and its last sentence) and of lists of statements: `said`
            there in other words, `unsaid` there though it would look at home, and `wrong` by it.

    Raises:
        DataError: the file is missing, or names the line that is not of this form.
    """
    for number, row in enumerate(read_jsonl(path, "shown", *STATED), start=1):
        try:
            passage_id, first, last = row["shown"]
            excerpt = Excerpt(str(passage_id), int(first), int(last))
            stated = [(str(each), known) for kind, known in STATED.items() for each in row[kind]]
        except (ValueError, TypeError) as error:
            expected = "shown: [passage, first, last] and lists of " + ", ".join(STATED)
            raise DataError(f"{path}, row {number} holds no statements ({error}); expected {expected}") from error
        if (passage := index.by_id.get(excerpt.passage)) is not None:
            heading, text = index.records[passage.record_id].question, sentences(excerpt_text(excerpt, passage))
            for statement, known in stated:
                yield passage.id, TrainingPair(Pair(statement, heading, text), known, None, "statements")


def from_written(answers: Sequence[WrittenAnswer], index: Index) -> Iterator[tuple[str, TrainingPair]]:
    """Sentences of written answers with the passage that they cite, and sentences that no passage supports, each with
    the id of the answer's first passage.

    A sentence that rests on two passages is left out: neither of them need support it alone.
    """
    for written in answers:
        if written.state == "none" or any(excerpt.passage not in index.by_id for excerpt in written.shown):
            continue
        name = written.shown[0].passage
        passages = [index.by_id[excerpt.passage] for excerpt in written.shown]
        headings = [index.records[passage.record_id].question for passage in passages]
        texts = [
            sentences(excerpt_text(excerpt, passage)) for excerpt, passage in zip(written.shown, passages, strict=True)
        ]
        for draft in read_markers(written.answer):
            if len(draft.marked) == 1 and not is_aside(draft.text):
                at = draft.marked[0] - 1
                yield name, TrainingPair(Pair(draft.text, headings[at], texts[at]), SUPPORTED, None, "written")
        first = written.cited[0] - 1
        for statement, known in ((written.more, UNSAID), (written.wrong, CONTRADICTED)):
            yield name, TrainingPair(Pair(statement, headings[first], texts[first]), known, None, "written")


def from_passages(index: Index, topics: Sequence[str], most: int, rng: random.Random) -> Iterator[TrainingPair]:
    """Sentences of the file's passages as they are, shortened, altered, of another passage, and without their own.

    Args:
        topics: what may be trained on.
        most: passages to take a sentence of.
    """
    allowed = set(topics)
    by_topic: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    found = []
    for passage in index.passages:
        record = index.records[passage.record_id]
        said = sentences(passage.text)
        if (topic := record_topic(record)) in allowed and len(said) > 1:
            by_topic[topic].append(said)
            found.append((topic, record.question, said))
    names = list(by_topic)
    for topic, heading, said in rng.sample(found, min(most, len(found))):
        at = rng.randrange(len(said))
        sentence = said[at]
        if not WORDS[0] <= len(sentence.split()) <= WORDS[1]:
            continue
        first = rng.randint(max(0, at - WINDOW + 1), at)
        shown = said[first : first + rng.randint(at - first + 1, WINDOW)]
        rest = tuple(each for each in shown if each != sentence)
        mark = tuple(each == sentence for each in shown)
        title = heading if rng.random() < 0.8 else ""
        yield TrainingPair(Pair(sentence, title, shown), SUPPORTED, mark, "passages")
        if part := shortened(sentence, rng):
            yield TrainingPair(Pair(part, title, shown), SUPPORTED, mark, "passages")
        for other in (another_number(sentence, rng), opposite(sentence, rng), negated(sentence)):
            if other:
                yield TrainingPair(Pair(other, title, shown), CONTRADICTED, None, "passages")
        if rest:
            yield TrainingPair(Pair(sentence, title, rest), UNSUPPORTED, None, "passages")
        elsewhere = rng.choice(rng.choice(by_topic[topic]))
        if elsewhere not in said and len(elsewhere.split()) >= WORDS[0]:
            yield TrainingPair(Pair(elsewhere, title, shown), UNSUPPORTED, None, "passages")
        name = rng.choice(names)
        if name != topic and topic.casefold() in sentence.casefold():
            renamed = re.sub(re.escape(topic), name.replace("\\", r"\\"), sentence, flags=re.I)
            yield TrainingPair(Pair(renamed, title, shown), UNSUPPORTED, None, "passages")
