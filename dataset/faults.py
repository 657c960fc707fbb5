"""What is wrong with an answer, by kind, and how bad it is: what preference pairs are made by.

Kinds and weights follow Trust-Align's error types (Song et al. 2025, arXiv 2409.11242), with this project's verifier in
the place of its network for inference.
"""

from core.text.words import key
from dataset.judged import JudgedAnswer, coverage, judge
from generator.prompt import Source
from generator.tuning.rows import Row
from rag.checks.citations import SupportJudge, is_aside, read_markers
from rag.checks.subject import Subject

WEIGHTS = {
    "answered without evidence": 1.0,
    "invented number": 1.0,
    "refused with evidence": 0.8,
    "unsupported": 0.8,
    "another illness": 0.8,
    "wrong marker": 0.5,
    "missing marker": 0.5,
    "late answer": 0.4,
    "incomplete": 0.4,
    "cut short": 0.4,
}
"""Kind -> how bad it is where all of an answer has it."""
MIRRORED = ("answered without evidence", "refused with evidence")
"""Kinds that come in equal numbers, so that neither refusing nor answering is the cheap winner."""
LENGTHS_ALIKE = ("invented number", "wrong marker", "missing marker")
"""Kinds whose sides are of like length, so that the number of words or markers is not what is learned."""
HALF = 0.5
"""Share of the reference's sentences below which an answer is incomplete."""


def faults(row: Row, written: str, support: SupportJudge) -> dict[str, float]:
    """The faults of an answer, each with its severity from 0 to 1; none of a good one.

    Args:
        row: the question with its sources, and a reference that is right.
    """
    judged = judge(row, written, support)
    if judged.refused or not row.answerable:
        wrong = "refused with evidence" if judged.refused else "answered without evidence"
        return {} if judged.refused != row.answerable else {wrong: WEIGHTS[wrong]}
    shares = {
        "invented number": float(judged.invented),
        "unsupported": 1 - judged.supported / max(judged.sentences, 1),
        "another illness": _strays(row, written),
        "wrong marker": 1 - judged.right_citations / judged.citations if judged.citations else 0.0,
        "missing marker": _unmarked(written),
        "late answer": _opens_late(row, judged),
        "incomplete": float(coverage(row, judged) < HALF),
        "cut short": float(not judged.whole),
    }
    return {kind: WEIGHTS[kind] * share for kind, share in shares.items() if share > 0}


def worst(found: dict[str, float]) -> str:
    """The worst fault of an answer; of equal ones, the one whose weight is greater."""
    return max(found, key=lambda kind: (found[kind], WEIGHTS[kind]))


def _strays(row: Row, written: str) -> float:
    said = [draft for draft in read_markers(written) if not is_aside(draft.text)]
    subject = Subject(row.question, [Source(source.heading, source.text) for source in row.sources])
    return sum(subject.strays(draft) for draft in said) / max(len(said), 1)


def _unmarked(written: str) -> float:
    said = [draft for draft in read_markers(written) if not is_aside(draft.text)]
    return sum(not draft.marked for draft in said) / max(len(said), 1)


def _opens_late(row: Row, judged: JudgedAnswer) -> float:
    """1 where the sentence with which the reference opens comes later in the answer."""
    reference = [draft for draft in read_markers(row.completion) if not is_aside(draft.text)]
    if not reference:
        return 0.0
    place = key(judged.text).find(key(reference[0].text))
    return float(place > 0)
