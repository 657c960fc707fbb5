"""The measures of a search, stage by stage, over judged questions."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import ir_measures
import numpy as np
from ir_measures import AP, RR, R, nDCG

from core.progress import bar
from evaluation.judged_questions import JudgedQuestions
from evaluation.stats import Figure, mean
from index.reader import rows_by_record
from rag.search.results import SearchResult
from rag.search.retriever import IndexRetriever

MEASURES = {"nDCG@10": nDCG @ 10, "MAP@10": AP @ 10, "MRR@10": RR @ 10, "Recall@10": R @ 10, "Recall@100": R @ 100}
MAIN = "nDCG@10"
DEPTH = 100

STAGES = ("lexical", "question", "headed", "fused")

Run = dict[str, dict[str, float]]
"""Question id -> document id -> score."""


Table = dict[str, dict[str, Figure]]
"""Stage -> measure -> figure."""


def find_all(retriever: IndexRetriever, judged: JudgedQuestions) -> dict[str, SearchResult]:
    """Search for every question."""
    found = {}
    with bar("searching", len(judged.questions), " questions") as progress:
        for key, question in judged.questions.items():
            found[key] = retriever.find(retriever.read(question))
            progress.update()
    return found


def stage_rows(found: SearchResult, stage: str, headed: np.ndarray) -> list[int]:
    """The question rows in the order of a stage, or of their fusion ("fused"); each once."""
    if stage == "fused":
        rows: Iterable[int] = (candidate.question_row for candidate in found.candidates)
    elif stage == "headed":
        rows = (int(headed[row, 1]) for row, _ in found.stages.headed)
    else:
        rows = (row for row, _ in getattr(found.stages, stage))
    return list(dict.fromkeys(rows))


def as_run(ranked: Mapping[str, Sequence[str]]) -> Run:
    """Ranked document ids as a run: the score is the place counted from the end."""
    return {
        query: {document: float(DEPTH - place) for place, document in enumerate(list(dict.fromkeys(documents))[:DEPTH])}
        for query, documents in ranked.items()
    }


def measured(judged: JudgedQuestions, run: Run) -> dict[str, np.ndarray]:
    """Each measure's value of every question, in their order; a question without results counts 0."""
    order = list(judged.grades)
    values = {name: np.zeros(len(order)) for name in MEASURES}
    names = {measure: name for name, measure in MEASURES.items()}
    place = {query: number for number, query in enumerate(order)}
    for metric in ir_measures.iter_calc(list(MEASURES.values()), judged.grades, run):
        values[names[metric.measure]][place[metric.query_id]] = metric.value
    return values


def retrieval_table(
    retriever: IndexRetriever,
    judged: JudgedQuestions,
    documents: Sequence[Sequence[str]],
    plain: np.ndarray | None = None,
) -> tuple[Table, dict[str, Figure]]:
    """Every measure of every stage, and each stage's difference in nDCG@10 to the first.

    Args:
        documents: the ids of each question row's documents.
        plain: vectors of the passages without a heading, for the stage "plain"; shape (passages, dimension).
    """
    found = find_all(retriever, judged)
    runs: dict[str, Run] = {}
    if plain is not None:
        runs["plain"] = _plain_run(retriever, judged, documents, plain)
    for stage in STAGES:
        runs[stage] = as_run(
            {
                key: [
                    document for row in stage_rows(item, stage, retriever.index.headed) for document in documents[row]
                ]
                for key, item in found.items()
            }
        )
    if retriever.reader is not None:
        runs["read"] = _read_run(retriever, judged, documents, runs["fused"])
    values = {stage: measured(judged, run) for stage, run in runs.items()}
    table = {stage: {name: mean(one) for name, one in by_name.items()} for stage, by_name in values.items()}
    first, *others = values
    gains = {stage: mean(values[stage][MAIN] - values[first][MAIN]) for stage in others}
    return table, gains


def _plain_run(
    retriever: IndexRetriever, judged: JudgedQuestions, documents: Sequence[Sequence[str]], plain: np.ndarray
) -> Run:
    """Dense search over answers alone, by the embedder of passages: what the other stages are measured against."""
    index = retriever.index
    rows_of = rows_by_record(index.questions)
    queries = retriever.of_passages.embed(list(judged.questions.values()))
    ranked = {}
    for key, vector in zip(judged.questions, queries, strict=True):
        order = np.argsort(-(plain @ vector))[:300]
        records = dict.fromkeys(index.passages[row].record_id for row in order)
        ranked[key] = [document for record in records for row in rows_of[record] for document in documents[row]]
    return as_run(ranked)


def _read_run(
    retriever: IndexRetriever, judged: JudgedQuestions, documents: Sequence[Sequence[str]], fused: Run
) -> Run:
    """The reader's order of the first candidates, then the fused one."""
    row_of = {(record.id, question): row for row, (record, question) in enumerate(retriever.index.questions)}
    ranked = {}
    for key, question in judged.questions.items():
        read = retriever.read_through(retriever.read(question)).hits
        rows = [row_of[hit.record_id, hit.question] for hit in read]
        first = [document for row in rows for document in documents[row]]
        ranked[key] = [*first, *sorted(fused[key], key=lambda document: -fused[key][document])]
    return as_run(ranked)


def plain_vectors(retriever: IndexRetriever, cache: Path) -> np.ndarray:
    """Vectors of the passages without a heading, made once for an index and kept."""
    embedder = retriever.of_passages
    path = cache / f"plain-{retriever.index.manifest.csv_sha256[:12]}-{embedder.identity.rpartition('@')[2]}.npy"
    if path.is_file():
        vectors = np.load(path, allow_pickle=False)
        if len(vectors) == len(retriever.index.passages):
            return np.asarray(vectors, dtype=np.float32)
    texts = [passage.text for passage in retriever.index.passages]
    with bar("embedding answers alone", len(texts), " passages") as progress:
        vectors = embedder.embed(texts, lambda rows, _: progress.update(len(rows)))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, vectors.astype(np.float16))
    return vectors
