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
from core.text.extract import MOST_SENTENCES, cited, standing
from core.text.sentences import sentence_spans
from dataset.by_hand import Excerpt, excerpt_text
from dataset.evidence_sets import EvidenceMaker
from generator.prompt import REFUSAL, Source
from generator.tuning.rows import Row, Split
from index.embedders.base import Embedder
from index.topics import record_topic
from rag.checks.citations import Draft, is_aside, read_markers

ANSWERS = shipped("data/train/answers.jsonl")
FORM = "written"
NEAR = 0.5
"""Cosine similarity that a sentence of a passage needs at least to be what a written one says."""


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
        return cited_in(self.answer)


def cited_in(answer: str) -> tuple[int, ...]:
    """Numbers of the passages that an answer's markers name, in order."""
    return tuple(sorted({number for draft in read_markers(answer) for number in draft.marked}))


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
    answers: Sequence[WrittenAnswer],
    maker: EvidenceMaker,
    rng: random.Random,
    left_out: Counter[str],
    reworded: bool = False,
) -> Iterator[tuple[Split, Row]]:
    """Make a row of each answer whose passages are all in the index, on the side of its topics; count the others.

    Args:
        reworded: keep the answers' own words in place of their passages'.
    """
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
        completion = (
            written.answer if reworded else in_passages_words(written.answer, sources, maker.retriever.of_passages)
        )
        if not completion:
            left_out["written: no sentence of the passage is near the answer's first"] += 1
            continue
        searched = maker.retriever.read(written.question[: maker.retriever.settings.max_question_chars]).searched
        yield (
            sides.pop(),
            Row(written.id, searched, FORM, topics[0], written.state, sources, cited_in(completion), completion),
        )


def in_passages_words(answer: str, sources: Sequence[Source], embedder: Embedder) -> str:
    """The answer, each sentence put in those words of the passage it cites that are nearest to it; empty if none is
    near to its first.

    People's order and choice of sentences stays. A sentence that leans on the one before it brings that along, and
    what the passages leave out is named at the end as it was. A model of half a billion weights that learns to reword
    health facts does not keep them true (`generator/EXPERIMENTS.md`, 19); one that learns which sentences to say does.

    Args:
        sources: the passages by their numbers, from 1.
    """
    drafts = read_markers(answer)
    cited_sources = sorted({number for draft in drafts for number in draft.marked})
    sentences = [
        _Sentence(number, place, text[start:end])
        for number in cited_sources
        for text in [sources[number - 1].text]
        for place, (start, end) in enumerate(sentence_spans(text))
    ]
    vectors = embedder.embed([*(draft.text for draft in drafts), *(sentence.text for sentence in sentences)])
    similarity = vectors[: len(drafts)] @ vectors[len(drafts) :].T
    said: list[tuple[str, int]] = []
    for draft, scores in zip(drafts, similarity, strict=True):
        if is_aside(draft.text):
            continue
        nearest = _nearest(draft, [*zip(scores.tolist(), sentences, strict=True)], sources)
        if not nearest and not said:
            return ""
        said += [sentence for sentence in nearest if sentence not in said]
    asides = [draft.text for draft in drafts if is_aside(draft.text)]
    return " ".join([cited(said[:MOST_SENTENCES]), *asides]).strip()


@dataclass(frozen=True)
class _Sentence:
    """A sentence of a source, by the source's number, from 1, and its place in it, from 0."""

    source: int
    place: int
    text: str


def _nearest(
    draft: Draft, scored: Sequence[tuple[float, _Sentence]], sources: Sequence[Source]
) -> list[tuple[str, int]]:
    """The sentence of a marked passage that is nearest to a draft, behind those that it leans on, with their source."""
    for score, sentence in sorted(scored, key=lambda each: -each[0]):
        if score < NEAR:
            break
        if sentence.source in draft.marked:
            text = sources[sentence.source - 1].text
            if spans := standing(text, [sentence.place]).spans:
                return [(text[start:end], sentence.source) for start, end in spans]
    return []
