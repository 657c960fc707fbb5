"""Sets of evidence as a search brings them: the right passage among hard distractors, or left out; headings that fit,
say little, or mislead. In the manner of RAFT (Zhang et al. 2024, arXiv 2403.10131).
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from langchain_core.messages import BaseMessage

from core.text.answer_cues import says_nothing_of
from core.text.aspects import aspects
from core.text.names import telling_stems
from core.text.sentences import sentence_spans
from dataset.details import says
from generator.prompt import Source, fit, messages
from generator.tuning.rows import Split
from index.corpus import Record
from index.passages import Passage
from index.topics import question_aspect, question_topic, record_topic
from index.tuning.question_forms import lay_questions, topic_names
from rag.answer import Hit
from rag.search.retriever import IndexRetriever

HARD = 6
"""Distractors are drawn from so many of the first wrong hits."""
LEFT_OUT = 0.2
"""Share of evidence sets without the right passage (RAFT's 1 - P)."""
TWO_RIGHT = 0.3
"""Share of sets with two right passages, where the search finds two."""
HEADINGS = {"as it is": 0.6, "topic": 0.2, "misleading": 0.15, "none": 0.05}
"""Headings of a passage in training: its own question, its topic alone, another aspect's question, or none."""
SHORT = 0.3
"""Share of sets to train on whose passages are cut to a few sentences: other files' answers are short."""
SHORT_SENTENCES = (2, 4)
"""Fewest and most sentences of such a passage."""
About = tuple[str, str]
"""Topic and aspect."""


@dataclass(frozen=True)
class EvidenceSet:
    """The sources that the generator is shown, and the search that found them."""

    record: Record
    wanted: About
    """The topic and aspect that were searched for."""
    left_out: bool
    """Whether the passages that answer the question are left out of the sources."""
    sources: tuple[Source, ...]
    records: tuple[Record, ...]
    """The record of each source."""
    about: tuple[About, ...]
    """The topic and aspect of each source's question."""
    nearby: tuple[Record, ...]
    """Records that the search found as well, and that are not shown."""
    missing: str
    """An aspect of the wanted topic that no source mentions; empty for none."""

    @cached_property
    def held(self) -> str:
        """The text of all sources, headings included."""
        return all_text(self.sources)

    def of_topic(self, topic: str) -> list[int]:
        """Places of the sources about a topic."""
        return [place for place, (name, _) in enumerate(self.about) if name == topic]


def all_text(sources: Sequence[Source]) -> str:
    """Headings and texts of sources."""
    return "\n".join(f"{source.heading}\n{source.text}" for source in sources)


def same_family(one: str, other: str) -> bool:
    """Whether two topics may be the same thing, or a kind of it: "type 2 diabetes" and "diabetes" are."""
    return bool(telling_stems(one) & telling_stems(other))


class EvidenceMaker:
    """Makes sets of evidence with an index's own search.

    Args:
        sides: the split that each topic belongs to.
    """

    def __init__(
        self,
        retriever: IndexRetriever,
        count_tokens: Callable[[list[BaseMessage]], int],
        evidence_tokens: int,
        sides: Mapping[str, Split],
    ) -> None:
        self.retriever = retriever
        self.sides = sides
        self.records = retriever.index.records
        self._count_tokens = count_tokens
        self._budget = count_tokens(messages("", ())) + evidence_tokens

    def make(
        self, record: Record, asked: str, wanted: About, split: Split, rng: random.Random, why_not: Counter[str]
    ) -> EvidenceSet | None:
        """The set that a question about a record gets; None, counted, where the search finds too little.

        No passage of a topic that is not trained on stands in a set to train on.
        """
        left_out = rng.random() < LEFT_OUT
        hits, rest = self._hits(record, asked, wanted, split, left_out, rng)
        if len(hits) < 2:
            why_not["fewer than two passages"] += 1
            return None
        if split == "train" and rng.random() < SHORT:
            hits = [replace(hit, text=self._cut(hit.text, asked, rng)) for hit in hits]
        missing = self._missing(wanted[0], hits, rng)
        headed = [
            Source(
                self._heading(self.records[hit.record_id], hit.question, hit.text, missing, rng)
                if split == "train"
                else hit.question,
                hit.text,
            )
            for hit in hits
        ]
        fitted = fit(asked, headed, self._count_tokens, self._budget, partial(self.retriever.relevance, asked))
        shown = [(hit, source) for hit, source in zip(hits, fitted, strict=True) if source is not None]
        return EvidenceSet(
            record,
            wanted,
            left_out,
            tuple(source for _, source in shown),
            tuple(self.records[hit.record_id] for hit, _ in shown),
            tuple(self._about(hit) for hit, _ in shown),
            tuple(self.records[hit.record_id] for hit in rest),
            missing,
        )

    def _hits(
        self, record: Record, asked: str, wanted: About, split: Split, left_out: bool, rng: random.Random
    ) -> tuple[list[Hit], list[Hit]]:
        """Up to three hits in random order, right ones (or none) among the wrong ones that the search found first; and
        the others."""
        hits = self.retriever.search(asked).hits
        right = [hit for hit in hits if hit.record_id == record.id or self._about(hit) == wanted]
        wrong = [hit for hit in hits if hit not in right]
        if split == "train":
            wrong = [hit for hit in wrong if self.sides[self._about(hit)[0]] == "train"]
        if left_out:
            chosen: list[Hit] = []
            wrong = [hit for hit in wrong if not self._may_answer(hit, record, wanted)]
        else:
            chosen = list((right or self._first_passage(record))[:1])
            second = [hit for hit in right[1:] if hit.record_id != chosen[0].record_id]
            if second and rng.random() < TWO_RIGHT:
                chosen.append(second[0])
        chosen += rng.sample(wrong[:HARD], min(3 - len(chosen), len(wrong[:HARD])))
        rng.shuffle(chosen)
        return chosen, [hit for hit in wrong if hit not in chosen]

    def _may_answer(self, hit: Hit, record: Record, wanted: About) -> bool:
        """Whether a hit of another record may hold, unnoticed, what a record is asked for."""
        topic, aspect = wanted
        text = f"{hit.question} {hit.text}"
        related = same_family(self._about(hit)[0], topic) or any(says(text, name) for name in topic_names(record))
        return related and not (aspect in aspects().clear and says_nothing_of(aspect, hit.text))

    def _first_passage(self, record: Record) -> list[Hit]:
        passage = self.retriever.index.by_id[f"{record.id}-0"]
        return [Hit(passage.id, record.id, record.question, passage.text)]

    def _about(self, hit: Hit) -> About:
        """Topic and aspect of the question that a hit answers."""
        record = self.records[hit.record_id]
        return question_topic(record, hit.question), question_aspect(record, hit.question)

    def _missing(self, topic: str, hits: Sequence[Hit], rng: random.Random) -> str:
        """An aspect of the topic that none of the hits mentions; empty for none, or if none is about the topic."""
        if topic not in {self._about(hit)[0] for hit in hits}:
            return ""
        asked = {self._about(hit)[1] for hit in hits}
        unasked = [aspect for aspect in aspects().clear if aspect not in asked]
        missing = [aspect for aspect in unasked if all(says_nothing_of(aspect, hit.text) for hit in hits)]
        return rng.choice(missing) if missing else ""

    def _cut(self, text: str, asked: str, rng: random.Random) -> str:
        """A few consecutive sentences of a text, the nearest to the question among them."""
        spans = sentence_spans(text)
        length = rng.randint(*SHORT_SENTENCES)
        if len(spans) <= length:
            return text
        relevance = self.retriever.sentence_relevance(asked, text)
        nearest = relevance.index(max(relevance))
        first = rng.randint(max(nearest - length + 1, 0), min(nearest, len(spans) - length))
        return text[spans[first][0] : spans[first + length - 1][1]]

    def heading(self, passage: Passage, rng: random.Random) -> str:
        """The heading of a passage in training."""
        record = self.records[passage.record_id]
        return self._heading(record, record.question, passage.text, "", rng)

    def _heading(self, record: Record, question: str, text: str, missing: str, rng: random.Random) -> str:
        kind = rng.choices(list(HEADINGS), list(HEADINGS.values()))[0]
        if kind == "none" and not any(says(text, name) for name in topic_names(record)):
            kind = "topic"  # nothing else would show what the passage is about
        if kind == "topic":
            return record_topic(record).capitalize()
        if kind == "misleading":  # looks right to a question that the passage does not answer
            aspect = missing or rng.choice(aspects().clear)
            return next(lay_questions(record, rng, aspect)).question.capitalize() + "?"
        return question if kind == "as it is" else ""
