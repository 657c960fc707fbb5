"""From what the model wrote to verified citations: markers are read, sentences checked against the evidence's words.

Support is lexical on purpose: it is exact, explainable word by word, and costs well under a millisecond a sentence.
It does not follow paraphrase; a true sentence in other words may be called weak.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from core.text.sentences import Span, sentence_spans
from core.text.words import content_words, key
from generator.prompt import REFUSAL, REST
from rag.answer import Citation, NumberedSource, Sentence, Verdict

SUPPORTED = 0.7
"""The bar: share of a sentence's content words that its quote must hold for the sentence to be supported by it."""
WEAK = 0.4
"""Below this share a sentence has nothing to do with the quote, whatever marker the model wrote."""
FROM = 0.5
"""Least share of a sentence's words that the sentence of a passage holds from which it was made."""
MAX_WINDOW = 3
"""Most consecutive sentences of evidence in one quote."""
LENGTH_PENALTY = 0.02
"""Least support that every further sentence in a quote must add."""

_NUMBERS = r"\d{1,3}(?:\s*[,;&–-]\s*\d{1,3})*"
_MARKER = re.compile(
    rf"(?:(?<!\s)\s+)?(?:\[\s*(?:passages?\s+)?({_NUMBERS})\s*\]|【\s*({_NUMBERS})[^】]{{0,12}}】)", re.I
)
_NEGATION = re.compile(r"\b(?:no|not|never|none|neither|nor|without|cannot|\w+n['’]t)\b", re.I)


@dataclass(frozen=True)
class Draft:
    """A sentence as the model wrote it, without its markers: what stands before it (a space, a line break, a list
    bullet), its text, and the numbers that were marked at it."""

    lead: str
    text: str
    marked: tuple[int, ...]


def read_markers(generated: str) -> list[Draft]:
    """Cut a text into sentences and find the citation markers that belong to each.

    Read are [1], [1, 2], [1-3], [1][3], [Passage 1] and 【1】, before or after the full stop. A marker that opens
    a line belongs to the sentence after it, any other to the sentence before it.
    """
    pieces: list[str] = []
    anchors: list[tuple[int, list[int]]] = []
    length = position = 0
    for match in _MARKER.finditer(generated):
        pieces.append(generated[position : match.start()])
        length += len(pieces[-1])
        line_break = "\n" in match.group()[: len(match.group()) - len(match.group().lstrip())]
        if line_break or length == 0:
            pieces.append("\n")
            length += 1
        anchors.append((length, _numbers(match.group(1) or match.group(2))))
        position = match.end()
    text = "".join([*pieces, generated[position:]])
    spans = tuple(sentence_spans(text))
    marked: list[list[int]] = [[] for _ in spans]
    for anchor, numbers in anchors:
        owner = _owner(text, spans, anchor)
        if owner is not None:
            marked[owner].extend(number for number in numbers if number not in marked[owner])
    ends = [0, *(end for _, end in spans)]
    return [
        Draft(text[ends[number] : start], text[start:end], tuple(marked[number]))
        for number, (start, end) in enumerate(spans)
    ]


def _numbers(marker: str) -> list[int]:
    numbers: list[int] = []
    for part in re.split(r"[,;&]", marker):
        first, *last = [int(number) for number in re.split(r"[–-]", part)]
        numbers.extend(range(first, last[0] + 1) if last and first <= last[0] <= first + 20 else [first, *last])
    return numbers


def _owner(text: str, spans: Sequence[Span], anchor: int) -> int | None:
    opens_line = not text[text.rfind("\n", 0, anchor) + 1 : anchor].strip()
    if opens_line:
        after = [number for number, (start, _) in enumerate(spans) if start >= anchor]
        if after:
            return after[0]
    before = [number for number, (start, _) in enumerate(spans) if start < anchor]
    return before[-1] if before else None


@dataclass(frozen=True)
class _Window:
    """Up to `MAX_WINDOW` consecutive sentences of one source."""

    source: NumberedSource
    start: int
    end: int
    sentences: int
    words: frozenset[str]
    numbers: frozenset[str]
    negated: bool


@dataclass(frozen=True)
class Match:
    """The span of evidence that supports a sentence best, and how well, between 0 and 1."""

    support: float
    citation: Citation


class SupportJudge(Protocol):
    """The interface of a judge that weighs more than shared words, such as `rag.checks.judge.Judge`."""

    @property
    def supported(self) -> float:
        """Probability from which a sentence is supported."""

    @property
    def weak(self) -> float:
        """Probability from which it is weakly supported."""

    def support(self, claim: str, quote: str, heading: str, text: str) -> float:
        """Probability that a quote, from a passage with this heading and text, supports a sentence."""


class Verifier:
    """Checks sentences against one answer's sources: by their words, and by a judge where there is one."""

    def __init__(self, sources: Sequence[NumberedSource], judge: SupportJudge | None = None) -> None:
        self._judge = judge
        self._supported, self._weak = (judge.supported, judge.weak) if judge else (SUPPORTED, WEAK)
        self._judged: dict[str, list[Match]] = {}
        self._sources = {source.n: source for source in sources}
        self._windows = {source.n: _windows(source) for source in sources}
        self._headings = {source.n: frozenset(content_words(source.heading)) for source in sources}

    def verify(self, drafts: Sequence[Draft]) -> tuple[str, tuple[Sentence, ...]]:
        """The text of the drafts with a marker after each sentence that is cited, and the sentences verified."""
        text = ""
        sentences = []
        for draft in drafts:
            text += draft.lead if text else draft.lead.lstrip()
            sentence = self._sentence(draft, len(text))
            sentences.append(sentence)
            markers = "".join(f"[{citation.n}]" for citation in sentence.citations)
            text += f"{sentence.text} {markers}".rstrip()
        return text, tuple(sentences)

    def verdict(self, draft: Draft) -> Verdict:
        """Whether the passages support a draft."""
        return self._sentence(draft, 0).verdict

    def own_words(self, draft: Draft) -> Draft | None:
        """The sentence of a passage that shares most words with a draft, if it has half of them: what the draft was
        made from. The passages that the draft marks come first.
        """
        words = frozenset(content_words(draft.text))
        single = [
            (n in draft.marked, len((words - self._headings[n]) & window.words), window)
            for n, windows in self._windows.items()
            for window in windows
            if window.sentences == 1
        ]
        _, shared, nearest = max(single, key=lambda each: each[:2], default=(False, 0, None))
        if nearest is None or shared < max(1, FROM * len(words - self._headings[nearest.source.n])):
            return None
        text = " ".join(nearest.source.text[nearest.start : nearest.end].split())
        return Draft(draft.lead, text, (nearest.source.n,))

    def best(self, sentence: str) -> list[Match]:
        """The best match in each source, best first; equal ones in order of number."""
        if (known := self._judged.get(sentence)) is not None:  # a stream verifies its sentences again and again
            return known
        matches = [match for n in self._windows if (match := self._best_in(sentence, n)) is not None]
        if self._judge is not None:
            matches = [self._weighed(sentence, match, self._judge) for match in matches]
        self._judged[sentence] = sorted(matches, key=lambda match: -match.support)
        return self._judged[sentence]

    def _weighed(self, sentence: str, match: Match, judge: SupportJudge) -> Match:
        quote, source = match.citation.quote, self._sources[match.citation.n]
        if sentence in quote:  # word for word: nothing is left to weigh
            return replace(match, support=1.0)
        return replace(match, support=round(judge.support(sentence, quote, source.heading, source.text), 3))

    def _sentence(self, draft: Draft, start: int) -> Sentence:
        text, marked = draft.text, draft.marked
        matches = self.best(text)
        cited = [match for match in matches if match.citation.n in marked and match.support >= self._supported]
        if not cited:  # the marker is missing or wrong: the best passage, if it clears the same bar
            cited = [match for match in matches[:1] if match.support >= self._supported]
        if not cited:
            cited = [match for match in matches if match.citation.n in marked and match.support >= self._weak]
        support = (cited or matches)[0].support if matches else 0.0
        return Sentence(
            text,
            start,
            start + len(text),
            verdict(support, self._supported, self._weak),
            support,
            tuple(match.citation for match in cited),
        )

    def _best_in(self, sentence: str, n: int) -> Match | None:
        words = frozenset(content_words(sentence))
        # The words of the passage's heading are given, not asserted: "Noonan syndrome" supports nothing by itself.
        asserted = words - self._headings[n]
        numbers = _number_words(words)
        negated = _NEGATION.search(sentence) is not None
        best: Match | None = None
        best_worth = 0.0
        for window in self._windows[n]:
            verbatim = sentence in window.source.text[window.start : window.end]
            share = len(asserted & window.words) / len(asserted) if asserted else float(verbatim and bool(words))
            if not numbers <= window.numbers | _number_words(self._headings[n]):
                share = min(share, WEAK - 0.01)  # a figure that is not there is a false figure
            elif negated != window.negated:
                share = min(share, SUPPORTED - 0.01)
            worth = share - LENGTH_PENALTY * (window.sentences - 1)
            if best is None or worth > best_worth:
                source = window.source
                quote = source.text[window.start : window.end]
                best = Match(round(share, 3), Citation(n, source.passage_id, window.start, window.end, quote))
                best_worth = worth
        return best


def verdict(support: float, supported: float, weak: float) -> Verdict:
    """The verdict at a support, given the bars from which a sentence is supported and weakly supported."""
    return "supported" if support >= supported else "weak" if support >= weak else "unsupported"


def _windows(source: NumberedSource) -> list[_Window]:
    spans = sentence_spans(source.text)
    windows = []
    for first in range(len(spans)):
        for last in range(first, min(first + MAX_WINDOW, len(spans))):
            start, end = spans[first][0], spans[last][1]
            text = source.text[start:end]
            words = frozenset(content_words(text))
            windows.append(
                _Window(source, start, end, last - first + 1, words, _number_words(words), bool(_NEGATION.search(text)))
            )
    return windows


def is_refusal(sentence: str) -> bool:
    """Whether a sentence is the one with which the model declines to answer."""
    return key(sentence) == key(REFUSAL)


def is_rest(sentence: str) -> bool:
    """Whether a sentence names what the passages leave out of the question."""
    return sentence.casefold().startswith(REST.casefold())


def is_aside(sentence: str) -> bool:
    """Whether a sentence is about the passages themselves, and not a part of their content."""
    return is_refusal(sentence) or is_rest(sentence)


def may_be_aside(begun: str) -> bool:
    """Whether the beginning of a sentence may still become a sentence about the passages themselves."""
    if is_aside(begun):
        return True
    said = content_words(begun)
    for aside in (REFUSAL, REST):
        telling = content_words(aside)
        if aside.casefold().startswith(begun.strip().casefold()) or (said and telling[: len(said)] == said):
            return True
    return False


def _number_words(words: frozenset[str]) -> frozenset[str]:
    return frozenset(word for word in words if word[0].isdigit())
