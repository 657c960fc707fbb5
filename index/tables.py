"""Records and passages as the Parquet tables of a build, and back."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from index.corpus import Record
from index.passages import Passage


def records_table(records: Iterable[Record]) -> pa.Table:
    """One row a record; the further columns of its questions are one of JSON: their names differ between files."""
    return pa.Table.from_pylist(
        [
            {
                "id": record.id,
                "questions": list(record.questions),
                "answer": record.answer,
                "metadata": json.dumps(list(record.columns), ensure_ascii=False),
            }
            for record in records
        ]
    )


def read_records(content: bytes) -> dict[str, Record]:
    """The records of a Parquet file by their ids."""
    return {
        row["id"]: Record(row["id"], tuple(row["questions"]), row["answer"], _columns(row))
        for row in pq.read_table(pa.BufferReader(content)).to_pylist()
    }


def _columns(row: Mapping[str, Any]) -> tuple[dict[str, str], ...]:
    """The further columns of each question; in a build of before, those of the first one stand for all."""
    kept = json.loads(row["metadata"])
    return tuple(kept) if isinstance(kept, list) else (kept,) * len(row["questions"]) if kept else ()


def passages_table(passages: Iterable[Passage]) -> pa.Table:
    """One row a passage: where it stands in its record's answer, not its text."""
    return pa.Table.from_pylist(
        [
            {"id": passage.id, "record_id": passage.record_id, "start": passage.start, "end": passage.end}
            for passage in passages
        ]
    )


def read_passages(content: bytes, records: Mapping[str, Record]) -> tuple[Passage, ...]:
    """The passages of a Parquet file, their text cut from the records' answers."""
    return tuple(
        Passage(**row, text=records[row["record_id"]].answer[row["start"] : row["end"]])
        for row in pq.read_table(pa.BufferReader(content)).to_pylist()
    )
