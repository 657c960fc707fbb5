"""CSV -> a build that is searched by words: read, cut, indexed lexically, in seconds for 16,000 rows."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.files import write_atomic
from core.progress import bar, log
from core.settings import IndexSettings
from index.corpus import Corpus, Record, read_corpus
from index.embedders.base import Embedder
from index.passages import Passage, split_record
from index.reader import Index
from index.refused import row, write_refused
from index.store import Recipe, write_words

NOTES = 10
"""Most notes on how the file was read that are shown."""
SPLIT_TOGETHER = 256
"""Answers whose tokens are counted at once."""
SPLIT_CHARACTERS = 4_000_000
"""Most characters of them, unless a single answer has more: their tokens take some hundred MiB meanwhile."""


def build_words(
    settings: IndexSettings, recipe: Recipe, old: Index | None, embedder: Embedder, report: Path | None
) -> Path:
    """Read the CSV, cut its answers, write a build that can be searched by words, and return its folder.

    Args:
        old: an earlier build, whose passages are taken over for answers that were cut in the same way.
        report: a file to write every refused row to, one JSON object a line.

    Raises:
        DataError: the CSV cannot be used.
        OSError: the disk is full or a folder cannot be written.
    """
    csv_path = Path(settings.csv)
    log.info(f"reading {csv_path}")
    corpus = read_corpus(csv_path, settings.question_column, settings.answer_column, settings.encoding)
    log.info(f"  {corpus.kind}: {len(corpus.records):,} answers of {corpus.rows:,} rows")
    for note in corpus.notes[:NOTES]:
        log.warning(f"notice: {note}")
    _report_refusals(corpus, report)
    passages = _split(corpus, embedder, settings.passage_tokens, old)
    build = write_words(Path(settings.dir), corpus, csv_path, passages, recipe)
    write_refused(build, corpus.refused)
    return build


def _report_refusals(corpus: Corpus, report: Path | None) -> None:
    for refusal in corpus.refused[:10]:
        place = f"{refusal.file}, line" if refusal.file else "line"
        log.info(f"  {place} {refusal.line} left out: {refusal.reason}")
    if len(corpus.refused) > 10:
        log.info(f"  … and {len(corpus.refused) - 10} more rows; --report FILE lists them all")
    if report is not None:
        lines = [json.dumps(row(refusal)) + "\n" for refusal in corpus.refused]
        write_atomic(report, "".join(lines))


def _split(corpus: Corpus, embedder: Embedder, max_tokens: int, old: Index | None) -> list[Passage]:
    """Passages of all records; those of an answer that was cut in the same way before are taken over."""
    known: dict[str, list[Passage]] = {}
    if old is not None and old.manifest.settings["passage_tokens"] == max_tokens:
        for passage in old.passages:
            known.setdefault(passage.record_id, []).append(passage)
    passages = []
    with bar("cutting passages", len(corpus.records), " records") as progress:
        for records in _batches(corpus.records):
            fresh = [record for record in records if record.id not in known]
            tokens = embedder.token_spans([record.answer for record in fresh])
            spans = {record.id: found for record, found in zip(fresh, tokens, strict=True)}
            for record in records:
                passages.extend(known.get(record.id) or split_record(record, spans[record.id], max_tokens))
            progress.update(len(records))
    return passages


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Records whose answers are tokenised together: so many, and no more characters, as each token takes memory."""
    batch: list[Record] = []
    characters = 0
    for record in records:
        if batch and (len(batch) == SPLIT_TOGETHER or characters + len(record.answer) > SPLIT_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(record)
        characters += len(record.answer)
    if batch:
        yield batch
