"""Questions about one detail that a passage gives of its topic, and the same questions where no passage gives it.

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

from core.text.aspects import INFORMATION, aspects
from core.text.everyday import in_both_words
from core.text.words import content_words, stop_words

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_FOLLOWED = re.compile(
    rf"({_WORD.pattern})(?=(\s*(?:[,;:.!?()\[\]/\n]|$)|\s+(?:of|in|and|or|is|are|may|can|that|which|with|for|from|by|as|at|"
    r"on|when|who|was|were|has|have|such|but|than|if|because|during|after|before)\b)?)"
)
_PIECE = re.compile(r"[,;:.!?()\[\]\"“”/\n]+")
_VERBS = re.compile(r"\w+(?:ed|ing|ly|ize|izes|ify|ifies)", re.I)
RARE = 0.01
"""Share of the file's answers that may hold a word for it to tell one passage from the others."""
NOUN = 0.6
"""Share of a word's places in which it is followed as a noun is, for it to end a phrase."""
KNOWN = 3
"""Answers that must hold it: a word of fewer is a misprint as likely as not."""
OF_ITS_OWN = 0.6
"""Share of details that are asked about in a form for their aspect, and not in one that suits any."""


@dataclass(frozen=True)
class Words:
    """Words of a file, in lower case."""

    rare: frozenset[str]
    """Words that are in few answers, but in more than two."""
    ends: frozenset[str]
    """Words that are mostly followed by what follows a noun: a comma, "of", "and", "is". Verbs and adjectives are
    not."""
    pairs: frozenset[tuple[str, str]]
    """Pairs of words that are side by side in more than two answers, as the words of one thing are."""


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
    touching, small = frozenset(taken), stop_words("phrases")
    for piece in _PIECE.split(sentence):
        run: list[str] = []
        for word in [*_WORD.findall(piece), "the"]:
            if word.casefold() not in small and not touching.intersection(content_words(word)):
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


def relation(sentence: str) -> str:
    """The aspect as which a sentence connects its details to its topic; `INFORMATION` if its words do not show one."""
    known = (each for each in aspects().named.values() if each.detail_tells and each.detail_tells.search(sentence))
    return next((each.name for each in known), INFORMATION)


def detail_form(relation: str, phrase: str, rng: random.Random) -> str:
    """A form of question about a phrase, in which `{t}` stands for the topic."""
    of_its_own = relation != INFORMATION and rng.random() < OF_ITS_OWN
    return rng.choice(aspects().get(relation if of_its_own else INFORMATION).detail_forms).replace("{p}", phrase)


def says(text: str, phrase: str) -> bool:
    """Whether a text has every word of a phrase, whatever their endings."""
    return set(content_words(phrase)) <= set(content_words(text))


def touches(text: str, phrase: str) -> bool:
    """Whether a text has any word of a phrase, or an everyday word for one: "tablets" touch "pills"."""
    return bool(_in_both_words(phrase) & _in_both_words(text))


@lru_cache(maxsize=1024)  # the same evidence is asked about for many things
def _in_both_words(text: str) -> frozenset[str]:
    return frozenset(content_words(in_both_words(text)))
