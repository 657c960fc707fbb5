"""Questions as people ask them, made from a record by rules: plain, misspelt, keywords, a story around, and
descriptions that do not name the topic.

A CSV's own questions often come from a template ("What are the symptoms of X ?"); a retriever that is trained on those
gets worse at people's. All randomness comes from the generator that is passed in.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Literal

from core.text.aspects import aspects
from core.text.everyday import everyday
from core.text.rules import read_toml
from core.text.symptoms import symptom_lists
from index.corpus import Record
from index.topics import record_aspect, record_topic

Kind = Literal["plain", "keywords", "story", "description", "asked"]

_HEAD = re.compile(r"^(?:what i need to know about|your guide to|overview of|parasites - )\s*", re.I)
_BRACKETS = re.compile(r"(?:(?<!\s)\s+)?[(\[][^)\]]{0,120}[)\]]")
_ALSO = re.compile(
    r"\b(?:also|often|sometimes|commonly)\s+(?:called|known as|referred to as)\s+(?:an?\s+|the\s+)?"
    r"([a-z][\w'’-]*(?:\s+[\w'’-]+){0,3}?)(?=[,.;)]|\s+(?:is|are|and|or|in|that|which)\b)",
    re.I,
)
_CAPITALS = re.compile(
    r",? \(?(?:(?<=\()|or |(?:or |also |commonly )?(?:called|known as) )([A-Z][A-Za-z]{0,3}[A-Z0-9])s?\b"
)
"""Another name in capitals after a name: "(commonly known as PKU)"."""
_VOWELS = "aeiouy"
IN_EVERYDAY_WORDS = 0.6
"""Share of descriptions and details that are worded without medical terms."""
_DESCRIBED_LETTERS = 4000
"""Characters of an answer, from its beginning, that descriptions are made from."""
AROUND = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True)
class Around:
    """The sentences that people write around a question, and how they describe what they feel."""

    before: tuple[str, ...]
    """Sentences before the question, in which `{t}` stands for the topic, `{who}` for a person, `{age}` for an age."""
    after: tuple[str, ...]
    """Sentences after it; `{weeks}` stands for a number."""
    felt: tuple[str, ...]
    """Questions about what is felt or seen, for which `{d}` stands."""
    who: tuple[str, ...]
    """Words for a person, such as "mother"; they fill `{who}`."""


def read_around(path: Path) -> Around:
    """Read a file of the sentences that people write around a question.

    Raises:
        DataError: the file is missing, or names the line that is no rule.
    """
    file = read_toml(path, top=("before", "after", "felt", "who"))
    return Around(
        file.forms("before", optional=("t", "who", "age")),
        file.forms("after", optional=("who", "weeks")),
        file.forms("felt", "d", optional=("who",)),
        file.texts("who"),
    )


@cache
def around() -> Around:
    """The texts of question_forms.toml, read once."""
    return read_around(AROUND)


def is_described(aspect: str) -> bool:
    """Whether answers for an aspect list what one feels or sees."""
    known = aspects().named.get(aspect)
    return known is not None and known.described


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
    own = not aspect
    aspect = aspect or record_aspect(record)
    known = aspects().get(aspect)
    form = rng.choice(known.forms)
    plain = form.format(t=rng.choice(names))
    yield LayQuestion(record.id, typed(plain, rng), "plain")
    keywords = [rng.choice(names), rng.choice(known.keywords)]
    rng.shuffle(keywords)
    yield LayQuestion(record.id, typed(" ".join(keywords).strip(), rng), "keywords")
    yield LayQuestion(record.id, story(form, names, rng), "story")
    if own and (things := felt_of(record, rng)):
        yield LayQuestion(record.id, describe(things, rng), "description")


def ask(record: Record, aspect: str, rng: random.Random) -> LayQuestion:
    """A question for an aspect of the record's topic, which the record need not answer."""
    return rng.choice(list(lay_questions(record, rng, aspect)))


def topic_names(record: Record) -> list[str]:
    """Names of the topic, in lower case: its plain name first, then its other names in the answer, in words or in
    capitals.
    """
    topic = _HEAD.sub("", _BRACKETS.sub("", record_topic(record))).strip(" ?.:") or record_topic(record)
    beginning = record.answer[:600]
    also = [name.casefold() for name in _ALSO.findall(beginning) if len(name) > 3]
    capitals = (
        found[1].casefold()
        for found in _CAPITALS.finditer(beginning)
        if beginning[: found.start()].casefold().endswith((topic, f"{topic}s"))
    )
    return list(dict.fromkeys([topic, *also[:2], *islice(capitals, 1)]))


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
    """A question as it is typed in a hurry: one in four has a misspelt word."""
    words = question.split()
    long = [number for number, word in enumerate(words) if len(word) >= 6 and word.isalpha()]
    if long and rng.random() < 0.25:
        number = rng.choice(long)
        words[number] = misspelt(words[number], rng)
    return " ".join(words)


def story(form: str, names: list[str], rng: random.Random) -> str:
    """A question, in which `{t}` stands for the topic, among sentences that have little to do with it."""
    before, after = rng.choice(around().before), rng.choice(around().after)
    asked = form.format(t="it" if "{t}" in before and rng.random() < 0.5 else rng.choice(names))
    fill = {
        "who": rng.choice(around().who),
        "age": rng.randrange(19, 88),
        "weeks": rng.randrange(2, 9),
        "t": rng.choice(names),
    }
    return f"{before.format(**fill)} {typed(asked, rng)}? {after.format(**fill)}"


def describe(things: Sequence[str], rng: random.Random) -> str:
    """A question about what one feels or sees, as a person who feels it describes it."""
    if rng.random() < IN_EVERYDAY_WORDS:
        things = [everyday(thing, rng) for thing in things]
    *first, last = things
    description = f"{', '.join(first)}{rng.choice((' and ', ' and ', ', ', ' with '))}{last}" if first else last
    return typed(rng.choice(around().felt).format(d=description, who=rng.choice(around().who)), rng)


def felt_of(record: Record, rng: random.Random) -> list[str]:
    """Up to three things that a record's answer lists as felt or seen; none if it is about something else."""
    if not is_described(record_aspect(record)):
        return []
    return some_felt(record.answer[:_DESCRIBED_LETTERS], topic_names(record), rng)


def some_felt(text: str, names: Sequence[str], rng: random.Random) -> list[str]:
    """Up to three of the things that one sentence of a text lists as felt or seen; none if none does."""
    if not (lists := list(symptom_lists(text, names))):
        return []
    things = rng.choice(lists)
    return rng.sample(things, min(len(things), rng.choice((1, 2, 2, 3))))
