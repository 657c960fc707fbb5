"""The one prompt: used to answer, to train and to evaluate alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from core.sentences import sentence_spans

REFUSAL = "The passages do not answer this question."
"""The one sentence that the model writes when the passages do not hold the answer."""

SYSTEM = f"""\
You are a health librarian. Answer the question in two to five plain sentences, using only what the passages say. \
Cite the passage after each sentence, like [1]. If no passage is about the question, write only: {REFUSAL}"""

CountTokens = Callable[[list[BaseMessage]], int]


@dataclass(frozen=True)
class Source:
    """What the model sees of a passage: the question that its record answers, and the text."""

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
    passages = "\n\n".join(
        f"[{number}] {_plain(source.heading)}\n{_plain(source.text)}" for number, source in enumerate(sources, start=1)
    )
    return f"{passages}\n\nQuestion: {_plain(question)}"


def fit(question: str, sources: Sequence[Source], count_tokens: CountTokens, budget: int) -> list[Source | None]:
    """Trim sources so that the prompt is within `budget` tokens; None stands for one that has no room at all.

    The last source is trimmed first, sentence by sentence from its end, then dropped, then the one before it. What
    is left of a source is a prefix of its text that ends with a whole sentence.
    """
    fitted: list[Source | None] = list(sources)

    def size() -> int:
        return count_tokens(messages(question, [source for source in fitted if source is not None]))

    excess = size() - budget
    for position in reversed(range(len(fitted))):
        while excess > 0 and (source := fitted[position]) is not None:
            ends = [end for _, end in sentence_spans(source.text)][:-1]
            fitted[position] = replace(source, text=source.text[: ends[-1]]) if ends else None
            excess = size() - budget
    return fitted


def _plain(text: str) -> str:
    """Text that cannot be read as one of the chat template's control tokens (`<|im_end|>` and its like)."""
    return text.replace("<|", "< |")
