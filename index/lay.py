"""Questions as people ask them, made from a record by rules: plain, misspelt, keywords, a story around, and
descriptions that do not name the topic.

A CSV's own questions often come from a template ("What are the symptoms of X ?"); a retriever that is trained on those
gets worse at people's. All randomness comes from the generator that is passed in.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from core.sentences import sentence_spans
from index.corpus import Record
from index.everyday import everyday
from index.lay_words import AFTER, BEFORE, FELT, FORMS, KEYWORDS, WHO
from index.topics import record_aspect, record_topic

Kind = Literal["plain", "keywords", "story", "description", "asked"]

_HEAD = re.compile(r"^(?:what i need to know about|your guide to|overview of|parasites - )\s*", re.I)
_BRACKETS = re.compile(r"\s*[(\[][^)\]]*[)\]]")
_ALSO = re.compile(
    r"\b(?:also|often|sometimes|commonly)\s+(?:called|known as|referred to as)\s+(?:an?\s+|the\s+)?"
    r"([a-z][\w'’-]*(?:\s+[\w'’-]+){0,3}?)(?=[,.;)]|\s+(?:is|are|and|or|in|that|which)\b)",
    re.I,
)
_PHRASE = re.compile(r"[,;:.!?()\n]+|\s(?:and|or|but|such as|including|include|includes|may|can|is|are|which|that)\s")
_WORD = re.compile(r"[a-z']+")
_VOWELS = "aeiouy"
IN_EVERYDAY_WORDS = 0.6
"""Share of what is described or asked about that is worded without the terms of medicine."""
_DESCRIBED = ("information", "symptoms", "complications")
"""Aspects whose answers say what one feels or sees."""


@dataclass(frozen=True)
class LayQuestion:
    """A question that `record_id` answers."""

    record_id: str
    question: str
    kind: Kind


def lay_questions(record: Record, rng: random.Random, aspect: str = "") -> Iterator[LayQuestion]:
    """One question of each kind that the record gives.

    Args:
        aspect: what is asked about the record's topic; by default what the record answers.
    """
    names = topic_names(record)
    described = not aspect and record_aspect(record) in _DESCRIBED
    aspect = aspect or record_aspect(record)
    form = rng.choice(FORMS.get(aspect, FORMS["information"]))
    plain = form.format(t=rng.choice(names))
    yield LayQuestion(record.id, typed(plain, rng), "plain")
    keywords = [rng.choice(names), rng.choice(KEYWORDS.get(aspect, KEYWORDS["information"]))]
    rng.shuffle(keywords)
    yield LayQuestion(record.id, typed(" ".join(keywords).strip(), rng), "keywords")
    yield LayQuestion(record.id, story(form, names, rng), "story")
    if described and (description := _description(record, names, rng)):
        felt = rng.choice(FELT).format(d=description, who=rng.choice(WHO))
        yield LayQuestion(record.id, typed(felt, rng), "description")


def ask(record: Record, aspect: str, rng: random.Random) -> LayQuestion:
    """A question for an aspect of the record's topic, which the record need not answer."""
    return rng.choice(list(lay_questions(record, rng, aspect)))


def topic_names(record: Record) -> list[str]:
    """What the topic is called, in lower case: its plain name first, then what the answer says it is also called."""
    topic = _HEAD.sub("", _BRACKETS.sub("", record_topic(record))).strip(" ?.:") or record_topic(record)
    also = [name.casefold() for name in _ALSO.findall(record.answer[:600]) if len(name) > 3]
    return list(dict.fromkeys([topic, *also[:2]]))


def misspelt(word: str, rng: random.Random) -> str:
    """The word with one mistake that hands or ears make: a letter lost, doubled or swapped, or another vowel."""
    place = rng.randrange(1, len(word) - 1)
    before, letter, after = word[:place], word[place], word[place + 1 :]
    kind = rng.randrange(4)
    if kind == 0:
        return before + after
    if kind == 1:
        return before + letter + letter + after
    if kind == 2:
        return before + after[0] + letter + after[1:]
    return before + (rng.choice(_VOWELS) if letter in _VOWELS else letter) + after


def typed(question: str, rng: random.Random) -> str:
    """As typed in a hurry: one question in four has a misspelt word."""
    words = question.split()
    long = [number for number, word in enumerate(words) if len(word) >= 6 and word.isalpha()]
    if long and rng.random() < 0.25:
        number = rng.choice(long)
        words[number] = misspelt(words[number], rng)
    return " ".join(words)


def story(form: str, names: list[str], rng: random.Random) -> str:
    """A question, in which `{t}` stands for the topic, among sentences that have little to do with it."""
    before, after = rng.choice(BEFORE), rng.choice(AFTER)
    asked = form.format(t="it" if "{t}" in before and rng.random() < 0.5 else rng.choice(names))
    fill = {"who": rng.choice(WHO), "age": rng.randrange(19, 88), "weeks": rng.randrange(2, 9), "t": rng.choice(names)}
    return f"{before.format(**fill)} {typed(asked, rng)}? {after.format(**fill)}"


def _description(record: Record, names: list[str], rng: random.Random) -> str:
    """Two or three phrases of one place of the answer, without the words that name the topic; empty if none fit."""
    spans = sentence_spans(record.answer)[:40]
    if not spans:
        return ""
    begin = rng.randrange(len(spans))
    place = record.answer[spans[begin][0] : spans[min(begin + 2, len(spans) - 1)][1]].casefold()
    named = {word for name in names for word in _WORD.findall(name) if len(word) > 3}
    phrases = []
    for phrase in _PHRASE.split(place):
        words = _WORD.findall(phrase)
        if 1 <= len(words) <= 7 and not named.intersection(words) and len("".join(words)) > 5:
            phrases.append(" ".join(words))
    if len(phrases) < 2:
        return ""
    chosen = rng.sample(phrases, min(len(phrases), rng.choice((2, 2, 3))))
    if rng.random() < IN_EVERYDAY_WORDS:
        chosen = [everyday(phrase, rng) for phrase in chosen]
    return " and ".join(chosen) if len(chosen) == 2 else ", ".join(chosen)
