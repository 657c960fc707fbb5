"""A long question cut to what it asks: a patient's story may take four hundred words to come to its question."""

import re
from collections.abc import Callable

from core.text.sentences import sentence_spans
from core.text.words import content_words

HEADING_WORDS = 40
"""Most words of a question as the heading of a passage: beside 200 tokens of passage they fit into the 256 that
MiniLM reads."""

_ASKS = re.compile(r"\?|^(?:what|why|how|is|are|can|could|should|do|does|did|will|would|who|where|when|which)\b", re.I)


def condensed(text: str, most: int, telling: Callable[[str], float]) -> str:
    """The sentences that ask, then the most informative others, in their order, each once, in at most `most` words.

    A first sentence that alone is longer is kept, cut to twice as many words.
    """
    spans = list(dict.fromkeys(text[start:end] for start, end in sentence_spans(text)))

    def worth(sentence: str) -> float:
        return (1000 if _ASKS.search(sentence) else 0) + telling(sentence)

    room = most
    kept: set[int] = set()
    for number in sorted(range(len(spans)), key=lambda number: -worth(spans[number])):
        size = len(spans[number].split())
        if size <= room or not kept:
            kept.add(number)
            room -= size
    return " ".join(" ".join(spans[number] for number in sorted(kept)).split()[: 2 * most])


def heading(question: str) -> str:
    """A record's question as a heading: as it stands, or cut to `HEADING_WORDS` words."""
    if len(question.split()) <= HEADING_WORDS:
        return question
    short = condensed(question, HEADING_WORDS, lambda sentence: len(set(content_words(sentence))))
    return " ".join(short.split()[:HEADING_WORDS])
