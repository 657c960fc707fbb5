"""What a sentence claims beside its words: numbers with their units, codes such as "hepatitis B", what it denies."""

import re
from collections.abc import Sequence

from core.text.words import content_words

SCOPE = 3
"""Content words after a negation that are negated by it."""

TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+\d*(?:['’][^\W\d_]+)?|%|[,;:.]")
_STOP = frozenset(",;:.")
_SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_SPELLED = {
    **{word: str(value) for value, word in enumerate(f"{_SMALL} seventeen eighteen nineteen".split())},
    **{word: str(10 * value) for value, word in enumerate("twenty thirty forty fifty sixty seventy".split(), start=2)},
    **{"eighty": "80", "ninety": "90", "hundred": "100", "thousand": "1000", "million": "1000000"},
    **{"once": "1", "twice": "2", "half": "0.5", "quarter": "0.25"},
}
_TIMES = frozenset(("once", "twice"))
_COUNTS_ONLY_WITH_A_UNIT = frozenset(("one", "quarter"))
_ONE_OF = frozenset(
    "day week month year hour minute second dose tablet pill mg ml percent time pound kg cup glass".split()
)
"""Units before which "one" and "quarter" are numbers."""
_MEASURES = {
    written: unit
    for unit, forms in {
        "mg": "mg milligram milligrams",
        "mcg": "mcg µg μg microgram micrograms",
        "g": "g gram grams",
        "kg": "kg kilo kilos kilogram kilograms",
        "ml": "ml milliliter milliliters millilitre millilitres",
        "l": "l liter liters litre litres",
        "iu": "iu",
        "mm": "mm millimeter millimeters millimetre millimetres",
        "cm": "cm centimeter centimeters centimetre centimetres",
        "inch": "inch inches",
        "pound": "pound pounds lb lbs",
        "percent": "% percent",
        "second": "second seconds sec",
        "minute": "minute minutes min mins",
        "hour": "hour hours hr hrs",
        "day": "day days",
        "week": "week weeks",
        "month": "month months",
        "year": "year years yr yrs",
    }.items()
    for written in forms.split()
}
"""Units in which a number is another number: 20 mg are not 20 ml, and three days not three weeks. What else is counted
has many names: twenty tablets may be twenty pills."""
_CODE = re.compile(r"\b([A-Za-z]{3,})\s+([A-Z]\d{0,2})\b(?!['’])")
_HARD = re.compile(r"(?:no|not|never|none|neither|nor|without|cannot|nothing|\w+n['’]t)$")
_SOFT = re.compile(r"(?:avoid|prevent|stop|lack|keep|fail)\w*$|(?:trouble|unable|hardly|rarely|less|free|against)$")
_NO_NEGATION = re.compile(r"\b(?:no|not) (?:more|longer|less|later|fewer|only)\b", re.I)


def numbers(text: str) -> list[tuple[str, str]]:
    """Numbers in digits, spelled ones among them, each with what it counts: a unit, a word's stem, or nothing."""
    tokens = [token.casefold() for token in TOKEN.findall(text)]
    found = []
    for place, token in enumerate(tokens):
        value = token.replace(",", "") if token[0].isdigit() else _SPELLED.get(token)
        if value is None:
            continue
        unit = "time" if token in _TIMES else _unit(tokens[place + 1 :])
        if token not in _COUNTS_ONLY_WITH_A_UNIT or unit in _ONE_OF:
            found.append((value, unit))
    return found


def _unit(after: Sequence[str]) -> str:
    for token in after[:4]:
        if token in _MEASURES:
            return _MEASURES[token]
        if token in _STOP:
            return ""
        counted = stem(token)
        if counted and not counted[0].isdigit() and token not in _SPELLED:
            return counted
    return ""


def number_differs(claim: str, said: str) -> bool:
    """Whether a sentence holds a number, or a code such as "vitamin C", that a text has not or has of other things."""
    known = numbers(said)
    values = {value for value, _ in known}
    counted: dict[str, set[str]] = {}
    for value, unit in known:
        counted.setdefault(unit, set()).add(value)
    bare = counted.get("", set())
    for value, unit in numbers(claim):
        others = bare if unit in _MEASURES.values() else values
        if value not in values or value not in counted.get(unit, others) | bare:
            return True
    codes = {(stem(word), code) for word, code in _CODE.findall(said)}
    named = {word for word, _ in codes}
    return any(
        stem(word) in named and (stem(word), code) not in codes for word, code in _CODE.findall(claim) if stem(word)
    )


def negated(text: str, *, soft: bool) -> set[str]:
    """Stems that a negation reaches: up to `SCOPE` content words after it, in its clause.

    Args:
        soft: count words that deny by their meaning as well: "avoid", "prevent", "lack".
    """
    tokens = [token.casefold() for token in TOKEN.findall(_NO_NEGATION.sub("", text))]
    reached: set[str] = set()
    for place, token in enumerate(tokens):
        if not (_HARD.match(token) or (soft and _SOFT.match(token))):
            continue
        stems: list[str] = []
        for later in tokens[place + 1 :]:
            if later in _STOP or later == "but" or len(stems) == SCOPE:
                break
            if denied := stem(later):
                stems.append(denied)
        reached.update(stems)
    return reached


def negation_differs(claim: str, said: str) -> bool:
    """Whether one of two sentences denies what the other states in the same words."""
    denied = (negated(claim, soft=False) & set(content_words(said))) - negated(said, soft=True)
    asserted = (negated(said, soft=False) & set(content_words(claim))) - negated(claim, soft=True)
    return bool(denied or asserted)


def stem(token: str) -> str:
    """The stem of a token; empty for one that is no content word."""
    return next(iter(content_words(token)), "")
