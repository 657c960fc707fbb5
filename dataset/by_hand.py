"""Questions written by hand over passages of a file, and the sentences that answer them.

Rules word a question in a passage's own words or in those of a table; a model that is trained on rules alone learns to
look for words. These ask as people do, far from the words of the passage, and beside them stand questions of the same
kind that no sentence answers, and over each set some that are about something else altogether. The file holds none of
the passages: it names them, and the sentences that were read.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from core.errors import DataError
from core.files import read_jsonl
from core.text.extract import MOST_SENTENCES, cited, compose, standing
from core.text.sentences import sentence_spans
from dataset.details import touches
from dataset.evidence_sets import EvidenceMaker, all_text
from generator.prompt import REFUSAL, Source
from generator.tuning.rows import Row
from index.passages import Passage
from index.topics import record_topic

FORM = "by hand"
ASTRAY = (1, 1)
"""The numbers of questions from other sets, and of questions about no passage, that each set of passages is asked."""


@dataclass(frozen=True)
class Excerpt:
    """Consecutive sentences of a passage: those numbered `first` to `last`, from 0."""

    passage: str
    first: int
    last: int


@dataclass(frozen=True)
class HandWrittenQuestion:
    """A question over passages."""

    question: str
    answer: tuple[tuple[int, int], ...]
    """The sentences that answer it: number of the passage, from 1, and of its sentence, from 0; none if none does."""


@dataclass(frozen=True)
class HandWritten:
    """Questions over one set of passages."""

    shown: tuple[Excerpt, ...]
    """The passages; empty for questions that no passage is about."""
    asked: tuple[HandWrittenQuestion, ...]


def read_by_hand(path: Path) -> list[HandWritten]:
    """Read a file of such questions: on each line `shown`, lists of a passage's id, first and last sentence, and
    `asked`, pairs of a question and a list of sentences like "2.0", the first one of the second passage.

    Raises:
        DataError: the file is missing, or names the line that is not of this form.
    """
    sets = []
    for number, line in enumerate(read_jsonl(path, "shown", "asked"), start=1):
        try:
            shown = tuple(Excerpt(str(passage), int(first), int(last)) for passage, first, last in line["shown"])
            asked = tuple(
                HandWrittenQuestion(str(question), tuple(_place(place, shown) for place in answer))
                for question, answer in line["asked"]
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path}, row {number} is not of the form shown: [[passage, first, last], …], "
                f'asked: [[question, ["passage.sentence", …]], …] ({error})'
            ) from error
        sets.append(HandWritten(shown, asked))
    return sets


def _place(text: str, shown: Sequence[Excerpt]) -> tuple[int, int]:
    passage, sentence = map(int, text.split("."))
    if not (0 < passage <= len(shown) and shown[passage - 1].first <= sentence <= shown[passage - 1].last):
        raise ValueError(f"{text} is none of the sentences that are shown")
    return passage, sentence


def rows_by_hand(
    sets: Sequence[HandWritten], maker: EvidenceMaker, rng: random.Random, left_out: Counter[str]
) -> Iterator[Row]:
    """Make rows to train on from every set whose passages are all in the index and about topics that are trained on;
    count the sets that give none.
    """
    anywhere = [asked.question for each in sets if not each.shown for asked in each.asked]
    over: list[_Over] = []
    for number, each in enumerate(each for each in sets if each.shown):
        passages = [maker.retriever.index.by_id.get(shown.passage) for shown in each.shown]
        found = [passage for passage in passages if passage is not None]
        if len(found) < len(passages):
            left_out["by hand: passages that the file does not hold"] += 1
        elif any(maker.sides[record_topic(maker.records[passage.record_id])] != "train" for passage in found):
            left_out["by hand: topics that are not trained on"] += 1
        else:
            over.append(_over(f"by-hand-{number}", each, found, maker, rng))
    for each_over in over:
        yield from _rows(each_over, maker, left_out)
        others = [other for other in over if not touches(each_over.held, other.topic)]
        named = [question for other in others for question in other.named]
        astray = rng.sample(named, min(ASTRAY[0], len(named)))
        for question in [*astray, *rng.sample(anywhere, min(ASTRAY[1], len(anywhere)))]:
            searched = maker.retriever.read(question).searched
            yield Row(each_over.group, searched, FORM, each_over.topic, "", each_over.sources, (), REFUSAL)


@dataclass(frozen=True)
class _Over:
    """A set of questions and what they are asked over."""

    group: str
    written: HandWritten
    topic: str
    """The topic of the first passage."""
    order: tuple[int, ...]
    """The place of each source's passage in the set."""
    sources: tuple[Source, ...]

    @cached_property
    def held(self) -> str:
        return all_text(self.sources)

    @cached_property
    def named(self) -> list[str]:
        """The set's questions that have a word of its topic: "who gets it" over other passages has another meaning."""
        return [asked.question for asked in self.written.asked if touches(asked.question, self.topic)]


def _over(
    group: str, written: HandWritten, passages: Sequence[Passage], maker: EvidenceMaker, rng: random.Random
) -> _Over:
    order = tuple(rng.sample(range(len(passages)), len(passages)))
    sources = tuple(
        Source(maker.heading(passages[place], rng), excerpt_text(written.shown[place], passages[place]))
        for place in order
    )
    return _Over(group, written, record_topic(maker.records[passages[0].record_id]), order, sources)


def _rows(over: _Over, maker: EvidenceMaker, left_out: Counter[str]) -> Iterator[Row]:
    texts = {number: source.text for number, source in enumerate(over.sources, start=1)}
    for asked in over.written.asked:
        wanted: dict[int, list[int]] = {}
        for passage, sentence in asked.answer:
            first = over.written.shown[passage - 1].first
            wanted.setdefault(over.order.index(passage - 1) + 1, []).append(sentence - first)
        found = {number: standing(texts[number], sentences) for number, sentences in wanted.items()}
        sentences = compose(texts, found, MOST_SENTENCES)
        if asked.answer and not sentences:
            left_out["by hand: every sentence leans on another"] += 1
            continue
        right = tuple(sorted({number for _, number in sentences}))
        question = maker.retriever.read(asked.question).searched
        completion = cited(sentences) if sentences else REFUSAL
        yield Row(over.group, question, FORM, over.topic, "", over.sources, right, completion)


def excerpt_text(shown: Excerpt, passage: Passage) -> str:
    """The words of the sentences that are shown."""
    spans = sentence_spans(passage.text)
    return passage.text[spans[shown.first][0] : spans[shown.last][1]]
