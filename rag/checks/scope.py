"""Whether a sentence of a passage is about the same people, the same number and the same question as was asked.

A passage answers its own question. "Yes.", "The same.", "It depends." are true of that question alone, and so is what
explains them; "Adults can take 500 mg" says nothing of babies; the row of the second month answers nothing about the
fourth. No check of support finds that, for every word stands in the passage.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from core.text.aspects import topic
from core.text.claims import negation_differs, number_differs, numbers
from core.text.everyday import medical_words
from core.text.extract import is_caveat
from core.text.people import holds_for, people
from core.text.sentence_kinds import bare_opening
from core.text.sentences import sentence_spans
from core.text.words import content_words, key, terms
from rag.answer import Evidence
from rag.checks.citations import Draft

SAME_QUESTION = 0.85
"""Cosine from which two questions ask the same. With MiniLM "does beer make gout worse" and "Is beer bad for gout?"
have 0.93, "can i exercise with a fever" and "Can I exercise with a cold?" 0.74."""
NAMED = 0.5
"""Share of a topic's words, by their weight in the file, from which a text names what the question is about."""
EXPLAINED = 0.75
"""The share of all words of a question that a sentence must have that explains the "Yes." to another question."""
ROW_WORDS = 30
"""Most words of a line that is read as a row: a figure in it belongs to the whole line."""


class Scope:
    """The scope of a question: its people, its numbers and its subject, over the evidence that is to answer it.

    Args:
        weight: how telling a stem is (`LexicalIndex.weight`).
    """

    def __init__(self, question: str, evidence: Sequence[Evidence], weight: Callable[[str], float]) -> None:
        self._question = question
        self._people = people(question)
        self._numbers = {(value, unit) for value, unit in numbers(question) if unit}
        self._evidence = {item.n: item for item in evidence}
        self._weight = weight

    def kept(self, drafts: Sequence[Draft]) -> list[Draft]:
        """The sentences that speak of what was asked; a row about another number gives way to the asked one's."""
        kept: list[Draft] = []
        dropped = False
        for draft in drafts:
            cited = [self._evidence[n] for n in draft.marked if n in self._evidence] or list(self._evidence.values())
            bare = bare_opening(draft.text)
            if bare and not any(self.same_question(item) for item in cited):
                draft = replace(draft, text=_as_sentence(draft.text[bare:]))
            leans = dropped and is_caveat(draft.text)
            dropped = leans or not draft.text or not any(self._speaks(draft.text, item) for item in cited)
            if dropped:
                continue
            row = self._row_instead(draft, cited)
            if (row or draft) not in kept:
                kept.append(row or draft)
        return kept

    def names_subject(self, item: Evidence) -> bool:
        """Whether a passage under its heading names what the question is about: most of its telling words, or all of
        the heading's own topic, where the file knows every word of the question.
        """
        topics = set(terms(topic(self._question))) or set(terms(self._question))
        about = set(content_words(topic(item.question)))
        known = all(self._weight(term) < self._unknown for term in topics)
        if self.same_question(item) or (known and about and about <= self._asked):
            return True
        return self._named(topics, f"{item.question} {item.hit.text}") >= NAMED

    def same_question(self, item: Evidence) -> bool:
        """Whether a passage's record answers the very question, of the same people and with the same numbers."""
        heading = item.question
        alike = item.hit.scores.get("question", 0.0) >= SAME_QUESTION or key(heading) == key(self._question)
        same_people = holds_for(self._people, people(heading)) and holds_for(people(heading), self._people)
        numbers_differ = number_differs(self._question, heading) or number_differs(heading, self._question)
        return alike and same_people and not numbers_differ and not negation_differs(self._question, heading)

    def number_lines(self) -> Iterator[tuple[Evidence, str]]:
        """The short lines and sentences of the evidence that hold a number of the question, with its unit."""
        for item in self._evidence.values():
            for line in _lines(item.text):
                if self._numbers & set(numbers(line)):
                    yield item, line

    def _speaks(self, sentence: str, item: Evidence) -> bool:
        """Whether a sentence that rests on a passage may be used: not one that only its own question makes true."""
        if not holds_for(self._people, people(sentence) or people(item.question)):
            return False
        if self._borrowed(sentence, item):
            return False
        if not bare_opening(item.text) or self.same_question(item):
            return True
        return self._named(set(terms(self._question)), f"{item.question} {sentence}") >= EXPLAINED

    def _named(self, asked: set[str], text: str) -> float:
        """The share of stems, or of the medical terms for them, that a text holds, by their weight in the file."""
        held = set(terms(text))
        medical = set(terms(" ".join(medical_words(self._question)))) - asked
        weight = sum(self._weight(term) for term in (asked | medical) & held)
        return weight / (sum(self._weight(term) for term in asked) or 1.0)

    def _borrowed(self, sentence: str, item: Evidence) -> bool:
        """Whether a sentence states about the question's subject what the passage states about another."""
        said = set(content_words(sentence)) & self._asked
        held = set(content_words(f"{item.question} {item.text}"))
        return any(self._weight(stem) >= self._unknown for stem in said - held if not stem[0].isdigit())

    def _row_instead(self, draft: Draft, cited: Sequence[Evidence]) -> Draft | None:
        """The row of the question's number, where a sentence is of a row with another number of the same unit."""
        if not self._numbers or not cited:
            return None
        said = draft.text.rstrip(". ")
        context = next((line for item in cited for line in _lines(item.text) if said in line), said)
        found = set(numbers(context))
        units = {unit for _, unit in self._numbers}
        if self._numbers & found or not any(unit in units for _, unit in found):
            return None
        asked = set(terms(self._question))
        rows = [(len(asked & set(terms(line))), -item.n, line) for item, line in self.number_lines()]
        if not rows:
            return None
        _, n, line = max(rows)
        return Draft(draft.lead, line, (-n,))

    @cached_property
    def _asked(self) -> set[str]:
        return set(content_words(topic(self._question)))

    @cached_property
    def _unknown(self) -> float:
        """The weight of a stem that no document of the file holds."""
        return self._weight("\0")


def _as_sentence(rest: str) -> str:
    """What is left of a sentence without its opening, with a capital; a first word like "p53" is left as it is."""
    first = rest.partition(" ")[0].rstrip(",")
    return rest[:1].upper() + rest[1:] if first.islower() and first.replace("-", "").isalpha() else rest


def _lines(text: str) -> Iterator[str]:
    """The short lines of a text without the bars of a table, and the sentences of its long ones."""
    for line in text.splitlines():
        row = line.strip(" |\t")
        if row and len(row.split()) <= ROW_WORDS:
            yield row
        else:
            yield from (line[start:end] for start, end in sentence_spans(line))
