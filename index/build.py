"""Build the index over a CSV's answers.

python -m index.build
python -m index.build --csv my.csv --question-column q --answer-column a
python -m index.build --again        # what `make app` does: from the file that the published index was made from
python -m index.build --check
python -m index.build --rollback
"""

import argparse
import dataclasses
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np

from core.errors import CiteWellError, IndexFolderError, run_command
from core.files import sha256_file, write_atomic
from core.progress import Say, bar, silent
from core.settings import IndexSettings, load
from index.corpus import Corpus, Record, read_corpus
from index.embedding import Embedder, adapter_identity, load_embedder
from index.opened import Index, headed_rows, question_rows
from index.passages import Passage, headed_text, split_record
from index.ranking import find_ranking
from index.store import (
    build_lock,
    check_build,
    open_build,
    publish,
    published_build,
    read_manifest,
    rollback,
    write_build,
)

INPUTS = ("question_column", "answer_column", "passage_tokens")
"""The settings that, with the CSV, the embedder, its adapter and the ranking, decide what a build holds."""


def build(settings: IndexSettings, *, force: bool = False, report: Path | None = None, say: Say = silent) -> bool:
    """Build and publish the index that the settings describe; return False if it stood there already.

    Args:
        force: build everything anew, even if the published index was made from the same file in the same way.
        report: a file to write every refused row to, one JSON object a line.
        say: called with each line for the user; progress bars are shown where standard error is a terminal.

    Raises:
        DataError: the CSV cannot be used.
        WeightsError: the embedder is not to be had.
        IndexFolderError: the new build did not find its own passages; nothing was published.
        OSError: the disk is full or a folder cannot be written; nothing was published.
    """
    csv_path, folder = Path(settings.csv), Path(settings.dir)
    inputs = {name: getattr(settings, name) for name in INPUTS}
    with build_lock(folder, lambda: say(f"another build of {folder} is running; waiting for it to end")):
        started = time.perf_counter()
        embedder = load_embedder(settings, say)
        adapter, ranking = adapter_identity(settings), find_ranking(settings.ranking)
        if not force and _is_current(folder, csv_path, (embedder.identity, adapter), ranking, inputs):
            say(f"{folder} is up to date with {csv_path}; --force builds it anyway")
            return False
        old = None if force else _reusable(folder, embedder)
        say(f"reading {csv_path}")
        corpus = read_corpus(csv_path, settings.question_column, settings.answer_column)
        _report_refusals(corpus, report, say)
        passages = _split(corpus, embedder, settings.passage_tokens, old)
        vectors_started = time.perf_counter()
        vectors, kept = _embed(corpus, passages, embedder, old)
        rate = (len(vectors) - kept) / (time.perf_counter() - vectors_started)
        questions = _embed_questions(corpus, embedder, old)
        new = write_build(
            folder, corpus, csv_path, passages, vectors, questions, ranking, embedder.identity, adapter, inputs
        )
        index = open_build(new)
        _self_query(index, vectors)
        publish(folder, new)
    for line in _table(corpus, index, kept, rate, time.perf_counter() - started):
        say(line)
    say(f"published {folder}")
    return True


def _is_current(
    folder: Path, csv_path: Path, models: tuple[str, str], ranking: bytes, inputs: dict[str, object]
) -> bool:
    """Whether the published build is whole and was made from this file in this way."""
    try:
        manifest = check_build(published_build(folder))
    except CiteWellError:
        return False
    made_alike = (manifest.embedder, manifest.adapter) == models and manifest.settings == inputs
    ranked_alike = manifest.files["ranking.json"]["sha256"] == hashlib.sha256(ranking).hexdigest()
    same_file = csv_path.is_file() and manifest.csv_sha256 == sha256_file(csv_path)
    return made_alike and ranked_alike and same_file


def _report_refusals(corpus: Corpus, report: Path | None, say: Say) -> None:
    for refusal in corpus.refused[:10]:
        say(f"  line {refusal.line} left out: {refusal.reason}")
    if len(corpus.refused) > 10:
        say(f"  … and {len(corpus.refused) - 10} more rows; --report FILE lists them all")
    if report is not None:
        lines = [json.dumps(dataclasses.asdict(refusal)) + "\n" for refusal in corpus.refused]
        write_atomic(report, "".join(lines))


def _reusable(folder: Path, embedder: Embedder) -> Index | None:
    """The published build, if it is whole and was made with this embedder: what did not change is taken from it."""
    try:
        old = open_build(published_build(folder))
    except CiteWellError:
        return None
    return old if old.manifest.embedder == embedder.identity else None


def _split(corpus: Corpus, embedder: Embedder, max_tokens: int, old: Index | None) -> list[Passage]:
    """Passages of all records; those of an answer that was cut in the same way before are taken over."""
    known: dict[str, list[Passage]] = {}
    if old is not None and old.manifest.settings["passage_tokens"] == max_tokens:
        for passage in old.passages:
            known.setdefault(passage.record_id, []).append(passage)
    passages = []
    with bar("cutting passages", len(corpus.records), " records") as progress:
        for record in corpus.records:
            passages.extend(known.get(record.id) or split_record(record, embedder.token_spans, max_tokens))
            progress.update()
    return passages


def _embed(corpus: Corpus, passages: list[Passage], embedder: Embedder, old: Index | None) -> tuple[np.ndarray, int]:
    """Vectors of all headed passages, and how many of them the old build had for the very same text."""
    texts = _headed_texts(passages, question_rows(corpus.records))
    known: dict[str, int] = {}
    if old is not None:
        known = {text: row for row, text in enumerate(_headed_texts(old.passages, old.questions))}
    return _vectors(texts, known, old.vectors if old else None, embedder, "embedding", " passages")


def _headed_texts(passages: Sequence[Passage], questions: Sequence[tuple[Record, str]]) -> list[str]:
    return [headed_text(questions[head][1], passages[row]) for row, head in headed_rows(passages, questions)]


def _embed_questions(corpus: Corpus, embedder: Embedder, old: Index | None) -> np.ndarray:
    texts = [question for _, question in question_rows(corpus.records)]
    known = {question: row for row, (_, question) in enumerate(old.questions)} if old else {}
    return _vectors(texts, known, old.question_vectors if old else None, embedder, "questions", " questions")[0]


def _vectors(
    texts: list[str], known: dict[str, int], old: faiss.Index | None, embedder: Embedder, description: str, unit: str
) -> tuple[np.ndarray, int]:
    """Vectors of all texts, and how many of them were taken from the old ones."""
    vectors = np.zeros((len(texts), embedder.dimension), dtype=np.float32)
    kept = [(row, known[text]) for row, text in enumerate(texts) if text in known]
    if kept and old is not None:
        vectors[[row for row, _ in kept]] = old.reconstruct_batch(np.array([old_row for _, old_row in kept]))
    new = [row for row, text in enumerate(texts) if text not in known]
    if new:
        with bar(description, len(new), unit) as progress:
            vectors[new] = embedder.embed([texts[row] for row in new], progress.update)
    return vectors, len(kept)


def _self_query(index: Index, vectors: np.ndarray, samples: int = 100) -> None:
    """Search the written index for its own vectors: each must find its own passage, or an equal one, first.

    Raises:
        IndexFolderError: one did not.
    """
    rows = np.linspace(0, len(vectors) - 1, num=min(samples, len(vectors)), dtype=int)
    for row, hits in zip(rows, index.search(vectors[rows], k=1), strict=True):
        own = float(vectors[row] @ vectors[row])
        if not hits or abs(hits[0][1] - own) > 1e-3 or abs(own - 1) > 1e-3:
            passage = index.passages[index.headed[row, 0]]
            raise IndexFolderError(
                f"the new build does not find its own passage {passage.id}; nothing was published; "
                f"try again: python -m index.build --index {index.folder} --force"
            )


def _table(corpus: Corpus, index: Index, kept: int, rate: float, seconds: float) -> list[str]:
    size = sum(entry["bytes"] for entry in index.manifest.files.values())
    rows = [
        ("rows read", f"{corpus.rows:,} ({corpus.encoding})"),
        ("records kept", f"{len(corpus.records):,}"),
        ("rows merged into them", f"{corpus.merged:,}"),
        *((f"refused, {reason}", f"{count:,}") for reason, count in corpus.refused_by_reason.items()),
        ("passages", f"{len(index.passages):,}"),
        ("vectors of them", f"{len(index.headed):,}"),
        ("of these unchanged", f"{kept:,}"),
        ("seconds", f"{seconds:.1f}"),
        ("embedded per second", f"{rate:.1f}"),
        ("bytes", f"{size:,}"),
    ]
    return [f"  {name:<24} {value}" for name, value in rows]


def _again(settings: IndexSettings) -> IndexSettings:
    """The settings with the CSV and the columns of the published index, if there is one and its CSV still stands."""
    try:
        manifest = read_manifest(published_build(Path(settings.dir)))
    except IndexFolderError:
        return settings
    if not Path(manifest.csv_path).is_file():
        return settings
    columns = {name: manifest.settings[name] for name in ("question_column", "answer_column")}
    return dataclasses.replace(settings, csv=manifest.csv_path, **columns)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m index.build", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--csv", metavar="F", help="the CSV to read (default: data/health_qa.csv)")
    parser.add_argument("--index", metavar="DIR", help="the index folder (default: artifacts/index)")
    parser.add_argument("--question-column", metavar="C", help="name of the column of questions (default: question)")
    parser.add_argument("--answer-column", metavar="C", help="name of the column of answers (default: answer)")
    parser.add_argument("--adapter", metavar="NAME", help="adapter that questions are embedded with; '' for none")
    parser.add_argument("--ranking", metavar="F", help="ranking file of python -m rag.evaluate fit")
    parser.add_argument("--force", action="store_true", help="build everything anew, even what has not changed")
    parser.add_argument("--report", metavar="F", type=Path, help="write every refused row to F, one JSON object a line")
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--again",
        action="store_true",
        help="build from the CSV of the published index, where it has one and the settings name no other",
    )
    action.add_argument("--check", action="store_true", help="verify every file of the published index, build nothing")
    action.add_argument("--rollback", action="store_true", help="publish the previous build again")
    arguments = parser.parse_args(argv)
    settings = load(
        {
            "index.csv": arguments.csv,
            "index.dir": arguments.index,
            "index.question_column": arguments.question_column,
            "index.answer_column": arguments.answer_column,
            "index.adapter": arguments.adapter,
            "index.ranking": arguments.ranking,
        }
    ).index

    folder = Path(settings.dir)
    if arguments.check:
        manifest = check_build(published_build(folder))
        print(f"{folder} is whole: {manifest.passages:,} passages of {manifest.csv}, built {manifest.built}")
    elif arguments.rollback:
        with build_lock(folder, lambda: print(f"a build of {folder} is running; waiting for it to end", flush=True)):
            print(f"{folder} is back at build {rollback(folder)}")
    else:
        if arguments.again and settings.csv == IndexSettings().csv:
            settings = _again(settings)
        build(settings, force=arguments.force, report=arguments.report, say=lambda line: print(line, flush=True))
    return 0


if __name__ == "__main__":
    run_command(main)
