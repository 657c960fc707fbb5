"""The one prompt: used to answer, to train and to evaluate alike."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from core.text.condense import heading
from core.text.sentences import sentence_spans

REFUSAL = "The passages do not answer this question."
"""The one sentence that the model writes when the passages do not hold the answer."""

REST = "The passages do not say"
"""How the sentence begins in which the model names what the passages leave out of the question."""

SYSTEM = f"""\
You are a health librarian. Answer the question in two to five plain sentences, using only what the passages say. \
Cite the passage after each sentence, like [1]. If no passage is about the question, write only: {REFUSAL}"""

CountTokens = Callable[[list[BaseMessage]], int]
Relevance = Callable[[list[str]], Sequence[float]]
"""Sentences -> how much each has to do with the question."""
MIN_CHARS = 3
"""Characters that a token has at least in running text: dropping so many a token does not drop too much."""
REPEATED_WORDS = 15
"""Fewest words of a heading that is printed only once where several passages have it; a short one costs little."""

_NUMBER = re.compile(r"^([ \t]*)\[(\s*\d+\s*)\]", re.M)
_TURN = re.compile(r"^([ \t]*(?:Question|Answer|System|User|Assistant|Human))[ \t]*:", re.M | re.I)
_EMPTY_LINES = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class Source:
    """A passage as the model sees it: the question that its record answers, and the text."""

    heading: str
    text: str


# One worked example. Without it the stock 0.5B model copies a heading or refuses on nearly every question; a second
# example that shows a refusal makes it refuse them all.
_EXAMPLE_QUESTION = "what is sweat for and when do people sweat more"
_EXAMPLE_SOURCES = (
    Source(
        "Why do we sweat?",
        "Sweat cools the skin as it dries. It is mostly water and a little salt. "
        "Heat, effort and fever make the body sweat more.",
    ),
    Source(
        "How much water is in the body?",
        "Water makes up a little over half of an adult's weight. Muscle holds more water than fat does.",
    ),
)
_EXAMPLE_ANSWER = (
    "Sweat cools the skin as it dries [1]. It is mostly water and a little salt [1]. "
    "People sweat more in heat, during effort and with fever [1]."
)


def messages(question: str, sources: Sequence[Source]) -> list[BaseMessage]:
    """The prompt for a question over sources, which are numbered from 1 in the order given."""
    return [
        SystemMessage(SYSTEM),
        HumanMessage(_task(_EXAMPLE_QUESTION, _EXAMPLE_SOURCES)),
        AIMessage(_EXAMPLE_ANSWER),
        HumanMessage(_task(question, sources)),
    ]


def _task(question: str, sources: Sequence[Source]) -> str:
    printed: set[str] = set()
    passages = []
    for number, source in enumerate(sources, start=1):
        above = "" if source.heading in printed else _plain(" ".join(heading(source.heading).split()))
        passages.append(f"[{number}] {above}\n{_plain(source.text)}")
        if len(above.split()) >= REPEATED_WORDS:
            printed.add(source.heading)
    joined = "\n\n".join(passages)
    return f"{joined}\n\nQuestion: {_plain(question)}"


def fit(
    question: str, sources: Sequence[Source], count_tokens: CountTokens, budget: int, relevance: Relevance
) -> list[Source | None]:
    """Trim sources so that the prompt is within `budget` tokens; None stands for one that has no room at all.

    If none has, the context is too small for the question, and nothing is said on what the sources hold.

    Sentences are dropped from the edges of the sources, the least relevant one first, so that what is left of each is
    one run of whole sentences of its text. Once every source is down to one sentence, the last one goes.
    """
    fitted: list[Source | None] = list(sources)

    def excess() -> int:
        return count_tokens(messages(question, [source for source in fitted if source is not None])) - budget

    if (over := excess()) <= 0:
        return fitted
    runs = [sentence_spans(source.text) or [(0, len(source.text))] for source in sources]
    scores = iter(relevance([source.text[a:b] for source, run in zip(sources, runs, strict=True) for a, b in run]))
    worth = [{span: next(scores) for span in run} for run in runs]
    while over > 0 and (longer := [number for number, run in enumerate(runs) if len(run) > 1]):
        dropped = 0
        while longer and dropped < over * MIN_CHARS:
            number, edge = min(
                ((number, edge) for number in longer for edge in (0, -1)),
                key=lambda place: worth[place[0]][runs[place[0]][place[1]]],
            )
            start, end = runs[number].pop(edge)
            dropped += end - start
            longer = [number for number in longer if len(runs[number]) > 1]
        for number, (source, run) in enumerate(zip(sources, runs, strict=True)):
            fitted[number] = replace(source, text=source.text[run[0][0] : run[-1][1]])
        over = excess()
    for number in reversed(range(len(fitted))):
        if over > 0:
            fitted[number] = None
            over = excess()
    return fitted


def _plain(text: str) -> str:
    """Text that cannot be read as anything but text: as one of the chat template's control tokens (`<|im_end|>` and its
    like), as the beginning of another passage, or as another question or answer.
    """
    text = _EMPTY_LINES.sub("\n", text.replace("<|", "< |"))
    return _TURN.sub(r"\1 -", _NUMBER.sub(r"\1(\2)", text))
