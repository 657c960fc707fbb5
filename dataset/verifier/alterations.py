"""Sentences of a passage altered by rule, so that the passage says less than they do, or something else."""

import random
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from core.text.rules import read_toml

OPPOSITES = Path(__file__).with_name("opposites.toml")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_AFFIRMED = re.compile(r"\b(is|are|was|were|can|may|should|will|could|must)\b")
_DENIED = (
    (re.compile(r"\b(is|are|was|were|can|may|should|will|could|must) not\b"), r"\1"),
    (re.compile(r"\bcannot\b"), "can"),
    (re.compile(r"\b(do|does) not\b"), r"\1"),
    (re.compile(r"\bno\b"), "some"),
    (re.compile(r"\bwithout\b"), "with"),
)
_MAIN_CLAUSE = re.compile(
    r"(.{30,}?)(?:, (?:which|because|although|but|while|whereas|including|such as|especially)\b|; | \()"
)
_LIST = re.compile(r"(.*?\b(?:include|includes|including|are|causes?|such as)\b:? )(.+)")
_AND_OR = re.compile(r", (?:and |or )?| and | or ")
_MOST_ITEMS = 2
"""Items that a shortened list keeps."""


def read_opposites(path: Path) -> dict[str, str]:
    """Read pairs of words, in both directions.

    Raises:
        DataError: the file is missing, or names the line that is no pair of words.
    """
    file = read_toml(path, top=("pairs",))
    found = {}
    for pair in file.texts("pairs"):
        words = pair.split()
        if len(words) != 2:
            raise file.fault(f"{pair!r} is no pair of words; expected two", "pairs", pair)
        found[words[0]], found[words[1]] = words[1], words[0]
    return found


@cache
def _opposites() -> Mapping[str, str]:
    return read_opposites(OPPOSITES)


def negated(sentence: str) -> str:
    """The sentence with its first negation taken out, or one put in; empty where neither can be."""
    for pattern, without in _DENIED:
        if pattern.search(sentence):
            return pattern.sub(without, sentence, count=1)
    return _AFFIRMED.sub(r"\1 not", sentence, count=1) if _AFFIRMED.search(sentence) else ""


def another_number(sentence: str, rng: random.Random) -> str:
    """The sentence with one of its numbers changed; empty without any."""
    places = list(_NUMBER.finditer(sentence))
    if not places:
        return ""
    place = rng.choice(places)
    value = float(place[0].replace(",", ""))
    changed = rng.choice([value * 2, value * 10, value + 1, value + 5, max(1.0, value - 1), value / 2, value * 3])
    written = f"{changed:.0f}" if changed == int(changed) else f"{changed:.1f}"
    return sentence[: place.start()] + written + sentence[place.end() :] if written != place[0] else ""


def opposite(sentence: str, rng: random.Random) -> str:
    """The sentence with a word replaced by its opposite; empty without such a word."""
    held = [word for word in _opposites() if re.search(rf"\b{re.escape(word)}\b", sentence, re.I)]
    if not held:
        return ""
    word = rng.choice(held)
    return re.sub(rf"\b{re.escape(word)}\b", _opposites()[word], sentence, count=1, flags=re.I)


def shortened(sentence: str, rng: random.Random) -> str:
    """What a sentence says beside other things: its main clause, or some items of its list; empty without either."""
    if clause := _MAIN_CLAUSE.match(sentence):
        return clause[1].rstrip(" ,") + "."
    if (listed := _LIST.match(sentence)) and listed[2].count(",") > 1:
        items = [item.strip(" .") for item in _AND_OR.split(listed[2]) if item.strip(" .")]
        return listed[1] + " and ".join(rng.sample(items, min(len(items), rng.randint(1, _MOST_ITEMS)))) + "."
    return ""
