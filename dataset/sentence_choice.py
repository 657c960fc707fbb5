"""The choice of the sentences that answer a question over a set of evidence."""

from collections import Counter
from collections.abc import Callable, Iterable

from core.text.answer_cues import tells
from core.text.extract import Chosen, choose, holding
from dataset.evidence_sets import About, EvidenceSet
from rag.search.retriever import IndexRetriever


class Chooser:
    """Chooses by an index's own measure of relevance, and counts the sentences that it leaves out."""

    def __init__(self, retriever: IndexRetriever) -> None:
        self._retriever = retriever
        self.left_out: Counter[str] = Counter()

    def answering(self, shown: EvidenceSet, question: str, wanted: About) -> dict[int, Chosen]:
        """The sentences that answer the question in the first two sources about what it asks, by their numbers from 1.

        A source whose sentences do not have the words of an answer gives none.
        """
        found = {}
        for place in [n for n, about in enumerate(shown.about) if about == wanted][:2]:
            text = shown.sources[place].text
            chosen = choose(text, wanted[1], self._retriever.sentence_relevance(question, text), self.left_out)
            sentences = " ".join(text[start:end] for start, end in chosen.spans)
            answers = not chosen.spans or tells(question, wanted[0], wanted[1], sentences)
            found[place + 1] = chosen if answers else Chosen((), reason="the passage does not tell what is asked")
        return found

    def holding(
        self,
        shown: EvidenceSet,
        places: Iterable[int],
        question: str,
        says_it: Callable[[str], bool],
        least: float = 0.0,
    ) -> dict[int, Chosen]:
        """The sentences that state one thing in the sources at these places (from 0), by the sources' numbers from 1.

        Args:
            least: cosine similarity to the question that a sentence must have.
        """
        found = {}
        for place in places:
            text = shown.sources[place].text
            found[place + 1] = holding(
                text, says_it, self._retriever.sentence_relevance(question, text), self.left_out, least
            )
        return found
