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
from index.topics import record_aspect, record_topic

Kind = Literal["plain", "keywords", "story", "description", "asked"]

_FORMS: dict[str, tuple[str, ...]] = {
    "information": (
        "what is {t}",
        "what exactly does {t} mean",
        "i was told i have {t}, what is that",
        "can somebody explain {t} to me",
        "tell me about {t}",
        "never heard of {t} before",
        "is {t} serious",
    ),
    "symptoms": (
        "how do i know if i have {t}",
        "what does {t} feel like",
        "signs of {t} to look out for",
        "how does {t} show itself",
        "could this be {t}, what would i notice",
        "what happens to you when you have {t}",
        "first signs of {t}",
    ),
    "treatment": (
        "what helps against {t}",
        "can {t} be cured",
        "what do doctors give you for {t}",
        "how do i get rid of {t}",
        "is there a pill or an operation for {t}",
        "what can be done about {t}",
        "best thing to do for {t}",
    ),
    "causes": (
        "why do people get {t}",
        "where does {t} come from",
        "how did i get {t}",
        "what brings on {t}",
        "is {t} catching",
        "what is behind {t}",
    ),
    "exams and tests": (
        "how do they find out if it is {t}",
        "is there a blood test for {t}",
        "how does a doctor check for {t}",
        "which tests do i need for {t}",
        "how can they be sure that it is {t}",
    ),
    "prevention": (
        "how can i keep from getting {t}",
        "what should i do so i dont get {t}",
        "is there a way to stop {t} before it starts",
        "can you avoid {t}",
        "lower my chances of {t}",
    ),
    "outlook": (
        "will {t} go away",
        "can you die from {t}",
        "how long do people live with {t}",
        "does {t} get worse over time",
        "what is ahead of me with {t}",
    ),
    "inheritance": (
        "does {t} run in families",
        "will my kids get {t} from me",
        "is {t} passed on from the parents",
        "my dad has {t}, will i get it too",
        "how is {t} handed down",
    ),
    "frequency": (
        "how common is {t}",
        "how rare is {t}",
        "how many people have {t}",
        "do a lot of people get {t}",
        "who else has {t}",
    ),
    "genetic changes": (
        "what gene is behind {t}",
        "which mutation gives you {t}",
        "what is wrong in the dna with {t}",
        "what goes wrong in the genes in {t}",
    ),
    "susceptibility": (
        "who is most likely to get {t}",
        "am i at risk of {t}",
        "what makes {t} more likely",
        "do older people get {t} more",
    ),
    "research": (
        "anything new on {t}",
        "what are scientists doing about {t}",
        "are there trials for {t} i can join",
        "is there a new cure for {t} coming",
    ),
    "considerations": (
        "what should i eat with {t}",
        "living with {t}, what do i need to watch",
        "what foods are bad for {t}",
        "anything else i should know about {t}",
    ),
    "complications": (
        "what happens if {t} is left alone",
        "is {t} dangerous",
        "what can {t} lead to",
        "problems that come after {t}",
    ),
    "stages": (
        "how far along can {t} be",
        "what are the levels of {t}",
        "how does {t} spread in the body",
        "stage of {t} what does it mean",
    ),
}
_KEYWORDS = {
    "information": ("", "meaning", "explained", "info"),
    "symptoms": ("signs", "symptoms", "feels like", "warning signs"),
    "treatment": ("treatment", "cure", "medicine", "what helps", "therapy"),
    "causes": ("cause", "why", "reason", "how do you get it"),
    "exams and tests": ("test", "diagnosis", "how to tell", "checkup"),
    "prevention": ("prevent", "avoid", "stop getting"),
    "outlook": ("life expectancy", "survival", "goes away", "future"),
    "inheritance": ("hereditary", "runs in family", "passed on"),
    "frequency": ("how common", "rare", "numbers"),
    "genetic changes": ("gene", "mutation", "dna"),
    "susceptibility": ("risk", "who gets it"),
    "research": ("research", "new studies", "trial"),
    "considerations": ("diet", "food", "living with"),
    "complications": ("danger", "complications", "untreated"),
    "stages": ("stages", "stage 2", "spread"),
}
_BEFORE = (
    "my {who} was just told about {t}.",
    "hello, i am {age} and a bit worried.",
    "my {who} is {age} and the doctor mentioned {t} yesterday.",
    "we came back from the clinic with a lot of papers and i did not understand half of it.",
    "i have been reading all evening and only get more confused.",
    "my {who} has had {t} for some years now.",
    "sorry for the long message, nobody here could help me so far.",
    "the nurse said {t} but had no time to talk.",
)
_AFTER = (
    "thanks a lot.",
    "please help.",
    "i dont want to worry my {who}.",
    "any advice is welcome, thank you.",
    "the next appointment is only in {weeks} weeks.",
    "i do not know what to do.",
)
_WHO = ("mother", "father", "son", "daughter", "husband", "wife", "sister", "uncle", "grandmother", "friend")
_FELT = (
    "i have {d}, what could it be",
    "{d} what is it",
    "why do i have {d}",
    "my {who} has {d}",
    "{d}",
    "{d}, should i worry",
    "which illness gives you {d}",
)
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
    form = rng.choice(_FORMS.get(aspect, _FORMS["information"]))
    plain = form.format(t=rng.choice(names))
    yield LayQuestion(record.id, typed(plain, rng), "plain")
    keywords = [rng.choice(names), rng.choice(_KEYWORDS.get(aspect, _KEYWORDS["information"]))]
    rng.shuffle(keywords)
    yield LayQuestion(record.id, typed(" ".join(keywords).strip(), rng), "keywords")
    yield LayQuestion(record.id, story(form, names, rng), "story")
    if described and (description := _description(record, names, rng)):
        felt = rng.choice(_FELT).format(d=description, who=rng.choice(_WHO))
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
    before, after = rng.choice(_BEFORE), rng.choice(_AFTER)
    asked = form.format(t="it" if "{t}" in before and rng.random() < 0.5 else rng.choice(names))
    fill = {"who": rng.choice(_WHO), "age": rng.randrange(19, 88), "weeks": rng.randrange(2, 9), "t": rng.choice(names)}
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
    return " and ".join(chosen) if len(chosen) == 2 else ", ".join(chosen)
