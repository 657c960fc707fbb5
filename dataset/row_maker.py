"""Questions over a set of evidence in the words that people use: what to answer from it, and what to refuse.

Neither the passages nor their headings alone say whether a question is answered: over one set some questions are, and
others are not.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from core.text.extract import MOST_SENTENCES, Chosen, cited, compose
from core.text.names import telling_stems
from core.text.words import content_words
from dataset.common_concerns import Concern, concerns
from dataset.details import says, touches
from dataset.evidence_sets import About, EvidenceMaker, EvidenceSet, same_family
from dataset.sentence_choice import Chooser
from dataset.wording import Wording
from generator.prompt import REFUSAL, REST
from generator.tuning.rows import Row, Split
from index.corpus import Record
from index.topics import record_aspect, record_topic
from index.tuning.question_forms import ask, describe, felt_of, is_described, some_felt, topic_names

ONE_SENTENCE = 0.5
"""Share kept of the own questions that give a single sentence; many do, and answers should not all be so short."""
BESIDE = 0.5
"""Cosine similarity to the question that a sentence must have for a word of a `Concern` in it to mean the concern."""
TRIED = 20
"""The number of records of other topics that are tried for something that a set does not mention."""


@dataclass(frozen=True)
class _Over:
    """The set of evidence that is asked over, with the records of its split."""

    group: str
    shown: EvidenceSet
    split: Split
    pool: Sequence[Record]
    """Records of the split."""
    rng: random.Random


class RowMaker:
    """Asks over sets of evidence, and counts what it leaves out."""

    def __init__(self, maker: EvidenceMaker) -> None:
        self._sides = maker.sides
        self._choose = Chooser(maker.retriever)
        self._wording = Wording(maker.retriever)
        self._made: dict[Callable[[_Over], Row | None], float] = {
            self._another_form: 1.0,
            self._another_passage: 0.7,
            self._detail: 0.8,
            self._concern: 0.7,
            self._described: 1.0,
            self._both: 0.3,
            self._partly: 0.35,
            self._missing_aspect: 0.6,
            self._missing_detail: 0.55,
            self._missing_concern: 0.5,
            self._missing_description: 0.3,
            self._nearby_topic: 0.4,
            self._detail_of_another: 0.6,
            self._far_topic: 0.1,
        }
        """Share of sets over which each kind of question is asked, where the set gives one."""
        self.left_out: Counter[str] = Counter()
        self.sentences_left_out = self._choose.left_out

    def first(self, record: Record, rng: random.Random) -> tuple[str, str]:
        """The form and the words of the question that evidence is searched with; empty if it is not searched."""
        return self._wording.own(record, record.answer[:700], rng)

    def rows(
        self, shown: EvidenceSet, form: str, asked: str, split: Split, pool: Sequence[Record], rng: random.Random
    ) -> Iterator[Row]:
        """Rows over one set, the record's own question first; none where that cannot be answered as it should.

        Args:
            pool: records of this split, for details that the evidence does not mention.
        """
        over = _Over(f"{shown.record.id}-{form}", shown, split, pool, rng)
        own = (self._refused if shown.left_out else self._answered)(over, asked, form, shown.wanted)
        if own is None:
            return
        if own.answerable and own.completion.count("].") == 1 and rng.random() > ONE_SENTENCE:
            self.left_out["only one sentence, of which there are enough"] += 1
            return
        yield own
        for make, share in self._made.items():
            if rng.random() < share and (row := make(over)) is not None:
                yield row

    # What is answered

    def _another_form(self, over: _Over) -> Row | None:
        if over.shown.left_out:
            return None
        shown = over.shown
        right = next((n for n, about in enumerate(shown.about) if about == shown.wanted), 0)
        form, question = self._wording.own(shown.record, shown.sources[right].text, over.rng)
        return self._answered(over, question, form, shown.wanted)

    def _another_passage(self, over: _Over) -> Row | None:
        shown = over.shown
        places = [place for place in self._places(over) if shown.about[place] != shown.wanted]
        if not places:
            return None
        place = over.rng.choice(places)
        form, question = self._wording.own(shown.records[place], shown.sources[place].text, over.rng)
        return self._answered(over, question, form, shown.about[place])

    def _detail(self, over: _Over) -> Row | None:
        """A question about a detail that a source gives of its topic."""
        for place, phrase, form in self._details(over):
            topic = over.shown.about[place][0]
            question = self._wording.dressed(form, over.shown.records[place], over.rng)
            found = self._choose.holding(over.shown, over.shown.of_topic(topic), question, partial(says, phrase=phrase))
            return self._row(over, question, "detail", (topic, phrase), found)
        return None

    def _concern(self, over: _Over) -> Row | None:
        """A question that people ask about any illness, where a source answers it."""
        for place, concern in self._concerns(over):
            topic = over.shown.about[place][0]
            said = [n for n in over.shown.of_topic(topic) if concern.is_touched(over.shown.sources[n].text)]
            if not said or concern.is_touched(topic):
                continue
            question = self._wording.dressed(over.rng.choice(concern.asked), over.shown.records[place], over.rng)
            found = self._choose.holding(over.shown, said, question, concern.is_said, BESIDE)
            if any(chosen.spans for chosen in found.values()):
                return self._row(over, question, "detail", (topic, "matter"), found)
        return None

    def _described(self, over: _Over) -> Row | None:
        """A description of what a source lists as felt or seen, without the name of the illness."""
        shown = over.shown
        for place in self._places(over):
            topic, aspect = shown.about[place]
            names = topic_names(shown.records[place])
            if is_described(aspect) and (things := some_felt(shown.sources[place].text, names, over.rng)):
                question = self._wording.searched(describe(things, over.rng))
                places = [n for n, source in enumerate(shown.sources) if all(says(source.text, x) for x in things)]
                found = self._choose.holding(shown, places, question, lambda text: any(says(text, x) for x in things))
                return self._row(over, question, "description", (topic, ", ".join(things)), found)
        return None

    def _both(self, over: _Over) -> Row | None:
        """A question for two aspects of one topic, each of which a source answers."""
        shown = over.shown
        topic, aspect = shown.wanted
        others = {about[1] for about in shown.about if about[0] == topic} - {aspect}
        if shown.left_out or not others:
            return None
        other = over.rng.choice(sorted(others))
        question, parts = self._wording.two(shown.record, aspect, other, over.rng)
        found = {
            **self._choose.answering(shown, parts[0], shown.wanted),
            **self._choose.answering(shown, parts[1], (topic, other)),
        }
        if sum(bool(chosen.spans) for chosen in found.values()) < 2:
            return None
        return self._row(over, question, "both", (topic, f"{aspect}, {other}"), found)

    def _partly(self, over: _Over) -> Row | None:
        """A question for two aspects of one topic, of which the sources answer the first alone."""
        shown = over.shown
        if shown.left_out or not shown.missing:
            return None
        topic, aspect = shown.wanted
        question, parts = self._wording.two(shown.record, aspect, shown.missing, over.rng)
        found = self._choose.answering(shown, parts[0], shown.wanted)
        row = self._row(over, question, "partly", (topic, f"{aspect}, not {shown.missing}"), found)
        return row and replace(row, completion=f"{row.completion} {REST} anything about {shown.missing}.")

    # What is refused

    def _missing_aspect(self, over: _Over) -> Row | None:
        """A question for an aspect of the topic that no source mentions."""
        shown = over.shown
        if not shown.missing:
            return None
        asked = ask(shown.record, shown.missing, over.rng)
        return self._refused(over, self._wording.searched(asked.question), asked.kind, (shown.wanted[0], shown.missing))

    def _missing_detail(self, over: _Over) -> Row | None:
        """A question about a source's topic with a detail of another topic elsewhere in the file."""
        if not (places := self._places(over)):
            return None
        place = over.rng.choice(places)
        topic, asked = over.shown.about[place][0], over.shown.records[place]
        for record in over.rng.sample(over.pool, min(TRIED, len(over.pool))):
            for phrase, form in self._wording.phrases(record.answer[:1500], [record, asked], over.rng):
                if not touches(over.shown.held, phrase):
                    question = self._wording.dressed(form, asked, over.rng)
                    return self._refused(over, question, "detail", (topic, f"not {phrase}"))
        return None

    def _missing_concern(self, over: _Over) -> Row | None:
        for place, concern in self._concerns(over):
            if not concern.is_touched(over.shown.held):
                question = self._wording.dressed(over.rng.choice(concern.asked), over.shown.records[place], over.rng)
                return self._refused(over, question, "detail", (over.shown.about[place][0], "no matter"))
        return None

    def _missing_description(self, over: _Over) -> Row | None:
        """A description of what another topic's record lists as felt or seen, and no source mentions.

        It is not of a topic close to these, whose passages may well have it in other words.
        """
        for record in over.rng.sample(over.pool, min(TRIED, len(over.pool))):
            things = felt_of(record, over.rng)
            if things and not any(touches(over.shown.held, thing) for thing in things):
                question = self._wording.searched(describe(things, over.rng))
                return self._refused(over, question, "description", (record_topic(record), ", ".join(things)))
        return None

    def _detail_of_another(self, over: _Over) -> Row | None:
        """A question with a detail of a source's topic, asked about another source's topic or one that is not shown."""
        shown = over.shown
        others = [*(shown.records[place] for place in self._places(over)), *shown.nearby]
        for place, phrase, form in self._details(over):
            topic, text = shown.about[place][0], shown.sources[place].text
            for other in others:
                name = record_topic(other)
                unmentioned = not any(touches(shown.sources[n].text, phrase) for n in shown.of_topic(name))
                unnamed = not telling_stems(name) & set(content_words(text))
                if unmentioned and unnamed and self._sides.get(name) == over.split and not same_family(name, topic):
                    question = self._wording.dressed(form, other, over.rng)
                    return self._refused(over, question, "detail", (name, f"{phrase} of {topic}"))
        return None

    def _nearby_topic(self, over: _Over) -> Row | None:
        """A question about a topic that the search found close to these, and that none of them is about."""
        return self._other_topic(over, over.rng.sample(over.shown.nearby, len(over.shown.nearby)))

    def _far_topic(self, over: _Over) -> Row | None:
        return self._other_topic(over, over.rng.sample(over.pool, min(TRIED, len(over.pool))))

    def _other_topic(self, over: _Over, records: Iterable[Record]) -> Row | None:
        for record in records:
            topic = record_topic(record)
            if self._sides.get(topic) != over.split or any(same_family(topic, name) for name, _ in over.shown.about):
                continue
            if any(says(over.shown.held, name) for name in topic_names(record)):
                continue
            aspect = over.rng.choice([record_aspect(record), over.shown.wanted[1]])
            asked = ask(record, aspect, over.rng)
            return self._refused(over, self._wording.searched(asked.question), asked.kind, (topic, aspect))
        return None

    # Questions

    def _places(self, over: _Over) -> list[int]:
        """Places, in random order, of the sources about topics of the split."""
        places = [place for place, (topic, _) in enumerate(over.shown.about) if self._sides[topic] == over.split]
        return over.rng.sample(places, len(places))

    def _concerns(self, over: _Over) -> Iterator[tuple[int, Concern]]:
        if places := self._places(over):
            yield from ((places[0], concern) for concern in over.rng.sample(concerns(), len(concerns())))

    def _details(self, over: _Over) -> Iterator[tuple[int, str, str]]:
        """A source, a detail that it gives, and a form of question about that."""
        for place in self._places(over):
            text, about = over.shown.sources[place].text, [over.shown.records[place]]
            for phrase, form in self._wording.phrases(text, about, over.rng):
                yield place, phrase, form

    # Rows

    def _answered(self, over: _Over, question: str, form: str, wanted: About) -> Row | None:
        if not question:
            self.left_out["a question that is not searched"] += 1
            return None
        return self._row(over, question, form, wanted, self._choose.answering(over.shown, question, wanted))

    def _row(self, over: _Over, question: str, form: str, about: About, found: Mapping[int, Chosen]) -> Row | None:
        """The row of a question that sentences of some sources answer; None, counted, if no sentence does.

        Args:
            found: the sentences chosen from each source, by its number from 1.
        """
        texts = {number: over.shown.sources[number - 1].text for number in found}
        sentences = compose(texts, found, 2 if form == "both" else MOST_SENTENCES)
        if not sentences or not question:
            self.left_out[next((chosen.reason for chosen in found.values()), "") or "no passage fits"] += 1
            return None
        used = tuple(sorted({number for _, number in sentences}))
        return Row(over.group, question, form, *about, over.shown.sources, used, cited(sentences))

    def _refused(self, over: _Over, question: str, form: str, about: About) -> Row | None:
        return Row(over.group, question, form, *about, over.shown.sources, (), REFUSAL) if question else None
