import json
from datetime import datetime, tzinfo
from pathlib import Path

import numpy as np
import pytest

from core.errors import IndexFolderError
from core.seals import unsealed
from core.settings import IndexSettings
from index.build import build
from index.builds import FILES, check_build
from index.keeping import rollback
from index.opening import open_index
from index.published import is_rolled_back, published_build
from index.store import build_name
from tests.conftest import indexed
from tests.fakes import ROWS, WordEmbedder, write_csv


def test_an_index_finds_its_passages_and_keeps_their_records(
    small_index: IndexSettings, word_embedder: WordEmbedder
) -> None:
    index = open_index(Path(small_index.dir))
    hits = index.search(word_embedder.embed(["measles vaccine"]), k=2)[0]
    passage, score = hits[0]
    record = index.records[passage.record_id]
    assert record.question == "What is measles?"
    assert record.metadata == {"source": "fever"}
    assert passage.text == record.answer[passage.start : passage.end]
    assert index.by_id[passage.id] is passage
    assert score > hits[1][1]
    assert index.manifest.rows == index.manifest.kept == len(ROWS)


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte_is_found_and_the_file_named(small_index: IndexSettings, name: str) -> None:
    file = published_build(Path(small_index.dir)) / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    for use in (lambda: open_index(Path(small_index.dir)), lambda: check_build(published_build(Path(small_index.dir)))):
        with pytest.raises(IndexFolderError, match=rf"{name} is damaged: SHA-256 .*; build it: citewell build"):
            use()


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_or_missing_file_is_named(small_index: IndexSettings, name: str) -> None:
    file = published_build(Path(small_index.dir)) / name
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(IndexFolderError, match=rf"{name} has \d+ bytes, expected \d+"):
        open_index(Path(small_index.dir))
    file.unlink()
    with pytest.raises(IndexFolderError, match=rf"{name} is missing"):
        open_index(Path(small_index.dir))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 1}, "has schema version 1, this CiteWell reads 2, 3 and 4; build it: citewell build --index"),
        ({"files": {}}, "is damaged .its list of files is not complete"),
        ({"surprise": 1}, "is damaged"),
        ({"built": "yesterday"}, "is damaged"),
        (None, r"manifest\.json is damaged"),
    ],
)
def test_an_older_or_damaged_manifest(
    small_index: IndexSettings, change: dict[str, object] | None, message: str
) -> None:
    file = published_build(Path(small_index.dir)) / "manifest.json"
    file.write_text("{" if change is None else json.dumps({**unsealed(file.read_text()), **change}))
    with pytest.raises(IndexFolderError, match=message):
        open_index(Path(small_index.dir))


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(IndexFolderError, match=r"no index at .*; build it: citewell build --index"):
        open_index(tmp_path)


def test_an_open_index_goes_on_while_a_new_one_is_published_and_rolled_back(
    small_index: IndexSettings, word_embedder: WordEmbedder
) -> None:
    folder = Path(small_index.dir)
    old = open_index(folder)
    with pytest.raises(IndexFolderError, match="keeps no previous build"):
        rollback(folder)
    write_csv(Path(small_index.csv), ROWS[:2], ("question", "answer", "source"))
    assert build(small_index)
    query = word_embedder.embed(["measles vaccine"])
    assert old.records[old.search(query, 1)[0][0][0].record_id].question == "What is measles?"
    assert len(open_index(folder).records) == 2

    assert rollback(folder) == old.manifest.build
    assert len(open_index(folder).records) == len(ROWS)
    rollback(folder)
    assert len(open_index(folder).records) == 2


def test_a_manifest_whose_files_have_no_size_is_damaged(small_index: IndexSettings) -> None:
    file = published_build(Path(small_index.dir)) / "manifest.json"
    values = json.dumps(unsealed(file.read_text()))  # as a build of before, which has no seal
    file.write_text(values.replace('"bytes"', '"bites"', 1))
    with pytest.raises(IndexFolderError, match="is damaged .*bytes"):
        open_index(Path(small_index.dir))


def test_a_manifest_with_one_flipped_bit_is_damaged(small_index: IndexSettings) -> None:
    """Its facts are signed with every answer; so the name of the file, which no hash held, is never another one."""
    file = published_build(Path(small_index.dir)) / "manifest.json"
    whole = file.read_bytes()
    at = whole.index(b'"csv": "small.csv"') + len(b'"csv": "')
    for flipped in (whole[:at] + b"r" + whole[at + 1 :], whole.replace(b'"rows": 4', b'"rows": 5')):
        assert flipped != whole
        file.write_bytes(flipped)
        with pytest.raises(IndexFolderError, match="is damaged .it was changed since it was written"):
            open_index(Path(small_index.dir))


def test_a_build_after_the_clock_was_set_back_still_comes_last(
    small_index: IndexSettings, csv_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names tell the order of builds: one that seemed older would count as rolled back to, and stay for ever."""

    class Before(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Before":
            return cls(1999, 12, 31, tzinfo=tz)

    folder = Path(small_index.dir)
    first = published_build(folder).name
    monkeypatch.setattr("index.store.datetime", Before)
    write_csv(csv_file, ROWS[:2], ("question", "answer", "source"))
    assert build(small_index)
    second = published_build(folder).name
    assert second > first
    assert not is_rolled_back(folder)
    rollback(folder)
    assert is_rolled_back(folder)
    assert build_name(folder / "none").startswith("1999")


def test_what_killed_builds_left_is_removed_by_the_next_one(small_index: IndexSettings) -> None:
    builds = Path(small_index.dir) / "builds"
    for name in ("a", "b"):
        (builds / f".2026{name}.x.partial").mkdir()
        (builds / f".2026{name}.x.partial" / "records.parquet").write_bytes(b"half")
    build(small_index, force=True)
    assert not list(builds.glob(".*"))


@pytest.mark.parametrize("damage", [b"../../etc", b"\xff\xfe", b"", b"20261127T04\n2838-a8f54d"])
def test_a_damaged_pointer_is_named_and_repaired_by_a_rollback_or_a_build(
    small_index: IndexSettings, damage: bytes
) -> None:
    folder = Path(small_index.dir)
    first = open_index(folder).manifest.build
    build(small_index, force=True)
    (folder / "current").write_bytes(damage)
    with pytest.raises(IndexFolderError, match=r"current is damaged: it names no build; .* --rollback; or build it"):
        open_index(folder)
    assert rollback(folder) == first
    assert open_index(folder).manifest.build == first
    (folder / "current").write_bytes(damage)
    assert build(small_index)
    assert len(open_index(folder).records) == len(ROWS)


def test_search_returns_no_more_than_there_is(small_index: IndexSettings, word_embedder: WordEmbedder) -> None:
    index = open_index(Path(small_index.dir))
    queries = np.vstack([word_embedder.embed(["acne"]), word_embedder.embed(["gout"])])
    assert [len(hits) for hits in index.search(queries, k=100)] == [4, 4]


GERMAN = [
    ("Was ist Gicht?", "Gicht ist eine Krankheit der Gelenke. Sie entsteht durch Kristalle von Harnsäure im Gelenk."),
    (
        "Was sind Masern?",
        "Masern sind eine sehr ansteckende Krankheit. Eine Impfung schützt die meisten Menschen davor.",
    ),
]


def test_the_language_of_a_file_is_kept_so_that_opening_does_not_tell_it_again(
    tmp_path: Path, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(indexed(tmp_path, GERMAN).dir)
    asked: list[str] = []

    def told(text: str) -> str:
        asked.append(text)
        return "fr"

    monkeypatch.setattr("index.reader.language_of_file", told)
    assert open_index(folder).language == "de"
    assert asked == []
    manifest = published_build(folder) / "manifest.json"
    without = {name: value for name, value in unsealed(manifest.read_text()).items() if name != "language"}
    manifest.write_text(json.dumps(without))  # as a build of before
    assert open_index(folder).language == "fr"
    assert "Gicht" in asked[0]


def test_a_build_that_is_replaced_while_it_is_opened_gives_way_to_the_new_one(
    tmp_path: Path, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(indexed(tmp_path, GERMAN).dir)
    build = published_build(folder)
    pointed = iter([build.with_name("replaced"), build])
    monkeypatch.setattr("index.opening.published_build", lambda folder: next(pointed))
    assert open_index(folder).manifest.build == build.name
