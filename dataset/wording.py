"""The words of questions about a record, as people use them and as they are searched."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from core.text.everyday import everyday
from core.text.sentences import sentence_spans
from core.text.words import content_words
from dataset.details import detail_form, phrases, read_words, relation
from index.corpus import Record
from index.tuning.question_forms import IN_EVERYDAY_WORDS, lay_questions, story, topic_names, typed
from rag.search.retriever import IndexRetriever

FORMS = {"plain": 40, "keywords": 18, "story": 14, "template": 16, "description": 30}
"""How often a record's own question is asked in each form; the CSV's own words are one among them."""


class Wording:
    """Words questions over the records of an index."""

    def __init__(self, retriever: IndexRetriever) -> None:
        self._retriever = retriever
        self._words = read_words(record.answer for record in retriever.index.records.values())

    def own(self, record: Record, held: str, rng: random.Random) -> tuple[str, str]:
        """Form and words of the record's own question, as it is searched.

        Args:
            held: the text from which a description takes its words.
        """
        as_shown = replace(record, answer=held)
        asked: dict[str, str] = {lay.kind: lay.question for lay in lay_questions(as_shown, rng)}
        asked["template"] = rng.choice(record.questions)
        forms = [form for form in FORMS if form in asked]
        form = rng.choices(forms, [FORMS[form] for form in forms])[0]
        return form, self.searched(asked[form])

    def two(self, record: Record, aspect: str, other: str, rng: random.Random) -> tuple[str, tuple[str, str]]:
        """A question for two aspects, and the two that it is joined of."""
        first, second = (next(lay_questions(record, rng, each)).question for each in (aspect, other))
        return self.searched(f"{first} and {second.replace(topic_names(record)[0], 'it')}"), (first, second)

    def dressed(self, form: str, record: Record, rng: random.Random) -> str:
        """A form about the record's topic, typed as people type, now and then in a story."""
        names = topic_names(record)
        if rng.random() < 0.2:
            return self.searched(story(form, names, rng))
        return self.searched(typed(form.format(t=rng.choice(names)), rng))

    def searched(self, question: str) -> str:
        query = self._retriever.read(question)
        return "" if query.reply else query.searched

    def phrases(self, text: str, about: Sequence[Record], rng: random.Random) -> Iterator[tuple[str, str]]:
        """A phrase of each sentence in random order that names no topic of `about`, and a question about it."""
        taken = {stem for record in about for name in topic_names(record) for stem in content_words(name)}
        spans = sentence_spans(text)
        for start, end in rng.sample(spans, len(spans)):
            if found := phrases(text[start:end], self._words, taken):
                phrase = rng.choice(found)
                asked = everyday(phrase, rng) if rng.random() < IN_EVERYDAY_WORDS else phrase
                yield phrase, detail_form(relation(text[start:end]), asked, rng)
