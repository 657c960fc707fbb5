"""Sets of evidence, and questions over each in the words that people use: what to answer from it, and what to refuse.

Neither the passages nor their headings alone say whether a question is answered: over one set some questions are, and
one is not; headings are changed, left out, or mislead. In the manner of RAFT (Zhang et al. 2024, arXiv 2403.10131).
"""

import dataclasses
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from langchain_core.messages import BaseMessage

from core.progress import bar
from core.sentences import sentence_spans
from generator.completions import MOST_SENTENCES, choose, cited
from generator.prompt import REFUSAL, Source, fit, messages
from generator.rows import Row, Split
from index.corpus import Record
from index.lay import lay_questions
from index.topics import asks_about, question_aspect, question_topic, record_aspect, record_topic
from rag.answer import Hit
from rag.retriever import IndexRetriever

FORMS = {"plain": 45, "keywords": 20, "story": 15, "template": 20}
"""How often the first question of a set is asked in each form; the CSV's own is one among them."""
HARD = 6
"""Distractors are drawn from so many of the first wrong hits."""
LEFT_OUT = 0.2
"""Share of evidence sets without the right passage (RAFT's 1 - P)."""
TWO_RIGHT = 0.3
"""Share of sets with two right passages, where the search finds two."""
MISSING = 0.6
"""Share of sets over which something is asked about their topic that they do not say."""
OTHER_TOPIC = 0.15
"""Share of sets over which something of another topic is asked."""
HEADINGS = {"as it is": 0.6, "topic": 0.2, "misleading": 0.15, "none": 0.05}
"""What heads a passage in training: its own question; its topic alone; another aspect's question; nothing."""
ONE_SENTENCE = 0.35
"""Share kept of the records that give a single sentence; many do, and answers should not all be so short."""
MOST_WORDS = 110
"""Words of a completion beyond which its last sentences are dropped."""
REFUSING_TESTS = 0.2
"""Share of test sets with a refusal among their rows of which that one is kept; further refusals are of sets without
the right passage."""
CLEAR_ASPECTS = (
    "treatment",
    "exams and tests",
    "prevention",
    "inheritance",
    "frequency",
    "genetic changes",
    "research",
    "outlook",
    "stages",
    "causes",
)
"""Aspects whose words tell whether a passage speaks of them; of the others a passage may hold the answer unseen."""


@dataclass(frozen=True)
class Plan:
    """How many rows of what."""

    records: int = 0
    development_records: int = 40
    test_records: int = 320
    refusals: float = 0.2
    seed: int = 0


class Maker:
    """Makes the rows of a split, and counts what it leaves out."""

    def __init__(
        self,
        retriever: IndexRetriever,
        count_tokens: Callable[[list[BaseMessage]], int],
        evidence_tokens: int,
        sides: dict[str, Split],
    ) -> None:
        self._retriever = retriever
        self._count_tokens = count_tokens
        self._budget = count_tokens(messages("", ())) + evidence_tokens
        self._sides = sides
        self._records = retriever.index.records
        self.left_out: Counter[str] = Counter()
        self.sentences_left_out: Counter[str] = Counter()

    def rows(self, split: Split, records: int, plan: Plan) -> list[Row]:
        """Rows over one set of evidence for each of `records` records (0: all) that give some."""
        rng = random.Random(f"{plan.seed} {split}")  # noqa: S311 - not for secrets
        pool = [record for record in self._records.values() if self._sides[record_topic(record)] == split]
        rng.shuffle(pool)
        rows: list[Row] = []
        groups = 0
        with bar(f"{split} rows", records or len(pool), " records") as progress:
            for record in pool:
                made = list(self._group(record, split, pool, rng))
                if split == "test":  # one of each set: questions of one set are not independent of each other
                    made = _one(made, rng)
                rows += made
                groups += bool(made)
                progress.update(bool(made) if records else 1)
                if records and groups == records:
                    break
        return _with_share(rows, plan.refusals if split == "train" else 1.0, rng)

    def _group(self, record: Record, split: Split, pool: Sequence[Record], rng: random.Random) -> Iterator[Row]:
        """Rows over one set of evidence, the record's own question first."""
        questions = _questions(record, rng)
        forms = [form for form in FORMS if form in questions]
        form = rng.choices(forms, [FORMS[form] for form in forms])[0]
        asked = self._searched(questions[form])
        if not asked:
            self.left_out["a question that is not searched"] += 1
            return
        wanted = (record_topic(record), record_aspect(record))
        left_out = rng.random() < LEFT_OUT
        hits = self._evidence(record, asked, wanted, split, left_out, rng)
        if len(hits) < 2:
            self.left_out["fewer than two passages"] += 1
            return
        missing = self._missing(record, hits, rng)
        headed = [
            Source(self._heading(hit, missing, rng) if split == "train" else hit.question, hit.text) for hit in hits
        ]
        fitted = fit(asked, headed, self._count_tokens, self._budget, partial(self._retriever.relevance, asked))
        pairs = [(hit, source) for hit, source in zip(hits, fitted, strict=True) if source is not None]
        sources = tuple(source for _, source in pairs)
        topics = [self._asked_of(hit) for hit, _ in pairs]
        group = f"{record.id}-{form}"
        new = partial(self._row, group, sources, topics)

        own = Row(group, asked, form, *wanted, sources, (), REFUSAL) if left_out else new(asked, form, wanted)
        if own is None:
            return
        if own.completion.count("].") == 1 and rng.random() > ONE_SENTENCE:
            self.left_out["only one sentence, of which there are enough"] += 1
            return
        yield own
        if not left_out and (others := [name for name in forms if name != form]):
            other = rng.choice(others)
            if row := new(self._searched(questions[other]), other, wanted):
                yield row
        strangers = [n for n, pair in enumerate(topics) if pair != wanted and self._sides[pair[0]] == split]
        for number in rng.sample(strangers, min(2 if left_out else 1, len(strangers))):
            stranger = _questions(self._records[pairs[number][0].record_id], rng)
            other = rng.choice([name for name in FORMS if name in stranger])
            if row := new(self._searched(stranger[other]), other, topics[number]):
                yield row
        if missing:
            other_form, question = _lay(record, missing, rng)
            yield Row(group, self._searched(question), other_form, wanted[0], missing, sources, (), REFUSAL)
        if rng.random() < OTHER_TOPIC:
            far = rng.choice(pool)
            if record_topic(far) not in {topic for topic, _ in topics}:
                other_form, question = _lay(far, record_aspect(far), rng)
                pair = (record_topic(far), record_aspect(far))
                yield Row(group, self._searched(question), other_form, *pair, sources, (), REFUSAL)

    def _searched(self, question: str) -> str:
        query = self._retriever.read(question)
        return "" if query.reply else query.searched

    def _evidence(
        self, record: Record, asked: str, wanted: tuple[str, str], split: Split, left_out: bool, rng: random.Random
    ) -> list[Hit]:
        """Up to three hits in random order: right ones (or none) among the wrong ones that the search found first."""
        hits = self._retriever.search(asked).hits
        right = [hit for hit in hits if hit.record_id == record.id or self._asked_of(hit) == wanted]
        wrong = [hit for hit in hits if hit not in right]
        if split == "train":
            wrong = [hit for hit in wrong if self._sides[self._asked_of(hit)[0]] == "train"]
        if left_out:
            topic, aspect = wanted
            hard = [
                hit
                for hit in wrong
                if self._asked_of(hit)[0] != topic or (aspect in CLEAR_ASPECTS and not asks_about(aspect, hit.text))
            ]
            return rng.sample(hard[:HARD], min(3, len(hard[:HARD])))
        chosen = (right or self._first_passage(record))[:1]
        second = [hit for hit in right[1:] if hit.record_id != chosen[0].record_id]
        if second and rng.random() < TWO_RIGHT:
            chosen.append(second[0])
        chosen += rng.sample(wrong[:HARD], min(3 - len(chosen), len(wrong[:HARD])))
        rng.shuffle(chosen)
        return chosen

    def _first_passage(self, record: Record) -> list[Hit]:
        passage = self._retriever.index.by_id[f"{record.id}-0"]
        return [Hit(passage.id, record.id, record.question, passage.text, "", "", 0.0)]

    def _asked_of(self, hit: Hit) -> tuple[str, str]:
        """Topic and aspect of the question that a hit answers."""
        record = self._records[hit.record_id]
        return question_topic(record, hit.question), question_aspect(record, hit.question)

    def _missing(self, record: Record, hits: Sequence[Hit], rng: random.Random) -> str:
        """An aspect of the record's topic that none of the hits speaks of; empty for none."""
        if rng.random() >= MISSING or record_topic(record) not in {self._asked_of(hit)[0] for hit in hits}:
            return ""
        asked = {self._asked_of(hit)[1] for hit in hits}
        silent = [
            aspect
            for aspect in CLEAR_ASPECTS
            if aspect not in asked and not any(asks_about(aspect, hit.text) for hit in hits)
        ]
        return rng.choice(silent) if silent else ""

    def _heading(self, hit: Hit, missing: str, rng: random.Random) -> str:
        record = self._records[hit.record_id]
        kind = rng.choices(list(HEADINGS), list(HEADINGS.values()))[0]
        if kind == "topic":
            return record_topic(record).capitalize()
        if kind == "misleading":  # looks right to a question that the passage does not answer
            return _lay(record, missing or rng.choice(CLEAR_ASPECTS), rng)[1].capitalize() + "?"
        return hit.question if kind == "as it is" else ""

    def _row(
        self,
        group: str,
        sources: tuple[Source, ...],
        topics: Sequence[tuple[str, str]],
        question: str,
        form: str,
        wanted: tuple[str, str],
    ) -> Row | None:
        """The row of a question that some of the sources answer; None, counted, if no sentence of theirs does."""
        if not question:
            self.left_out["a question that is not searched"] += 1
            return None
        right = [number for number, pair in enumerate(topics) if pair == wanted][:2]
        chosen: list[tuple[float, int, list[str]]] = []
        why = "no passage fits"
        for number in right:
            text = sources[number].text
            spans = sentence_spans(text)
            scores = self._retriever.relevance(question, [text[start:end] for start, end in spans]) if spans else []
            found = choose(text, wanted[1], scores, self.sentences_left_out)
            why = found.reason or why
            if found.spans:
                chosen.append((found.worth, number + 1, [text[start:end] for start, end in found.spans]))
        chosen.sort(reverse=True)
        sentences: list[tuple[str, int]] = []
        for place, (_, number, texts) in enumerate(chosen):
            said = {text for text, _ in sentences}
            sentences += [(text, number) for text in texts[: MOST_SENTENCES if place == 0 else 2] if text not in said]
        while len(sentences) > 1 and sum(len(text.split()) for text, _ in sentences) > MOST_WORDS:
            sentences.pop()
        if not sentences:
            self.left_out[why] += 1
            return None
        used = tuple(sorted({number for _, number in sentences}))
        return Row(group, question, form, *wanted, sources, used, cited(sentences))


def _one(rows: Sequence[Row], rng: random.Random) -> list[Row]:
    """One row of a set: now and then one that refuses, else the first."""
    refusing = [row for row in rows if not row.answerable]
    return [rng.choice(refusing)] if refusing and rng.random() < REFUSING_TESTS else list(rows[:1])


def _questions(record: Record, rng: random.Random) -> dict[str, str]:
    """The record's question in each form."""
    asked: dict[str, str] = {lay.kind: lay.question for lay in lay_questions(record, rng) if lay.kind in FORMS}
    return {**asked, "template": rng.choice(record.questions)}


def _lay(record: Record, aspect: str, rng: random.Random) -> tuple[str, str]:
    """A lay question about the record's topic that asks for another aspect: its form and its words."""
    turned = dataclasses.replace(record, metadata={**record.metadata, "question_type": aspect})
    lay = next(islice((q for q in lay_questions(turned, rng) if q.kind in FORMS), rng.randrange(2), None))
    return lay.kind, lay.question


def _with_share(rows: list[Row], refusals: float, rng: random.Random) -> list[Row]:
    """Rows with refusals dropped at random until they are at most so great a share; nothing twice."""
    rows = list({(row.group, row.question): row for row in rows}.values())
    refusing = [row for row in rows if not row.answerable]
    allowed = int(refusals / (1 - refusals) * (len(rows) - len(refusing))) if refusals < 1 else len(refusing)
    kept = {id(row) for row in rng.sample(refusing, min(allowed, len(refusing)))}
    return [row for row in rows if row.answerable or id(row) in kept]
