"""The steps of a build of shards. Each writes one folder or file below the plan's, whole or not at all, and does
nothing where it stands: so every step can be killed, done again, and done on any machine.

    read/FILE/SHARD.arrow        the records of a file that belong to a shard, by the hash of their answer
    cut/SHARD/                   a shard's records, merged and cut, the texts to embed, and the statistics of its words
    embedded/SHARD/BLOCK.npy     the vectors of a block of these texts
    shards/SHARD/                an ordinary index folder

What a step makes depends on its input alone: texts are embedded in the same blocks, whoever embeds them.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.files import new_file, new_folder, sha256_file
from core.text.condense import heading
from core.text.words import words
from index.builds import check_build, content_hash
from index.corpus import Corpus, Record, merge_records, read_corpus
from index.embedders.base import Embedder
from index.files.folder import Reading
from index.keeping import Keeping, publish
from index.lexical import TermStatistics
from index.passages import Passage, headed_text, split_record
from index.published import exists, published_build
from index.reader import question_rows
from index.rows import RowLayout
from index.sharded.plan import Plan
from index.store import add_vectors, write_words
from index.tables import (
    open_tables,
    read_placed,
    read_statistics,
    write_counts,
    write_placed,
    write_statistics,
    write_tables,
)

BLOCK = 1024
"""Texts that are embedded in one step: what a killed worker loses at most."""
_TOGETHER = 256
"""Answers whose tokens are counted at once."""
FILE = 1 << 32
"""Place of a record = number of its file * FILE + number of the record in it."""


def hash_file(plan: Plan, embedder: Embedder, number: int) -> str:
    """SHA-256 of an input file."""
    return sha256_file(Path(plan.files[number].path))


def read_file(plan: Plan, embedder: Embedder, number: int) -> Path:
    """Read a file and divide its records among the shards; raises DataError where it cannot be used."""
    target = plan.work / "read" / f"{number:05}"
    if target.is_dir():
        return target
    settings, file = plan.settings, plan.files[number]
    reading = file.reading or Reading(settings.question_column, settings.answer_column, settings.encoding)
    corpus = read_corpus(Path(file.path), *vars(reading).values())
    parts: list[dict[int, Record]] = [{} for _ in range(plan.shards)]
    for at, record in enumerate(corpus.records):
        parts[int(record.id, 16) % plan.shards][number * FILE + at] = record
    with new_folder(target) as partial:
        for shard, part in enumerate(parts):
            write_placed(partial / f"{shard:03}.arrow", part)
        facts = {"rows": corpus.rows, "refused": corpus.refused_by_reason, "notes": corpus.notes}
        (partial / "facts.json").write_text(json.dumps(facts))
    return target


def cut_shard(plan: Plan, embedder: Embedder, shard: int) -> Path:
    """Merge a shard's records, cut them, and write down what is to be embedded and counted."""
    target = plan.work / "cut" / f"{shard:03}"
    if target.is_dir():
        return target
    read: list[tuple[int, Record]] = []
    for number in range(len(plan.files)):
        read += read_placed(plan.work / "read" / f"{number:05}" / f"{shard:03}.arrow")
    records, places = merge_records(read)
    passages: list[Passage] = []
    for begin in range(0, len(records), _TOGETHER):
        together = records[begin : begin + _TOGETHER]
        tokens = embedder.token_spans([record.answer for record in together])
        for record, spans in zip(together, tokens, strict=True):
            passages += split_record(record, spans, plan.settings.passage_tokens)
    documents = [f"{question}\n{record.answer}" for record, question in question_rows(records)]
    statistics = TermStatistics.of(documents)
    counts: Counter[str] = Counter()
    for document in documents:
        counts.update(words(document))
    with new_folder(target) as partial:
        layout = write_tables(partial, records, passages)
        np.save(partial / "places.npy", np.array(places, dtype=np.int64))
        texts = list(dict.fromkeys(_texts(records, passages, layout)))
        pq.write_table(pa.table({"text": texts}), partial / "texts.parquet", row_group_size=BLOCK)
        write_counts(partial / "words.parquet", dict(counts))
        write_statistics(partial / "terms.parquet", statistics)
    return target


def _texts(records: list[Record], passages: list[Passage], layout: RowLayout) -> Iterator[str]:
    """The text of each vector of a shard: of its passages under their questions, then of its questions."""
    questions = question_rows(records)
    for row, head in layout.headed.tolist():
        yield headed_text(questions[head][1], passages[row])
    for _, question in questions:
        yield heading(question)


def block_count(plan: Plan, shard: int) -> int:
    """The number of blocks that a shard's texts are embedded in."""
    return pq.ParquetFile(plan.work / "cut" / f"{shard:03}" / "texts.parquet").num_row_groups


def embed_block(plan: Plan, embedder: Embedder, shard: int, block: int) -> Path:
    """Embed a block of a shard's texts."""
    target = plan.work / "embedded" / f"{shard:03}" / f"{block:06}.npy"
    if not target.is_file():
        file = pq.ParquetFile(plan.work / "cut" / f"{shard:03}" / "texts.parquet")
        texts = file.read_row_group(block).column("text").to_pylist()
        with new_file(target) as partial, partial.open("wb") as opened:
            np.save(opened, embedder.embed(texts).astype(np.float16))
    return target


def write_shard(plan: Plan, embedder: Embedder, shard: int) -> str:
    """Write a shard as an index folder, with the statistics of all of them; returns the hash of its content.

    Raises:
        IndexFolderError: its vectors are not all there.
    """
    folder, cut = plan.work / "shards" / f"{shard:03}", plan.work / "cut" / f"{shard:03}"
    if exists(folder):
        return content_hash(check_build(published_build(folder)))
    opened, rows, layout = open_tables(cut)
    records, passages = list(opened.rows), list(rows)
    whole = read_statistics(plan.work / "terms.parquet")
    corpus = Corpus(f"shard {shard:03}", plan.key, "shard", len(records), tuple(records), ())
    texts = pq.read_table(cut / "texts.parquet").column("text").to_pylist()
    blocks = [np.load(embed_block(plan, embedder, shard, block)) for block in range(block_count(plan, shard))]
    made = np.concatenate(blocks) if blocks else np.zeros((0, plan.recipe.dimension), np.float16)
    row_of = {text: row for row, text in enumerate(texts)}
    order = np.array([row_of[text] for text in _texts(records, passages, layout)], dtype=np.int64)
    words_build = write_words(folder, corpus, folder, passages, plan.recipe, whole)
    count = int(layout.vectors[-1])
    build = add_vectors(words_build, made[order[:count]], made[order[count:]])
    publish(folder, build, Keeping())
    return content_hash(check_build(published_build(folder)))
