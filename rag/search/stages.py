"""Search in stages: two dense ones and BM25, fused by rank, duplicates collapsed. Plain functions over an index."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from index import lexical
from index.corpus import AND
from index.ranking import STAGES, Ranking
from index.reader import Index
from rag.search.query import Query

DEPTH = 100
"""Best of each stage that are fused."""
VOTERS = 20
"""Best questions that vote for their topics."""
SAME = 0.8
"""Share of three-word shingles that two passages have in common when one of them is a duplicate (Broder 1997)."""


@dataclass(frozen=True)
class Candidate:
    """A passage under one of its record's questions, with its rank (from 1) and score in each stage that found it.

    `vector_row` is its row of `index.vectors`. `fused` is between 0 and 1: 1 is first in every stage.
    """

    vector_row: int
    passage_row: int
    question_row: int
    ranks: dict[str, int]
    scores: dict[str, float]
    fused: float


@dataclass(frozen=True)
class Stages:
    """The results of each stage. `headed` ranks vector rows; `question` and `lexical` rank question rows; best
    first."""

    headed: tuple[tuple[int, float], ...]
    question: tuple[tuple[int, float], ...]
    lexical: tuple[tuple[int, float], ...]


def allowed_questions(index: Index, filters: Mapping[str, str]) -> np.ndarray | None:
    """Rows of the questions whose records have these values in these columns; None if there is no filter."""
    if not filters:
        return None
    return np.array(
        [row for row, (record, question) in enumerate(index.questions) if have_values(record.of(question), filters)],
        dtype=np.int64,
    )


def have_values(columns: Mapping[str, str], filters: Mapping[str, str]) -> bool:
    """Whether each of these columns has this value, or has it among others."""
    return all(value.casefold() in columns.get(name, "").casefold().split(AND) for name, value in filters.items())


def vector_rows_under(index: Index, questions: np.ndarray | None) -> np.ndarray | None:
    """The vector rows of the passages under these question rows; None stands for all."""
    return None if questions is None else np.flatnonzero(np.isin(index.headed[:, 1], questions))


def run_stages(
    index: Index, query: Query, vector: np.ndarray, allowed: np.ndarray | None = None, depth: int = DEPTH
) -> Stages:
    """Search all stages; words alone, in an index whose vectors are not made yet.

    Args:
        vector: the question's, shape (dimension,).
        allowed: question rows to search among; all if None.
    """
    by_words = index.lexical.best(query.terms, depth, allowed)
    if not index.embedded:
        return Stages((), (), by_words)
    return Stages(
        index.vectors.nearest(vector, depth, vector_rows_under(index, allowed)),
        index.question_vectors.nearest(vector, depth, allowed),
        by_words,
    )


def fuse(index: Index, stages: Stages, vector: np.ndarray, ranking: Ranking, query: Query) -> list[Candidate]:
    """Reciprocal rank fusion of the stages, best first.

    Candidates are the passages of the headed stage and, of every question that only another stage found, the passage
    that is nearest to the query: by its vector or, where there are none, by its words. Each stage adds weight /
    (k + rank); then topic and aspect are looked at (`_agreed`).
    """
    ranks = {stage: {row: rank for rank, (row, _) in enumerate(getattr(stages, stage), start=1)} for stage in STAGES}
    scores = {stage: dict(getattr(stages, stage)) for stage in STAGES}
    if index.embedded:
        cosines = {**scores["headed"], **_best_passages(index, ranks, scores["headed"], vector)}
        rows = list(cosines)
    else:
        cosines, rows = {}, [_best_by_words(index, row, query.terms) for row in ranks["lexical"]]
    most = sum(ranking.weights[stage] / (ranking.rrf_k + 1) for stage in (STAGES if index.embedded else ("lexical",)))
    heads = dict(zip(rows, index.layout.heads(np.array(rows, dtype=np.int64)).tolist(), strict=True))
    candidates = []
    for row in rows:
        passage_row, question_row = heads[row]
        places = {"headed": row, "question": question_row, "lexical": question_row}
        found = {stage: ranks[stage][place] for stage, place in places.items() if place in ranks[stage]}
        fused = sum(ranking.weights[stage] / (ranking.rrf_k + rank) for stage, rank in found.items()) / most
        of_stage = {stage: scores[stage][places[stage]] for stage in found}
        cosine = {"headed": cosines[row]} if row in cosines else {}
        candidates.append(Candidate(row, passage_row, question_row, found, {**of_stage, **cosine}, fused))
    return _sorted(_agreed(index, _sorted(candidates), ranking, query.aspect))


def _sorted(candidates: Sequence[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda candidate: (-candidate.fused, -candidate.scores.get("headed", 0.0)))


def _best_passages(
    index: Index, ranks: Mapping[str, Mapping[int, int]], headed: Mapping[int, float], vector: np.ndarray
) -> dict[int, float]:
    """The vector row nearest to the query, with its cosine, of every question that the headed stage did not find."""
    seen = set(index.layout.heads(np.array(list(headed), dtype=np.int64))[:, 1].tolist())
    return dict(
        index.nearest_under([row for row in {**ranks["question"], **ranks["lexical"]} if row not in seen], vector)
    )


def _best_by_words(index: Index, question_row: int, terms: Sequence[str]) -> int:
    """The vector row of a question whose passage holds the most telling of the query's terms; the first of equals."""
    rows = index.vectors_of(question_row)
    passages = index.layout.heads(rows)[:, 0].tolist()
    held = [set(lexical.terms(index.passages[row].text)) for row in passages]
    worth = [sum(index.lexical.weight(term) for term in set(terms) & each) for each in held]
    return int(rows[int(np.argmax(worth))])


def _agreed(index: Index, candidates: Sequence[Candidate], ranking: Ranking, aspect: str) -> list[Candidate]:
    """Candidates with what their topic and aspect add.

    The best candidates vote for their topics with their scores; a candidate gains by its topic's share of the strongest
    topic's votes: a topic that several records of a file support is the one that was asked about. It gains again if its
    question asks the same of its topic as the query does.
    """
    votes: dict[str, float] = {}
    voted: set[int] = set()
    for candidate in candidates:
        if len(voted) < VOTERS and candidate.question_row not in voted:
            voted.add(candidate.question_row)
            topic = index.topics[candidate.question_row][0]
            votes[topic] = votes.get(topic, 0.0) + candidate.fused
    strongest = max(votes.values(), default=1.0)
    most = (1 + ranking.topic_votes) * (1 + ranking.aspect_match)
    agreed = []
    for candidate in candidates:
        topic, asked = index.topics[candidate.question_row]
        gain = 1 + ranking.topic_votes * votes.get(topic, 0.0) / strongest
        gain *= 1 + ranking.aspect_match * (asked == aspect)
        agreed.append(dataclasses.replace(candidate, fused=candidate.fused * gain / most))
    return agreed


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Three-word shingles of a text in lower case; of a shorter text, the text."""
    words = text.casefold().split()
    return frozenset(tuple(words[at : at + 3]) for at in range(max(1, len(words) - 2)))


def duplicate_of(text: frozenset[tuple[str, ...]], earlier: Sequence[frozenset[tuple[str, ...]]]) -> int | None:
    """The position of the first earlier text that is a duplicate; None if there is none."""
    for position, other in enumerate(earlier):
        if len(text & other) >= SAME * len(text | other):
            return position
    return None
