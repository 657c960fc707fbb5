"""Questions about one thing that a passage says of its topic, and the same questions where no passage says it.

What people ask is seldom the heading of a passage. Each question here is answered over evidence that has its words and
refused over evidence that has not, so that reading decides and neither the topic nor the way of asking does.
"""

import random
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from core.text.everyday import in_both_words
from core.text.words import content_words

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_FOLLOWED = re.compile(
    rf"({_WORD.pattern})(?=(\s*(?:[,;:.!?()\[\]/\n]|$)|\s+(?:of|in|and|or|is|are|may|can|that|which|with|for|from|by|as|at|"
    r"on|when|who|was|were|has|have|such|but|than|if|because|during|after|before)\b)?)"
)
_PIECE = re.compile(r"[,;:.!?()\[\]\"“”/\n]+")
_SMALL = frozenset(
    """
    a about after all also although among an and any are as at based be because been before being best better
    between both but by called can caused certain common could depending develop develops different do doctor
    doctors does due during each either even every experience few for found from given gives good great had has have
    having help helps her high his how however if important in include includes including into is it its kind known
    large less like likely low made main make makes many may mean means might more most much must need needed needs
    new no normal not number occur occurs of often on one only or other others our out over part parts patient
    patients people person placed possible put rather recommended same see seen several severe should show shows
    similar small so some someone sometimes specific still such than that the their them then there these they this
    those through to together too two type types under until up upon us use used useful uses using usual usually
    various very was way ways well were what when where whether which while who whom whose why will with within
    without work works would you your
    """.split()
)
_VERBS = re.compile(r"\w+(?:ed|ing|ly|ize|izes|ify|ifies)", re.I)
RARE = 0.01
"""Share of the file's answers that may hold a word for it to tell one passage from the others."""
NOUN = 0.6
"""Share of a word's places in which it is followed as a noun is, for it to end a phrase."""
KNOWN = 3
"""Answers that must hold it: a word of fewer is a misprint as likely as not."""

Relation = str
_RELATIONS: dict[Relation, tuple[re.Pattern[str], tuple[str, ...]]] = {
    "treatment": (
        re.compile(r"\b(?:treat\w*|medicines?|medications?|drugs?|therap\w+|surger\w+|relie\w+|prescri\w+)\b", re.I),
        (
            "does {p} help with {t}",
            "is {p} used for {t}",
            "the doctor talked about {p} for {t}, what does it do",
            "will {p} make {t} better",
            "can they give me {p} for {t}",
        ),
    ),
    "tests": (
        re.compile(r"\b(?:diagnos\w+|tests?|exams?|imaging|x-rays?|scans?|biops\w+|screening)\b", re.I),
        (
            "do they use {p} to find {t}",
            "why do they look at {p} if it might be {t}",
            "is {p} part of the checkup for {t}",
        ),
    ),
    "symptoms": (
        re.compile(r"\b(?:symptoms?|signs?|feel\w*|pain\w*|develop\w*|affected|experience)\b", re.I),
        (
            "can {t} give you {p}",
            "is {p} a sign of {t}",
            "i have {p}, could it be {t}",
            "does {p} come with {t}",
            "do people with {t} get {p}",
        ),
    ),
    "causes": (
        re.compile(r"\b(?:caus\w+|lead\w*|result\w*|risk\w*|due to|trigger\w*|gene\w*|mutation\w*)\b", re.I),
        (
            "does {p} have a part in {t}",
            "can {p} bring on {t}",
            "is {p} behind {t}",
            "is there a link between {p} and {t}",
        ),
    ),
}
_ANY = (
    "what does {p} have to do with {t}",
    "{t} and {p}",
    "{p} {t}",
    "what about {p} if you have {t}",
    "someone said something about {p} and {t}, what is it",
    "tell me about {p} in {t}",
)


@dataclass(frozen=True)
class Words:
    """Words of a file, in lower case."""

    rare: frozenset[str]
    """In few answers, but in more than two."""
    ends: frozenset[str]
    """Mostly followed by what follows a noun: a comma, "of", "and", "is". Verbs and adjectives are not."""
    pairs: frozenset[tuple[str, str]]
    """Side by side in more than two answers, as the words of one thing are."""


def read_words(answers: Iterable[str]) -> Words:
    """The words of a file's answers."""
    found: Counter[str] = Counter()
    times: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    ending: Counter[str] = Counter()
    total = 0
    for answer in answers:
        total += 1
        seen = [(match[1].casefold(), bool(match[2])) for match in _FOLLOWED.finditer(answer)]
        found.update({word for word, _ in seen})
        times.update(word for word, _ in seen)
        ending.update(word for word, ends in seen if ends)
        pairs.update(set(pairwise(word for word, _ in seen)))
    most = max(RARE * total, KNOWN)
    return Words(
        frozenset(word for word, count in found.items() if KNOWN <= count <= most),
        frozenset(word for word, count in ending.items() if count >= NOUN * times[word]),
        frozenset(pair for pair, count in pairs.items() if count >= KNOWN),
    )


def phrases(sentence: str, words: Words, taken: Collection[str]) -> list[str]:
    """Runs of one to three words between small words, one of them rare, none a stem of `taken`; in lower case.

    In the manner of RAKE (Rose et al. 2010, Automatic keyword extraction from individual documents).
    """
    found = []
    touching = frozenset(taken)
    for piece in _PIECE.split(sentence):
        run: list[str] = []
        for word in [*_WORD.findall(piece), "the"]:
            if word.casefold() not in _SMALL and not touching.intersection(content_words(word)):
                run.append(word)
                continue
            if _is_phrase(run, words):
                found.append(" ".join(run).casefold())
            run = []
    return list(dict.fromkeys(found))


def _is_phrase(run: list[str], words: Words) -> bool:
    return (
        1 <= len(run) <= 3
        and run[-1].casefold() in words.ends
        and not _VERBS.fullmatch(run[-1])
        and not any(word.endswith("ly") for word in run)
        and any(word.casefold() in words.rare and len(word) >= 5 for word in run)
        and all(pair in words.pairs for pair in pairwise(word.casefold() for word in run))
    )


def relation(sentence: str) -> Relation:
    """What a sentence tells of its topic; empty if its words do not say."""
    return next((name for name, (words, _) in _RELATIONS.items() if words.search(sentence)), "")


def detail_form(relation: Relation, phrase: str, rng: random.Random) -> str:
    """A form of question about a phrase, in which `{t}` stands for the topic."""
    forms = _RELATIONS[relation][1] if relation and rng.random() < 0.6 else _ANY
    return rng.choice(forms).replace("{p}", phrase)


def says(text: str, phrase: str) -> bool:
    """Whether a text has every word of a phrase, whatever their endings."""
    return set(content_words(phrase)) <= set(content_words(text))


def touches(text: str, phrase: str) -> bool:
    """Whether a text has any word of a phrase, or any that people say in the place of one: "tablets" touch "pills"."""
    return bool(_in_both_words(phrase) & _in_both_words(text))


@lru_cache(maxsize=1024)  # the same evidence is asked about for many things
def _in_both_words(text: str) -> frozenset[str]:
    return frozenset(content_words(in_both_words(text)))
