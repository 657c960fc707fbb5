"""Answers written over passages of a file: what the generator learns to write.

A line of such a file holds no word of a passage: `shown` names each passage with its first and last sentence that the
writer saw, `answer` cites them by their place, and `state` says whether they answer `all`, `part` or `none` of the
question. `more` and `wrong` are sentences that the passages do not support; the entailment network learns from them.
Questions of people are named by their `id`, their words stand in a file of their own.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import DataError
from core.files import read_jsonl
from core.paths import shipped
from dataset.by_hand import Excerpt, excerpt_text
from dataset.evidence_sets import EvidenceMaker
from generator.prompt import REFUSAL, Source
from generator.tuning.rows import Row, Split
from index.topics import record_topic
from rag.checks.citations import is_aside, read_markers

ANSWERS = shipped("data/train/answers.jsonl")
FORM = "written"


@dataclass(frozen=True)
class WrittenAnswer:
    """A question over passages, and the answer that somebody wrote from them alone."""

    id: str
    question: str
    """Empty where its words are not there."""
    shown: tuple[Excerpt, ...]
    state: str
    """How much of the question the passages answer: `all`, `part` or `none`."""
    answer: str
    """Sentences with the numbers of their passages, from 1; the refusal where nothing is answered."""
    more: str = ""
    """A sentence that would look at home in the answer, and that the passages do not say."""
    wrong: str = ""
    """A sentence that they contradict."""

    @property
    def cited(self) -> tuple[int, ...]:
        """Numbers of the passages that the answer cites, in order."""
        return tuple(sorted({number for draft in read_markers(self.answer) for number in draft.marked}))


def read_written(path: Path, questions: Path | None = None) -> list[WrittenAnswer]:
    """Read a file of answers.

    Args:
        questions: JSON Lines of `id` and `question`, the words of questions that are named by their id alone.

    Raises:
        DataError: a file cannot be read, or names the line that is not of this form.
    """
    words = (
        {str(row["id"]): str(row["question"]) for row in read_jsonl(questions, "id", "question")} if questions else {}
    )
    found = []
    for number, line in enumerate(read_jsonl(path, "id", "shown", "state"), start=1):
        try:
            shown = tuple(Excerpt(str(passage), int(first), int(last)) for passage, first, last in line["shown"])
            question = str(line.get("question") or words.get(line["id"], ""))
            answer = str(line.get("answer") or REFUSAL)
            written = WrittenAnswer(
                str(line["id"]), question, shown, line["state"], answer, line.get("more", ""), line.get("wrong", "")
            )
            _check(written)
        except (ValueError, TypeError) as error:
            raise DataError(
                f"{path}, row {number} is no answer over passages ({error}); expected shown: [[passage, first, last], "
                '…], state: all, part or none, answer: "… [1]. … [2]."'
            ) from error
        found.append(written)
    return found


def _check(written: WrittenAnswer) -> None:
    if written.state not in ("all", "part", "none"):
        raise ValueError(f"state is {written.state!r}")
    if (written.state == "none") != (written.answer == REFUSAL):
        raise ValueError(f"state {written.state!r} and the answer do not go together")
    for draft in read_markers(written.answer):
        if not is_aside(draft.text) and not draft.marked:
            raise ValueError(f"no passage is named for {draft.text!r}")
        if wrong := [number for number in draft.marked if not 0 < number <= len(written.shown)]:
            raise ValueError(f"[{wrong[0]}] is none of the {len(written.shown)} passages")


def rows_written(
    answers: Sequence[WrittenAnswer], maker: EvidenceMaker, rng: random.Random, left_out: Counter[str]
) -> Iterator[tuple[Split, Row]]:
    """Make a row of each answer whose passages are all in the index, on the side of its topics; count the others."""
    for written in rng.sample(answers, len(answers)):
        if not written.question:
            left_out["written: a question whose words are not there (--questions)"] += 1
            continue
        passages = [maker.retriever.index.by_id.get(excerpt.passage) for excerpt in written.shown]
        found = [passage for passage in passages if passage is not None]
        if len(found) < len(passages):
            left_out["written: passages that the file does not hold"] += 1
            continue
        topics = [record_topic(maker.records[passage.record_id]) for passage in found]
        sides = {maker.sides[topics[number - 1]] for number in written.cited} or {maker.sides[topics[0]]}
        if len(sides) > 1:
            left_out["written: topics of two sides"] += 1
            continue
        sources = tuple(
            Source(maker.records[passage.record_id].question, excerpt_text(excerpt, passage))
            for excerpt, passage in zip(written.shown, found, strict=True)
        )
        searched = maker.retriever.read(written.question[: maker.retriever.settings.max_question_chars]).searched
        yield (
            sides.pop(),
            Row(written.id, searched, FORM, topics[0], written.state, sources, written.cited, written.answer),
        )
