"""Questions with passages that answer them or do not: what the reader is trained on.

From the file itself, questions as people ask them (`index.tuning.question_forms`) beside the record's own passage and
four that must not be taken for it: another aspect of the same topic, the same aspect of topics whose questions are
near, and a topic whose name contains the name. From people: labels of questions that were sent (`data/dev`), questions
written by hand over passages (`data/train`), and passages for reading with their answers marked.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.files import read_jsonl
from core.text.answer_cues import tells
from core.text.sentences import sentence_spans
from dataset.by_hand import HandWritten
from dataset.labelled import LabelledQuestion
from index.corpus import Record
from index.passages import Passage
from index.reader import Index
from index.topics import record_aspect, record_topic
from index.tuning.question_forms import lay_questions
from rag.reader.base import sentences
from rag.reader.inputs import GRADES, Pair
from rag.search.retriever import IndexRetriever
from rag.search.stages import run_stages

FIRST_PASSAGES = 4
"""Passages of a record among which the one that answers is looked for."""
NEAR_TOPICS = 2
"""Passages on near topics for each question of the file."""
NEAR_QUESTIONS = 30
"""Nearest questions of the file among which near topics are looked for."""
AS_PEOPLE_ASK = 0.8
"""Share of the file's questions that are asked in other words than the file's."""
SPAN_SENTENCES = 7
"""Sentences of a long text that are read around an answer."""
FAR_SENTENCES = 12
"""Sentences between an answer and a part of the same text that does not hold it."""
MOST_CHARS = 400
"""Letters of a sentence of a text for reading; some are tables."""
_GENERIC = frozenset({"disease", "syndrome", "of", "the", "and", "type"})


@dataclass(frozen=True)
class TrainingPair:
    """A pair with what is known of it."""

    pair: Pair
    at_least: tuple[bool | None, ...]
    """Whether its grade is at least 1, 2, 3; None where nobody knows."""
    marks: tuple[bool, ...] | None
    """Whether each sentence answers; None where nobody knows."""
    source: str
    """Where it comes from: file, hand, people, reading."""


def graded(grade: int) -> tuple[bool | None, ...]:
    """What a grade says of the thresholds."""
    return tuple(grade > threshold for threshold in range(GRADES))


def _pair(question: str, record: Record, passage: Passage) -> Pair:
    return Pair(question, record.question, sentences(passage.text))


def _unmarked(pair: Pair) -> tuple[bool, ...]:
    return (False,) * len(pair.sentences)


def from_labels(labels: Sequence[LabelledQuestion], retriever: IndexRetriever) -> Iterator[TrainingPair]:
    """The passages that were read for real questions, each question as the search reads it."""
    index = retriever.index
    for label in labels:
        question = retriever.read(label.text[: retriever.settings.max_question_chars]).searched
        for passage_id, grade in label.grades.items():
            passage = index.by_id.get(passage_id)
            if passage is None:
                continue
            pair = _pair(question, index.records[passage.record_id], passage)
            marked = label.sentences.get(passage_id)
            marks = (
                None if grade > 1 and marked is None else tuple(n in (marked or ()) for n in range(len(pair.sentences)))
            )
            yield TrainingPair(pair, graded(grade), marks, "people")


def from_hand(sets: Sequence[HandWritten], index: Index, rng: random.Random) -> Iterator[TrainingPair]:
    """Questions written by hand over passages, with each of the passages, and some of the others' questions."""
    over = [each for each in sets if each.shown and all(shown.passage in index.by_id for shown in each.shown)]
    anywhere = [asked.question for each in sets if not each.shown for asked in each.asked]
    every = [asked.question for each in over for asked in each.asked]
    for each in over:
        for number, shown in enumerate(each.shown, start=1):
            passage = index.by_id[shown.passage]
            read = sentences(passage.text)[shown.first : shown.last + 1]
            heading = index.records[passage.record_id].question
            for asked in each.asked:
                marked = {sentence - shown.first for of, sentence in asked.answer if of == number}
                marks = tuple(n in marked for n in range(len(read)))
                known = (True, True, None) if marked else (None, False, False)
                yield TrainingPair(Pair(asked.question, heading, read), known, marks, "hand")
            far = [rng.choice(every), *([rng.choice(anywhere)] if anywhere else [])]
            for question in far:
                pair = Pair(question, heading, read)
                yield TrainingPair(pair, graded(0), _unmarked(pair), "hand")


def from_file(retriever: IndexRetriever, most: int, rng: random.Random) -> Iterator[TrainingPair]:
    """Questions of the file's own records, as people ask them, with passages that answer them and four that do not."""
    index = retriever.index
    passages: dict[str, list[Passage]] = defaultdict(list)
    for passage in index.passages:
        passages[passage.record_id].append(passage)
    topics: dict[str, list[Record]] = defaultdict(list)
    for record in index.records.values():
        topics[record_topic(record)].append(record)
    with_word: dict[str, set[str]] = defaultdict(set)
    for topic in topics:
        for word in _words(topic):
            with_word[word].add(topic)
    records = list(index.records.values())
    rng.shuffle(records)
    asked = 0
    for record in records:
        if asked >= most:
            return
        forms = list(lay_questions(record, rng))
        answer = _answering(record, passages)
        if not forms or answer is None:
            continue
        asked += 1
        question = rng.choice(forms).question if rng.random() < AS_PEOPLE_ASK else record.question
        yield TrainingPair(_pair(question, record, answer), (True, True, None), None, "file")
        for other, grade_known in _others(record, retriever, topics, with_word, rng):
            passage = _answering(other, passages) or passages[other.id][0]
            if grade_known == (True, False, False) and _tells(record, passage):
                continue
            pair = _pair(question, other, passage)
            yield TrainingPair(pair, grade_known, _unmarked(pair), "file")


def _others(
    record: Record,
    retriever: IndexRetriever,
    topics: Mapping[str, Sequence[Record]],
    with_word: Mapping[str, set[str]],
    rng: random.Random,
) -> Iterator[tuple[Record, tuple[bool | None, ...]]]:
    """Records that do not answer a record's question, with what that says of the grade."""
    topic, aspect = record_topic(record), record_aspect(record)
    if same_topic := [each for each in topics[topic] if record_aspect(each) != aspect]:
        yield rng.choice(same_topic), (True, False, False)
    index = retriever.index
    vector = retriever.embedder.embed([record.question])[0]
    near = [index.questions[row][0] for row, _ in run_stages(index, retriever.read(record.question), vector).question]
    elsewhere = [each for each in near[:NEAR_QUESTIONS] if _words(record_topic(each)) != _words(topic)]
    alike = [each for each in elsewhere if record_aspect(each) == aspect] or elsewhere
    for other in rng.sample(alike[:8], min(NEAR_TOPICS, len(alike[:8]))):
        yield other, graded(0)
    telling = _words(topic) - _GENERIC
    containing = sorted(
        other
        for other in set().union(*(with_word[word] for word in telling))
        if other != topic and telling <= _words(other)
    )
    if containing:
        yield rng.choice(topics[rng.choice(containing)]), graded(0)


def _answering(record: Record, passages: Mapping[str, Sequence[Passage]]) -> Passage | None:
    """The first passage of a record's answer that has the words of an answer to its question."""
    first = passages[record.id][:FIRST_PASSAGES]
    if record_aspect(record) == "information":
        return first[0] if first else None
    return next((each for each in first if _tells(record, each)), None)


def _tells(record: Record, passage: Passage) -> bool:
    return tells(record.question, record_topic(record), record_aspect(record), passage.text)


def _words(topic: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z0-9]+", topic.casefold()))


def from_reading(path: Path, rng: random.Random) -> Iterator[TrainingPair]:
    """Texts with questions whose answers are marked, and parts of the same text, or the next text, that hold none.

    Args:
        path: JSON Lines of `context` and `asked`, each with `question` and `answers` (`start`, a place in the text).

    Raises:
        DataError: the file is missing or a line lacks a key.
    """
    texts = read_jsonl(path, "context", "asked")
    for number, text in enumerate(texts):
        context, spans = text["context"], sentence_spans(text["context"])
        for asked in text["asked"]:
            start = next((int(answer["start"]) for answer in asked["answers"]), -1)
            at = next((n for n, (first, end) in enumerate(spans) if first <= start < end), None)
            if at is None:
                continue
            first = max(0, at - rng.randrange(SPAN_SENTENCES))
            pair = _window(asked["question"], context, spans, first)
            marks = tuple(first + n == at for n in range(len(pair.sentences)))
            yield TrainingPair(pair, (True, True, None), marks, "reading")
            far = rng.randrange(len(spans))
            if abs(far - at) < FAR_SENTENCES:
                other = texts[number - 1]["context"]
                pair = _window(asked["question"], other, sentence_spans(other), 0)
            else:
                pair = _window(asked["question"], context, spans, far)
                if any(first <= start < end for first, end in spans[far : far + SPAN_SENTENCES]):
                    continue
            yield TrainingPair(pair, (None, False, False), _unmarked(pair), "reading")


def _window(question: str, text: str, spans: Sequence[tuple[int, int]], first: int) -> Pair:
    chosen = spans[first : first + SPAN_SENTENCES]
    return Pair(question, "", tuple(" ".join(text[start:end].split())[:MOST_CHARS] for start, end in chosen))
