"""Records and passages as the Parquet tables of a build, and back."""

import json
from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from index.corpus import Record
from index.passages import Passage


def records_table(records: Iterable[Record]) -> pa.Table:
    """One row a record; its further columns are one of JSON, for their names differ from file to file."""
    return pa.Table.from_pylist(
        [
            {
                "id": record.id,
                "questions": list(record.questions),
                "answer": record.answer,
                "metadata": json.dumps(record.metadata, ensure_ascii=False),
            }
            for record in records
        ]
    )


def read_records(content: bytes) -> dict[str, Record]:
    """The records of a Parquet file by their ids."""
    return {
        row["id"]: Record(row["id"], tuple(row["questions"]), row["answer"], json.loads(row["metadata"]))
        for row in pq.read_table(pa.BufferReader(content)).to_pylist()
    }


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
