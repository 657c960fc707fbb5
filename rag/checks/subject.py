"""Whether a sentence of an answer speaks of what was asked, or of something that a neighbouring passage is about.

A small model that is asked for the dose of one illness quotes the dose of another that stands beside it. Each word of
that answer is in the evidence, so no check of support finds it. It is found by names: the question names the subject of
another passage and not that of the passage which the sentence cites, and that passage does not hold the name asked for.
"""

from collections.abc import Sequence

from core.text.aspects import topic
from core.text.names import generic, telling_stems
from core.text.words import content_words
from generator.prompt import Source
from rag.checks.citations import Draft


class Subject:
    """The subject that a question names, and the sources that are to answer it."""

    def __init__(self, question: str, sources: Sequence[Source]) -> None:
        self._asked = set(content_words(question)) - generic()
        self._held = [set(content_words(f"{source.heading} {source.text}")) for source in sources]
        self._about = [telling_stems(topic(source.heading)) if source.heading else set() for source in sources]

    def strays(self, draft: Draft) -> bool:
        """Whether what a sentence cites is about something else than a subject that was asked for by name."""
        cited = [number - 1 for number in draft.marked if 0 < number <= len(self._held)]
        if not cited or any(not self._about[place] or self._about[place] & self._asked for place in cited):
            return False
        unknown = self._asked - set().union(*(self._held[place] for place in cited))
        others = [place for place in range(len(self._held)) if place not in cited]
        return any(unknown & self._about[place] for place in others)
