"""Questions that a file answers, offered to whoever has none yet or wants to ask further; no model is needed.

Examples come from the file's largest topics, follow-ups from the topic of an answer. The questions of a file may be
made from a template ("What is (are) Gout ?"): they are offered in the words in which people ask.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.text.aspects import INFORMATION, asks_about
from core.text.words import key
from index.reader import Index
from index.topics import question_aspect
from rag.answer import Answer

EXAMPLES, FOLLOW_UPS = 4, 3
"""Examples, and follow-ups, that are offered."""
LONGEST = 70
"""Most letters of a question that is offered: a longer one is no question that people would ask."""
ASPECTS = (INFORMATION, "symptoms", "treatment", "causes", "prevention", "outlook")
"""Aspects in the order in which people want to know them; examples take them in turn."""
PLAINLY = (
    (r"(?:what is|what are|what is \(are\)) what i need to know about (.+)", r"What should I know about \1?"),
    (r"what (?:is \(are\)|are \(is\)) (.+)", r"What is \1?"),
    (r"do you have information about (.+)", r"What should I know about \1?"),
    (r"how to diagnose (.+)", r"How is \1 diagnosed?"),
    (r"how to prevent (.+)", r"How can I prevent \1?"),
    (r"what to do for (.+)", r"What can I do for \1?"),
    (r"what research \(or clinical trials\) is being done for (.+)", r"What research is being done for \1?"),
    (r"what is the outlook for (.+)", r"What is the outlook for \1?"),
)
"""Wordings of templates, and how people ask the same."""


@dataclass(frozen=True)
class Contents:
    """What a file is about, for somebody who has never seen it."""

    topics: int
    """How many topics it has."""
    sources: tuple[str, ...]
    """Who wrote its answers (column `source`), who wrote most first; none if it does not say."""
    examples: tuple[str, ...]


def contents_of(index: Index) -> Contents:
    """What the file of an index is about."""
    sources = Counter(source for record in index.records.values() if (source := record.metadata.get("source")))
    return Contents(
        len(index.rows_of_topics), tuple(name[:LONGEST] for name, _ in sources.most_common()), examples(index)
    )


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names in a sentence: "A, B, C and 3 more"."""
    shown = list(names[:most])
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def in_plain_words(question: str) -> str:
    """A question of the file as people ask it: "What is Gout?" of "What is (are) Gout ?"."""
    asked = " ".join(question.split()).rstrip("? ")
    is_question = asked != question.strip()
    for wording, plainly in PLAINLY:
        if found := re.fullmatch(wording, asked, re.I):
            return found.expand(plainly)
    return f"{asked[:1].upper()}{asked[1:]}{'?' if is_question else ''}"


def examples(index: Index, most: int = EXAMPLES) -> tuple[str, ...]:
    """Questions to begin with: of the largest topics, each about another aspect where the topic has it."""
    largest = sorted(index.rows_of_topics.values(), key=len, reverse=True)[: 4 * most]
    chosen: list[str] = []
    for of_topic in largest:
        wanted = ASPECTS[len(chosen) % len(ASPECTS)]
        offered = dict(_offered(index, of_topic))
        if text := offered.get(wanted) or next(iter(offered.values()), ""):
            chosen.append(text)
        if len(chosen) == most:
            break
    return tuple(chosen) or (index.questions[0][1],)


def follow_ups(answer: Answer, index: Index, most: int = FOLLOW_UPS) -> tuple[str, ...]:
    """Questions of the file on the topic of an answer, about other aspects than was asked."""
    cited = answer.cited or answer.evidence[:1]
    if answer.abstained or not cited or cited[0].record_id not in index.records:
        return ()
    topic, _ = index.topics[index.first_question(cited[0].record_id)]
    asked = {key(answer.question), key(answer.search_query), key(in_plain_words(cited[0].question))}
    known = {aspect for aspect in ASPECTS if asks_about(aspect, answer.search_query)}
    of_topic = index.rows_of_topics[topic]
    rows = [row for row in of_topic if key(in_plain_words(index.questions[row][1])) not in asked]
    return tuple(text for aspect, text in _offered(index, rows) if aspect not in known)[:most]


def _offered(index: Index, rows: list[int]) -> Iterator[tuple[str, str]]:
    """The shortest question of each aspect among these, in plain words, in the order of `ASPECTS`."""
    shortest: dict[str, str] = {}
    for row in rows:
        text = in_plain_words(index.questions[row][1])
        aspect = question_aspect(*index.questions[row])
        if len(text) <= LONGEST and text.endswith("?") and len(text) < len(shortest.get(aspect, "?" * 1000)):
            shortest[aspect] = text
    for aspect in sorted(shortest, key=lambda name: ASPECTS.index(name) if name in ASPECTS else len(ASPECTS)):
        yield aspect, shortest[aspect]
