"""The verifier as a reward: what RLOO raises, computed for each sampled answer."""

from collections.abc import Callable, Sequence

from core.settings import load
from dataset.judged import JudgedAnswer, coverage, judge
from generator.tuning.pairs import Pair
from generator.tuning.rows import Row
from rag.checks.citations import SupportJudge, is_refusal, read_markers

Reward = Callable[[Pair, str], float]
"""A pair, for its prompt and its better answer, and a sampled answer -> its reward."""


def verifier_reward() -> Reward:
    """The reward by the judge of the page; raises as `rag.opening.open_judge` does."""
    from rag.opening import open_judge

    support = open_judge(load({}))
    return lambda pair, text: reward(as_row(pair), text, support)


def reward(row: Row, written: str, support: SupportJudge) -> float:
    """The reward of an answer: 1 for a right refusal, -1 for a wrong one and for an answer that the passages lack.

    Otherwise what of the reference it covers, if every sentence is supported, and half the F1 of its citations, less
    1 for an unsupported sentence and 0.2 for a number that differs (after Ground-GRPO: Sim et al.
    2025, arXiv 2506.15522).
    """
    judged = judge(row, written, support)
    if judged.refused or not row.answerable:
        return 1.0 if judged.refused != row.answerable else -1.0
    supported = judged.supported == judged.sentences > 0
    covered = coverage(row, judged) if supported else -1.0
    return covered + 0.5 * citation_f1(judged) - 0.2 * judged.invented


def citation_f1(judged: JudgedAnswer) -> float:
    """The harmonic mean of an answer's citation recall and precision (ALCE: Gao et al. 2023, arXiv 2305.14627)."""
    recall = judged.cited_rightly / max(judged.sentences, 1)
    precision = judged.right_citations / max(judged.citations, 1)
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


def as_row(pair: Pair) -> Row:
    """A pair's prompt with its better answer as the reference."""
    drafts = read_markers(pair.chosen)
    refused = not drafts or is_refusal(drafts[0].text)
    right: Sequence[int] = () if refused else sorted({number for draft in drafts for number in draft.marked}) or (1,)
    return Row(pair.group, pair.question, pair.made, pair.topic, "", pair.sources, tuple(right), pair.chosen)
