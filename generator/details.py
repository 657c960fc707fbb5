"""Questions about one thing that a passage says of its topic, and the same questions where no passage says it.

What people ask is seldom the heading of a passage. Each question here is answered over evidence that has its words and
refused over evidence that has not, so that reading decides and neither the topic nor the way of asking does.
"""

import random
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from rag.citations import content_words

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
class Matter:
    """Something that people ask about any illness, and the words without which a passage does not speak of it."""

    asked: tuple[str, ...]
    said: re.Pattern[str]

    def is_in(self, text: str) -> bool:
        """Whether a text speaks of it."""
        return bool(self.said.search(text))


def _matter(said: str, *asked: str) -> Matter:
    return Matter(asked, re.compile(rf"\b(?:{said})", re.I))


MATTERS = (
    _matter(r"alcohol|drink|wine|beer|liquor", "can i drink alcohol with {t}", "is a glass of wine ok with {t}"),
    _matter(r"smok|tobacco|cigar|nicotin", "does smoking make {t} worse", "what does smoking do to {t}"),
    _matter(r"exercis|physical activit|sport|workout|walking", "can i exercise with {t}", "is sport good for {t}"),
    _matter(r"pregnan|birth|baby|babies|newborn|unborn", "{t} and pregnancy", "is it safe to have a baby with {t}"),
    _matter(r"vitamin|supplement|mineral", "do vitamins help with {t}", "which supplements should i take for {t}"),
    _matter(r"diet|food|eat|nutrition|meal", "does food have anything to do with {t}", "what can i eat with {t}"),
    _matter(r"surg|operat|remov", "do you need surgery for {t}", "is there an operation for {t}"),
    _matter(r"cost|price|pay|expens|insur|money", "how much does it cost to treat {t}", "does insurance pay for {t}"),
    _matter(r"\d+ ?(?:mg|milligram|mcg|ml|grams?)\b|dose|dosage", "how many mg should i take for {t}", "dose for {t}"),
    _matter(r"hospital|inpatient|admitted", "do i have to go to hospital with {t}", "which hospital is good for {t}"),
    _matter(r"vaccin|immuniz|shot", "is there a vaccine for {t}", "can you get a shot so you dont get {t}"),
    _matter(r"dog|cat\b|cats\b|animal|pet\b|pets\b|cattle|bird", "can pets get {t}", "can animals give you {t}"),
    _matter(r"travel|trip|abroad|countr", "can i travel with {t}", "where in the world do people get {t}"),
    _matter(r"work|job|occupation|employ", "can i go to work with {t}", "can my job have to do with {t}"),
    _matter(r"school|classroom|teacher", "can my son go to school with {t}", "should the teacher know about {t}"),
    _matter(r"sleep|insomnia", "does {t} keep you awake at night", "sleep problems with {t}"),
    _matter(r"stress|anxi|depress|emotion|mood", "can {t} make you depressed", "has stress to do with {t}"),
    _matter(r"driv", "can i drive a car with {t}", "is it ok to drive with {t}"),
    _matter(
        r"sunlight|sun\b|ultraviolet|uv\b|sunscreen", "is the sun bad for {t}", "should i stay out of the sun with {t}"
    ),
    _matter(r"weight|obes|overweight", "does being overweight matter for {t}", "will losing weight help with {t}"),
    _matter(r"child|infan|teen|adolescen", "can children get {t}", "what if my little girl has {t}"),
    _matter(r"old|elder|aging|age 6|age 7", "does {t} come with old age", "do older people get {t}"),
    _matter(r"men\b|women|male|female|sex\b", "do more men or women get {t}", "is {t} the same in women"),
    _matter(
        r"discover|first described|named (?:after|for)|history",
        "who discovered {t}",
        "why is it called {t}",
    ),
    _matter(r"antibiotic|penicillin", "do antibiotics help with {t}", "should i get antibiotics for {t}"),
    _matter(r"blood test|urine|sample|laborator", "will a blood or urine test show {t}", "lab test for {t}"),
    _matter(r"donat|donor|transplant", "can i give blood with {t}", "do people with {t} need a transplant"),
    _matter(r"massage|acupunct|yoga|herb|alternative", "does acupuncture work for {t}", "herbs for {t}"),
    _matter(r"itch|rash|skin", "does {t} make your skin itch", "rash with {t}"),
    _matter(r"heart|cardi", "is {t} bad for the heart", "does {t} do anything to your heart"),
    _matter(r"eye|vision|blind|sight", "can {t} hurt your eyes", "will i see worse with {t}"),
    _matter(r"hear|deaf|\bear\b|ears", "can you lose your hearing from {t}", "ears and {t}"),
    _matter(r"headache|migraine", "does {t} give you headaches", "my head hurts, has that to do with {t}"),
    _matter(r"fever|temperature|hot", "do you get a fever with {t}", "fever {t}"),
    _matter(r"tired|fatigue|weak|energy", "is it normal to be tired with {t}", "why am i so weak with {t}"),
    _matter(r"bone|joint|arthrit", "does {t} hurt your bones", "is {t} bad for the joints"),
    _matter(r"kidney|renal", "can {t} harm the kidneys", "kidneys {t}"),
    _matter(r"liver|hepat", "does {t} affect the liver", "is the liver hurt by {t}"),
    _matter(r"brain|neuro|mental|intellect", "does {t} do something to the brain", "is the mind affected by {t}"),
    _matter(r"cancer|tumor|malignan", "can {t} turn into cancer", "is {t} a kind of cancer"),
)


@dataclass(frozen=True)
class Words:
    """Words of a file, in lower case."""

    rare: frozenset[str]
    """In few answers, but in more than two."""
    ends: frozenset[str]
    """Mostly followed by what follows a noun: a comma, "of", "and", "is". Verbs and adjectives are not."""


def read_words(answers: Iterable[str]) -> Words:
    """The words of a file's answers."""
    found: Counter[str] = Counter()
    times: Counter[str] = Counter()
    ending: Counter[str] = Counter()
    total = 0
    for answer in answers:
        total += 1
        seen = [(match[1].casefold(), bool(match[2])) for match in _FOLLOWED.finditer(answer)]
        found.update({word for word, _ in seen})
        times.update(word for word, _ in seen)
        ending.update(word for word, ends in seen if ends)
    most = max(RARE * total, KNOWN)
    return Words(
        frozenset(word for word, count in found.items() if KNOWN <= count <= most),
        frozenset(word for word, count in ending.items() if count >= NOUN * times[word]),
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
        and any(word.casefold() in words.rare and len(word) >= 5 for word in run)
    )


def relation(sentence: str) -> Relation:
    """What a sentence tells of its topic; empty if its words do not say."""
    return next((name for name, (words, _) in _RELATIONS.items() if words.search(sentence)), "")


def detail_form(relation: Relation, phrase: str, rng: random.Random) -> str:
    """A form of question about a phrase, in which `{t}` stands for the topic."""
    forms = _RELATIONS[relation][1] if relation and rng.random() < 0.75 else _ANY
    return rng.choice(forms).replace("{p}", phrase)


def says(text: str, phrase: str) -> bool:
    """Whether a text has every word of a phrase, whatever their endings."""
    return set(content_words(phrase)) <= set(content_words(text))


def touches(text: str, phrase: str) -> bool:
    """Whether a text has any word of a phrase."""
    return bool(set(content_words(phrase)) & set(content_words(text)))
