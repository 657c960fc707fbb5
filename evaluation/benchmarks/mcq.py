"""Multiple-choice questions of one's own, with and without passages of the index.

Each question is scored in two ways, which are reported side by side, as neither is always better (Robinson et al. 2023,
arXiv 2210.12353): by letter, the choices being shown and the likeliest letter taken; and by text, the choices not being
shown and the one taken whose log-likelihood is highest for each of its bytes, so that a long choice has no drawback.
"""

import dataclasses
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import DataError
from core.files import read_jsonl
from core.progress import bar
from core.settings import Settings
from evaluation.stats import Ratio
from generator.prompt import Source

if TYPE_CHECKING:
    from evaluation.benchmarks.kept import KeptAnswers

SYSTEM = "You are a health librarian. Answer the question."
OPENING = "The answer is"
"""How the answer begins whose next word is the letter."""
MOST_CHOICES = len(string.ascii_uppercase)


@dataclass(frozen=True)
class Question:
    """A question with its choices, of which the one at `right` is right."""

    text: str
    choices: tuple[str, ...]
    right: int


def read_mcq(file: Path) -> list[Question]:
    """Read JSON Lines with `question`, `choices` and `answer`: a letter, the right choice itself, or its place from 0.

    Raises:
        DataError: no such file, or the line that is no such question.
    """
    rows = read_jsonl(file, "question", "choices", "answer")
    return [_question(row, f"{file}, question {number}") for number, row in enumerate(rows, start=1)]


def _question(row: dict[str, Any], where: str) -> Question:
    text, choices, answer = row["question"], row["choices"], row["answer"]
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"{where}: the question is empty; expected a text")
    if not isinstance(choices, list) or not all(isinstance(each, str) and each.strip() for each in choices):
        raise DataError(f"{where}: choices are {choices!r}; expected a list of texts")
    if not 2 <= len(choices) <= MOST_CHOICES:
        raise DataError(f"{where} has {len(choices)} choice(s); expected 2 to {MOST_CHOICES}")
    if len({each.strip() for each in choices}) < len(choices):
        raise DataError(f"{where} has the same choice twice; expected different ones")
    letters = string.ascii_uppercase[: len(choices)]
    if answer in choices:
        right = choices.index(answer)
    elif isinstance(answer, str) and len(answer) == 1 and answer.upper() in letters:
        right = letters.index(answer.upper())
    elif isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(choices):
        right = answer
    else:
        raise DataError(
            f"{where}: the answer {answer!r} is none of its choices; expected one of {', '.join(letters)}, a choice "
            f"itself, or its place, 0 to {len(choices) - 1}"
        )
    return Question(text.strip(), tuple(each.strip() for each in choices), right)


def find_passages(questions: Sequence[Question], settings: Settings) -> list[list[Source]]:
    """What the search finds for each question, even where it would abstain; raises as `rag.opening` does."""
    from rag.opening import open_retriever

    retriever = open_retriever(dataclasses.replace(settings, rag=dataclasses.replace(settings.rag, abstain=False)))
    found = []
    with bar("searching", len(questions), " questions") as progress:
        for question in questions:
            hits = retriever.search(question.text).hits
            found.append([Source(hit.question, hit.text) for hit in hits])
            progress.update()
    return found


def measure(
    lm: "KeptAnswers", questions: Sequence[Question], passages: Sequence[Sequence[Source]] | None
) -> dict[str, Ratio]:
    """A model's accuracy in each way of scoring, without passages, with them, and what they add."""
    none: list[Sequence[Source]] = [()] * len(questions)
    result = _accuracy(lm, questions, none, "")
    if passages is not None:
        result |= _accuracy(lm, questions, passages, ", with retrieval")
        for way in ("letter", "text"):
            alone, helped = result[way], result[f"{way}, with retrieval"]
            result[f"{way}: retrieval adds"] = Ratio(helped.top - alone.top, alone.bottom)
    return result


def _accuracy(
    lm: "KeptAnswers", questions: Sequence[Question], passages: Sequence[Sequence[Source]], suffix: str
) -> dict[str, Ratio]:
    letters, texts = [], []
    for question, sources in zip(questions, passages, strict=True):
        shown = [
            f"{letter}. {choice}" for letter, choice in zip(string.ascii_uppercase, question.choices, strict=False)
        ]
        asked = _prompt(lm, sources, [question.text, *shown]) + OPENING
        letters += [(asked, f" {line[0]}") for line in shown]
        open_question = _prompt(lm, sources, [question.text])
        texts += [(open_question, choice) for choice in question.choices]
    scored = [nats for nats, _ in lm.pairs([*letters, *texts])]
    by_letter = scored[: len(letters)]
    by_text = [nats / len(choice.encode()) for nats, (_, choice) in zip(scored[len(letters) :], texts, strict=True)]
    return {
        f"letter{suffix}": _right(questions, by_letter),
        f"text{suffix}": _right(questions, by_text),
    }


def _prompt(lm: "KeptAnswers", sources: Sequence[Source], lines: Sequence[str]) -> str:
    passages = [f"[{number}] {source.heading}\n{source.text}\n" for number, source in enumerate(sources, start=1)]
    asked = "\n".join([*passages, f"Question: {lines[0]}", *lines[1:]])
    return lm.apply_chat_template([{"role": "system", "content": SYSTEM}, {"role": "user", "content": asked}])


def _right(questions: Sequence[Question], scored: Sequence[float]) -> Ratio:
    """1 for each question whose right choice has the highest score, else 0."""
    chosen, start = [], 0
    for question in questions:
        chosen.append(int(np.argmax(scored[start : start + len(question.choices)])))
        start += len(question.choices)
    hits = [float(choice == question.right) for choice, question in zip(chosen, questions, strict=True)]
    return Ratio(np.array(hits), np.ones(len(hits)))
