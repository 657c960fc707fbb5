"""A written answer judged against its evidence: by rule, and by the judge of the page."""

from dataclasses import dataclass
from functools import lru_cache

from core.text.claims import number_differs
from core.text.sentences import ends_whole
from generator.prompt import Source
from generator.tuning.rows import Row
from rag.answer import NumberedSource
from rag.checks.citations import SUPPORTED, SupportJudge, Verifier, is_aside, is_refusal, read_markers


@lru_cache(maxsize=4)  # answers to one prompt share most of their sentences
def _verifier(sources: tuple[Source, ...], support: SupportJudge | None) -> Verifier:
    return Verifier([NumberedSource(n, source.heading, source.text) for n, source in enumerate(sources, 1)], support)


@dataclass(frozen=True)
class JudgedAnswer:
    """One answer, judged against its evidence."""

    refused: bool
    whole: bool
    text: str
    """The answer's text without its markers."""
    sentences: int
    supported: int
    """The number of sentences that some evidence supports."""
    cited_rightly: int
    """The number of sentences that evidence they cite supports."""
    citations: int
    right_citations: int
    invented: bool
    """Whether it holds a number, a number with its unit or a code that neither evidence nor question hold."""


def judge(row: Row, written: str, support: SupportJudge | None) -> JudgedAnswer:
    """Judge one answer as the model wrote it, before `rag.answerer` corrects anything.

    Citations in the manner of ALCE (Gao et al. 2023, arXiv 2305.14627). Recall is the share of sentences that a passage
    they cite supports, precision the share of citations whose passage supports their sentence. A missing marker, and
    one that points outside the evidence, count 0.

    Args:
        support: decides whether a passage supports a sentence; None counts the words that they share.
    """
    bar = support.supported if support else SUPPORTED
    verifier = _verifier(row.sources, support)  # type: ignore[arg-type]  # a protocol does not say that it is hashable
    drafts = read_markers(written)
    refused = not drafts or is_refusal(drafts[0].text)
    said = [draft for draft in drafts if not is_aside(draft.text)]
    supported = rightly = citations = right = 0
    for draft in said:
        found = {match.citation.n: match.support for match in verifier.best(draft.text)}
        good = [number for number in draft.marked if found.get(number, 0.0) >= bar]
        supported += max(found.values(), default=0.0) >= bar
        rightly += bool(good)
        citations += len(draft.marked)
        right += len(good)
    text = " ".join(draft.text for draft in said)
    held = " ".join([row.question, *(f"{source.heading} {source.text}" for source in row.sources)])
    return JudgedAnswer(
        refused,
        ends_whole(written.strip()),
        text,
        len(said),
        supported,
        rightly,
        citations,
        right,
        number_differs(text, held),
    )


def coverage(row: Row, judged: JudgedAnswer) -> float:
    """Share of the reference's sentences that an answer states, by shared words; 1 where the reference states none.

    The answer's calibrated recall of gold claims (TRUST-score: Song et al. 2025, arXiv 2409.11242).
    """
    claims = [draft.text for draft in read_markers(row.completion) if not is_aside(draft.text)]
    if not claims:
        return 1.0
    said = Verifier([NumberedSource(1, "", judged.text)])
    found = [max((match.support for match in said.best(claim)), default=0.0) for claim in claims]
    return sum(support >= SUPPORTED for support in found) / len(claims)
