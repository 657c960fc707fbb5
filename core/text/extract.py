"""The sentences of a passage that answer a question: what the generator is trained to write, and nothing it must guess.

A completion is extractive on purpose. Every sentence stands in the evidence word for word, so that the model learns to
answer from the passages (RAFT: Zhang et al. 2024, arXiv 2403.10131) and never from memory.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from core.text.aspects import asks_about
from core.text.sentences import Span, ends_whole, sentence_spans

MOST_SENTENCES = 4
"""Sentences of a completion; with those of a second passage it may have two more."""
WORDS = (5, 50)
"""Fewest and most words of a sentence that is used: a shorter one is a heading or a menu item, unless it has a verb."""
FEWEST_WITH_VERB = 3
"""Words of "It is rare."."""
MOST_WORDS = 110
"""Words of a completion beyond which its last sentences are dropped."""
MOST_DETAILS = 3
"""Sentences that answer a question about one thing, those that they lean on not counted."""
NEAR = 0.3
"""Greatest difference in cosine similarity to the question between a chosen sentence and the best one."""
ASPECT_BONUS = 0.15
"""Gain of a sentence that has words of the aspect asked for ("treated" where the question asks for treatment)."""
FIRST_BONUS = 0.1
"""Gain of the passage's first sentence: answers open with what they are about."""
WEAKEST = 0.25
"""Worth below which a sentence answers nothing."""

_BOILERPLATE = re.compile(
    r"key points?\b|click|\bwebsite|web site|\bhttps?:|www\.|\blinks?\b|\bsee also\b|\bread more|\blearn more|"
    r"for more information|more information (?:about|on)|\bfact ?sheet|\bvideo\b|\bwatch\b.{0,200}\bto\b|\bfigure \d|"
    r"\bbelow\b|"
    r"first number of the fraction|a frequency of \d|"
    r"\bthe following\b|\bcontact (?:us|the)\b|\bresources?\b|\bsubscribe|\bdownload|"
    r"\btable\b|medical dictionary|"
    r"human phenotype ontology|clinicaltrials?\.gov|\bnih\b.{0,200}:|this (?:section|page|booklet|summary|article)|"
    r"\bthese resources\b|\bfrequencies are based\b|\bfractions may be different\b|no information on frequency|"
    r"\(centers for disease|sign or symptom|\borphanet\b|^overview\b|^what (?:is|are|causes)\b",
    re.I,
)
_LEANS = re.compile(
    r"(?:it|its|they|their|them|this|these|those|that|such|he|she|his|her|however|but|also|in addition|additionally|"
    r"another|other|others|moreover|furthermore|therefore|thus|then|as a result|for example|for instance|instead|"
    r"still|both|some of (?:these|them)|many of (?:these|them)|in (?:these|this|such|other)|the (?:latter|former)|"
    r"similarly|likewise|on the other hand|when this|if this|if these|because of this|and|or|so|yet)\b",
    re.I,
)
_STANDS = re.compile(
    r"it is (?:\w+ )?(?:(?:possible|important|necessary|essential|best) to|"
    r"(?:possible|important|recommended|estimated|believed|thought|known|unknown|unclear|clear|likely|unlikely) "
    r"(?:that|whether|how|why|what|if))\b",
    re.I,
)
"""An "it" that refers to nothing before it: "It is possible to …"."""
_CAVEAT = re.compile(r"(?:however|but|yet|nevertheless|nonetheless|even so|on the other hand|in contrast)\b", re.I)
_VERB = re.compile(r"\b(?:is|are|was|were|has|have|can|cannot|does|do|may|will|must)\b")
_LABEL = re.compile(r"summary\s*:\s*", re.I)
_LISTING = re.compile(r"(?:[-*•–]\s)|\s{2,}|\t")


@dataclass(frozen=True)
class Chosen:
    """Sentences of a passage, in its order; `text[start:end]` of each span stands there word for word."""

    spans: tuple[Span, ...]
    worth: float = 0.0
    """The worth of the best sentence: its similarity to the question, and what its words and its place add."""
    reason: str = ""
    """Why no sentence was chosen; empty if some were."""


def refused_because(sentence: str) -> str:
    """Why a sentence cannot stand in an answer; empty if it can."""
    words = len(sentence.split())
    if words < (FEWEST_WITH_VERB if _VERB.search(sentence) else WORDS[0]):
        return "too short"
    if words > WORDS[1]:
        return "too long"
    if sentence.rstrip().endswith("?"):
        return "a question"
    if sentence.rstrip().endswith(":") or not ends_whole(sentence):
        return "not whole"
    if not (sentence[0].isupper() or sentence[0].isdigit()) or _LISTING.search(sentence):
        return "a list item"
    if _BOILERPLATE.search(sentence):
        return "boilerplate"
    return ""


def is_caveat(sentence: str) -> bool:
    """Whether a sentence limits the one before it, which is misleading by itself."""
    return bool(_CAVEAT.match(sentence))


def choose(
    text: str, aspect: str, relevance: Sequence[float], refused: Counter[str], most: int = MOST_SENTENCES
) -> Chosen:
    """The sentences of a passage that answer a question best.

    Args:
        aspect: what the question asks for, in the words of `core.text.aspects.aspect`.
        relevance: cosine similarity to the question of each of the text's sentences
            (`core.text.sentences.sentence_spans`).
        refused: counts sentences that were left out, by reason.
    """
    spans, near_enough = _usable(text, relevance, refused)
    usable = {
        number: score + ASPECT_BONUS * asks_about(aspect, text[slice(*spans[number])]) + FIRST_BONUS * (number == 0)
        for number, score in near_enough.items()
    }
    if not usable:
        return Chosen((), reason="no whole sentence")
    best = max(usable.values())
    if best < WEAKEST:
        return Chosen((), reason="no sentence fits")
    near = sorted((n for n in usable if usable[n] >= max(best - NEAR, WEAKEST)), key=lambda n: -usable[n])[:most]
    kept = _with_company(text, spans, usable, near, most)
    if not kept:
        return Chosen((), reason="every sentence leans on another")
    return Chosen(tuple(spans[number] for number in kept), best)


def holding(
    text: str, says: Callable[[str], bool], relevance: Sequence[float], refused: Counter[str], least: float = 0.0
) -> Chosen:
    """The sentences of a passage that state one thing, the nearest to the question if they are many; see `choose`.

    Args:
        says: whether a sentence states it.
        least: similarity to the question below which a sentence does not count.
    """
    spans, usable = _usable(text, relevance, refused)
    found = [n for n in usable if usable[n] >= least and says(text[slice(*spans[n])])]
    kept = _with_company(text, spans, usable, sorted(found, key=lambda n: -usable[n])[:MOST_DETAILS], MOST_SENTENCES)
    if not kept:
        return Chosen((), reason="no sentence says it")
    return Chosen(tuple(spans[n] for n in kept), max(usable[n] for n in kept))


def standing(text: str, numbers: Sequence[int]) -> Chosen:
    """Sentences of a text, by their numbers from 0, each with its company; none of what cannot stand in an answer."""
    spans, usable = _usable(text, [1.0] * len(sentence_spans(text)), Counter())
    kept = _with_company(text, spans, usable, [n for n in numbers if n in usable], MOST_SENTENCES)
    return Chosen(tuple(spans[n] for n in kept), 1.0)


def _with_company(
    text: str, spans: Sequence[Span], usable: Collection[int], best_first: Sequence[int], most: int
) -> list[int]:
    """The numbers of at most `most` sentences, in their order: each of `best_first` with those that it leans on and
    the caveat after it, or not at all.
    """
    kept: set[int] = set()
    for number in best_first:
        first, last = number, number
        while first > 0 and _leans(text[slice(*spans[first])]):
            first -= 1
        while last + 1 < len(spans) and is_caveat(text[slice(*spans[last + 1])]):
            last += 1
        company = set(range(first, last + 1))
        whole = company.issubset(usable) and not _leans(text[slice(*spans[first])])
        if whole and len(kept | company) <= most:
            kept |= company
    return sorted(kept)


def _leans(sentence: str) -> bool:
    return bool(_LEANS.match(sentence)) and not _STANDS.match(sentence)


def _usable(text: str, relevance: Sequence[float], refused: Counter[str]) -> tuple[list[Span], dict[int, float]]:
    """The sentences of a text, and the number and similarity of each that can be part of an answer."""
    spans = [_without_label(text, span) for span in sentence_spans(text)]
    usable: dict[int, float] = {}
    for number, ((start, end), score) in enumerate(zip(spans, relevance, strict=True)):
        if reason := refused_because(text[start:end]):
            refused[reason] += 1
        else:
            usable[number] = score
    return spans, usable


def _without_label(text: str, span: Span) -> Span:
    label = _LABEL.match(text, *span)
    return (label.end(), span[1]) if label and label.end() < span[1] else span


def compose(texts: Mapping[int, str], found: Mapping[int, Chosen], most: int) -> list[tuple[str, int]]:
    """The sentences of a completion, each with the number of its passage: those of the best passage first.

    Sentences beyond what there is room for are left out from the end, and those before a caveat with it.

    Args:
        texts: the text of each passage, by its number.
        found: the sentences chosen from each passage, by its number.
        most: sentences of the best passage; of any other there are at most two.
    """
    sentences: list[tuple[str, int]] = []
    best_first = sorted(((chosen.worth, number) for number, chosen in found.items() if chosen.spans), reverse=True)
    for place, (_, number) in enumerate(best_first):
        said = {text for text, _ in sentences}
        chosen_texts = [texts[number][start:end] for start, end in found[number].spans]
        new = dict.fromkeys(_first(chosen_texts, 2 if place else most))
        sentences += [(sentence, number) for sentence in new if sentence not in said]
    words = list(accumulate(len(text.split()) for text, _ in sentences))
    fitting = max(sum(count <= MOST_WORDS for count in words), 1)
    return sentences[: len(_first([text for text, _ in sentences], fitting))]


def _first(sentences: Sequence[str], count: int) -> Sequence[str]:
    """The first `count` sentences or fewer, none of them without its caveat."""
    while 0 < count < len(sentences) and is_caveat(sentences[count]):
        count -= 1
    return sentences[:count]


def cited(sentences: Sequence[tuple[str, int]]) -> str:
    """A completion: each sentence with the number of its passage before the full stop, like "… skin [1]."."""
    return " ".join(_mark(" ".join(sentence.split()), number) for sentence, number in sentences)


def _mark(sentence: str, number: int) -> str:
    head = sentence.rstrip(".")
    return f"{head} [{number}]." if head != sentence else f"{sentence} [{number}]"
