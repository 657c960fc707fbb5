"""Records and passages as the tables of a build, and back, each read when it is asked for.

`records.arrow` is Arrow's file format without compression: mapped into memory, a cell is read without its neighbours.
Builds of before have Parquet, which is read whole.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from index.corpus import Record
from index.lexical import TermStatistics
from index.passages import Passage
from index.rows import Item, RowLayout, Rows

TABLES = ("records.arrow", "ids.npy", "rows.npy", "spans.npy")
"""The records; their ids in order, each with its row; `RowLayout`; start and end of each passage."""
EARLIER = ("records.parquet", "passages.parquet")
_BATCH = 4096
_DOCUMENTS, _LENGTH = "(documents)", "(length)"
_SCHEMA = pa.schema(
    [("id", pa.string()), ("questions", pa.list_(pa.string())), ("answer", pa.string()), ("metadata", pa.string())]
)


class Records(Mapping[str, Record]):
    """The records of a build by their ids, and by their row."""

    def __init__(self, rows: Rows[Record], ids: np.ndarray) -> None:
        """`ids` has shape (2, records): the ids as numbers, in order, and their rows."""
        self.rows, self._ids = rows, ids

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[str]:
        return (record.id for record in self.rows)

    def __getitem__(self, key: str) -> Record:
        number = _number(key)
        at = -1 if number is None else int(np.searchsorted(self._ids[0], number))
        if number is None or at >= len(self.rows) or self._ids[0][at] != number:
            raise KeyError(key)
        return self.rows[self.row(key)]

    def row(self, key: str) -> int:
        """The row of a record that there is."""
        return int(self._ids[1][np.searchsorted(self._ids[0], np.uint64(int(key, 16)))])


def _number(key: str) -> np.uint64 | None:
    return np.uint64(int(key, 16)) if re.fullmatch("[0-9a-f]{16}", key) else None


def write_tables(folder: Path, records: Iterable[Record], passages: Iterable[Passage]) -> RowLayout:
    """Write `TABLES`; the passages stand in the order of their records."""
    kept = list(records)
    with pa.OSFile(str(folder / "records.arrow"), "wb") as sink, pa.ipc.new_file(sink, _SCHEMA) as writer:
        for begin in range(0, len(kept), _BATCH):
            rows = [_row(record) for record in kept[begin : begin + _BATCH]]
            writer.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA))
    ids = np.array([int(record.id, 16) for record in kept], dtype=np.uint64)
    order = np.argsort(ids)
    np.save(folder / "ids.npy", np.stack([ids[order], order.astype(np.uint64)]))
    counts: dict[str, int] = {record.id: 0 for record in kept}
    spans = []
    for passage in passages:
        counts[passage.record_id] += 1
        spans.append((passage.start, passage.end))
    np.save(folder / "spans.npy", np.array(spans, dtype=np.int32).reshape(-1, 2))
    layout = RowLayout.of(list(counts.values()), [len(record.questions) for record in kept])
    np.save(folder / "rows.npy", layout.first)
    return layout


def _row(record: Record) -> dict[str, Any]:
    """The further columns of a record's questions are one of JSON: their names differ between files."""
    return {
        "id": record.id,
        "questions": list(record.questions),
        "answer": record.answer,
        "metadata": json.dumps(list(record.columns), ensure_ascii=False),
    }


def open_tables(folder: Path) -> tuple[Records, Rows[Passage], RowLayout]:
    """Map what `write_tables` wrote into memory."""
    table = pa.ipc.open_file(pa.memory_map(str(folder / "records.arrow"))).read_all()
    columns = [table.column(name) for name in ("id", "questions", "answer", "metadata")]

    def record(row: int) -> Record:
        return _record(dict(zip(table.column_names, (column[row].as_py() for column in columns), strict=True)))

    layout = RowLayout(np.load(folder / "rows.npy", mmap_mode="r"))
    records = Records(Rows(table.num_rows, record), np.load(folder / "ids.npy", mmap_mode="r"))
    spans = np.load(folder / "spans.npy", mmap_mode="r")

    def passage(row: int) -> Passage:
        at = layout.record_of_passage(row)
        return _passage(records.rows[at], row - int(layout.passages[at]), *map(int, spans[row]))

    return records, Rows(len(spans), passage), layout


def _passage(record: Record, number: int, start: int, end: int) -> Passage:
    return Passage(f"{record.id}-{number}", record.id, start, end, record.answer[start:end])


def read_earlier(folder: Path) -> tuple[Records, Rows[Passage], RowLayout]:
    """The same from the Parquet files of a build of before."""
    records = [_record(row) for row in pq.read_table(folder / EARLIER[0]).to_pylist()]
    of = {record.id: record for record in records}
    counts = dict.fromkeys(of, 0)
    passages = []
    for row in pq.read_table(folder / EARLIER[1]).to_pylist():
        counts[row["record_id"]] += 1
        passages.append(Passage(**row, text=of[row["record_id"]].answer[row["start"] : row["end"]]))
    ids = np.array([int(record.id, 16) for record in records], dtype=np.uint64)
    order = np.argsort(ids)
    layout = RowLayout.of(list(counts.values()), [len(record.questions) for record in records])
    numbered = np.stack([ids[order], order.astype(np.uint64)])
    return Records(_standing(records), numbered), _standing(passages), layout


def _standing(items: list[Item]) -> Rows[Item]:
    return Rows(len(items), items.__getitem__, 0)


def _record(row: Mapping[str, Any]) -> Record:
    """A record; in a build of before, the further columns of the first question stand for all."""
    kept = json.loads(row["metadata"])
    columns = tuple(kept) if isinstance(kept, list) else (kept,) * len(row["questions"]) if kept else ()
    return Record(row["id"], tuple(row["questions"]), row["answer"], columns)


def write_placed(file: Path, records: Mapping[int, Record]) -> None:
    """Write records with their places among all of a build of shards."""
    rows = [_row(record) for record in records.values()]
    table = pa.Table.from_pylist(rows, schema=_SCHEMA).append_column("place", pa.array(list(records), pa.int64()))
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def read_placed(file: Path) -> list[tuple[int, Record]]:
    """What `write_placed` wrote."""
    table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
    return [(row.pop("place"), _record(row)) for row in table.to_pylist()]


def write_counts(file: Path, counts: Mapping[str, int]) -> None:
    """Write words or terms with their counts, in the order of the words."""
    ordered = sorted(counts.items())
    table = pa.table({"word": [word for word, _ in ordered], "count": pa.array([n for _, n in ordered], pa.int64())})
    pq.write_table(table, file)


def read_counts(file: Path) -> dict[str, int]:
    """What `write_counts` wrote."""
    table = pq.read_table(file)
    return dict(zip(table.column("word").to_pylist(), table.column("count").to_pylist(), strict=True))


def write_statistics(file: Path, statistics: TermStatistics) -> None:
    """Write the statistics of terms; two names that no term can have stand for the numbers of the whole."""
    whole = {_DOCUMENTS: statistics.documents, _LENGTH: statistics.length}
    write_counts(file, {**whole, **statistics.holding})


def read_statistics(file: Path) -> TermStatistics:
    """What `write_statistics` wrote."""
    counts = read_counts(file)
    return TermStatistics(counts.pop(_DOCUMENTS), counts.pop(_LENGTH), counts)
