"""Reading the search's hits: the best first, and no more than are needed."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.answer import Hit
from rag.reader.base import Reader, Reading

FIRST = 4
"""Hits that are read at once; the others only where none of these answers for certain."""
CERTAIN = 4.0
"""Log-odds from which a passage answers for certain."""
BY_SEARCH = 1.0
"""How much the search's fused score, between 0 and 1, counts beside the grade, between 0 and 3. Chosen, as `MARGIN`, on
questions of the fit half of data/dev/people.jsonl that the reader was not trained on."""
MARGIN = 0.5
"""Grades below the first passage's down to which a passage is shown beside it. Of those shown, 74 % answer, and 57 %
without the margin; where one of the first three answers, one that does is shown in 98 of 100 questions.
"""
STAGE = "reader"
"""The name under which a hit keeps what the reader made of it."""


@dataclass(frozen=True)
class ReadHit:
    """A hit and what was read in it."""

    hit: Hit
    reading: Reading

    @property
    def worth(self) -> float:
        """What hits are ordered by."""
        return self.reading.grade + BY_SEARCH * self.hit.score


def read(reader: Reader, question: str, hits: Sequence[Hit], most: int) -> tuple[list[ReadHit], list[Hit]]:
    """Read hits, at most `most` of them.

    Returns:
        those that were read, best first, each with its log-odds and rank as stage "reader", and those that were not, in
        their old order.
    """
    found: list[ReadHit] = []
    for first, end in ((0, min(FIRST, most)), (FIRST, most)):
        part = hits[first:end]
        if not part or any(each.reading.logit >= CERTAIN for each in found):
            break
        found += [ReadHit(hit, made) for hit, made in zip(part, reader.read(question, part), strict=True)]
    ordered = sorted(found, key=lambda each: -each.worth)
    return [_kept(each, rank) for rank, each in enumerate(ordered, start=1)], list(hits[len(found) :])


def near_the_first(hits: Sequence[Hit], readings: Mapping[str, Reading]) -> list[Hit]:
    """The hits that answer nearly as well as the first one, in their order; all of them where none was read."""
    grades = [readings[hit.passage_id].grade if hit.passage_id in readings else None for hit in hits]
    if not hits or grades[0] is None:
        return list(hits)
    return [hit for hit, grade in zip(hits, grades, strict=True) if grade is not None and grade >= grades[0] - MARGIN]


def _kept(each: ReadHit, rank: int) -> ReadHit:
    scores, ranks = {**each.hit.scores, STAGE: each.reading.logit}, {**each.hit.ranks, STAGE: rank}
    return ReadHit(dataclasses.replace(each.hit, scores=scores, ranks=ranks), each.reading)
