"""What people upload: what is refused, under which name it is kept, and when it is removed."""

import io
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError
from core.settings import IndexSettings, Settings
from index.build import build
from index.corpus import read_corpus
from index.files.folder import Reading
from index.job import FAILED, Job, write_job
from index.keeping import rollback
from index.opening import open_index
from rag import uploads
from rag.uploads import JOB, Upload, check, forget_unused, in_page, keep, preview, safe_name, title, uploads_of

CSV = b"question,answer\nWhat is a boil?,A lump.\n"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("health_qa.csv", "health_qa.csv"),
        ("My File (2).CSV", "My File (2).csv"),
        ("../../данные.csv", "данные.csv"),
        ("..\\..\\pwn.csv", "pwn.csv"),
        ("<img src=x onerror=alert(1)>.csv", "img src-x onerror-alert(1).csv"),
        ("**bold** [x](javascript:0).csv", "bold-x-(javascript-0).csv"),
        ("CON.csv", "CON-file.csv"),
        (".csv", "csv.csv"),
        ("\u202egnp.csv", "gnp.csv"),
        ("x" * 300 + ".csv", "x" * 60 + ".csv"),
    ],
)
def test_a_name_stays_as_it_was_given_but_for_what_could_be_taken_for_anything_else(given: str, kept: str) -> None:
    assert safe_name(given) == kept


def test_what_is_too_large_too_many_empty_or_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"empty \(0 bytes\)"):
        check([Upload("a.csv", b"")])
    with pytest.raises(DataError, match=r"a\.exe is of a kind that is not read"):
        check([Upload("a.exe", CSV)])
    with pytest.raises(DataError, match="21 files are too many"):
        check([Upload("a.csv", CSV)] * 21)
    monkeypatch.setattr(uploads, "UPLOAD_MIB", 1)
    with pytest.raises(DataError, match="the files together has 1 MiB"):
        check([Upload("a.csv", b"x" * 600_000)] * 2)


def test_a_workbook_that_unpacks_to_gigabytes_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "UNPACKED_MIB", 1)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"\0" * (2 << 20))
    assert len(packed.getvalue()) < 10_000
    with pytest.raises(DataError, match="unpacks to more than 1 MiB"):
        preview(Upload("a.xlsx", packed.getvalue()))


def test_a_parquet_file_that_repeats_a_cell_without_end_is_refused_before_it_is_read() -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    cell = pa.DictionaryArray.from_arrays(pa.array(np.zeros(12_000_000, np.int8)), pa.array(["a"]))
    packed = io.BytesIO()
    pq.write_table(pa.table({"question": cell, "answer": cell}), packed)
    assert len(packed.getvalue()) < 100_000
    with pytest.raises(DataError, match="unpacks to more than 1,024 MiB"):
        preview(Upload("a.parquet", packed.getvalue()))
    check([Upload("a.parquet", b"PAR1 and no more")])  # whoever reads it says what is wrong with it


def test_a_link_in_the_place_of_an_upload_is_not_followed(small_index: IndexSettings, tmp_path: Path) -> None:
    settings = Settings(index=small_index)
    kept = keep(settings, [Upload("a.csv", CSV)])
    elsewhere = kept.rename(tmp_path / "elsewhere")
    kept.symlink_to(elsewhere, target_is_directory=True)
    assert keep(settings, [Upload("a.csv", CSV)]) == kept
    assert not kept.is_symlink()
    assert (kept / "a.csv").read_bytes() == (elsewhere / "a.csv").read_bytes() == CSV
    link = uploads_of(settings) / ("f" * 16)
    link.symlink_to(elsewhere, target_is_directory=True)
    forget_unused(settings)
    assert not link.is_symlink()  # the link goes, and what it led to stays
    assert (elsewhere / "a.csv").is_file()


def test_a_preview_offers_columns_and_the_first_rows() -> None:
    found = preview(Upload("mine.csv", b"Prompt;Note;Response\nWhat is a boil?;n;A lump.\nAnd gout?;;Arthritis.\n"))
    assert found.columns == ("Prompt", "Note", "Response")
    assert (found.question, found.answer, found.count) == ("Prompt", "Response", 2)
    assert found.rows == (("What is a boil?", "n", "A lump."), ("And gout?", "", "Arthritis."))
    unknown = preview(Upload("mine.csv", b"x,y\n1,2\n"))
    assert (unknown.columns, unknown.question, unknown.answer) == (("x", "y"), "", "")
    with pytest.raises(DataError, match="has a header and no rows"):
        preview(Upload("mine.csv", b"question,answer\n"))


def test_a_delimiter_and_an_encoding_of_ones_choice_are_used_in_preview_and_index(small_index: IndexSettings) -> None:
    content = "question|answer\nWas ist Fieber, kurz?|Wärme, zu viel davon.\n".encode("cp1252")
    reading = Reading("question", "answer", "cp1252", "|")
    assert preview(Upload("a.csv", content, Reading(encoding="cp1252", delimiter="|"))).columns == (
        "question",
        "answer",
    )
    with pytest.raises(DataError, match="no rows"):  # the header is one cell, and the row below it two
        preview(Upload("a.csv", content, Reading(delimiter=",")))
    kept = keep(Settings(index=small_index), [Upload("a.csv", content, reading)])
    assert read_corpus(kept).records[0].answer == "Wärme, zu viel davon."


def test_two_uploads_of_one_name_at_once_are_two_and_the_same_one_twice_is_one(small_index: IndexSettings) -> None:
    settings = Settings(index=small_index)
    contents = [CSV, CSV.replace(b"boil", b"cyst"), CSV]
    kept: list[Path] = []
    threads = [
        threading.Thread(target=lambda content=content: kept.append(keep(settings, [Upload("a.csv", content)])))
        for content in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(kept)) == 2
    assert {(folder / "a.csv").read_bytes() for folder in kept} == set(contents)
    assert {title(folder) for folder in kept} == {"a.csv"}


def test_a_full_disk_leaves_nothing_of_an_upload(small_index: IndexSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    settings = Settings(index=small_index)
    with pytest.raises(OSError, match="No space") as error:
        keep(settings, [Upload("a.csv", CSV)])
    assert list(uploads_of(settings).iterdir()) == []
    assert in_page(error.value, uploads_of(settings)) == ("the disk is full; nothing that was there before has changed")


def test_uploads_go_when_no_kept_build_needs_them(small_index: IndexSettings) -> None:
    settings = Settings(index=replace(small_index, keep_builds=2))
    kept = [keep(settings, [Upload("a.csv", CSV.replace(b"boil", b"x%d" % n))]) for n in range(4)]
    for folder in kept[:3]:
        build(replace(settings.index, csv=str(folder)))
    write_job(Path(small_index.dir) / JOB, Job("a.csv", str(kept[3].absolute()), FAILED))
    forget_unused(settings)
    assert [folder.is_dir() for folder in kept] == [False, True, True, True]  # the last one may be tried again
    (Path(small_index.dir) / JOB).unlink()
    forget_unused(settings)
    assert [folder.is_dir() for folder in kept] == [False, True, True, False]
    rollback(Path(small_index.dir))
    assert open_index(Path(small_index.dir)).manifest.csv_path == str(kept[1].absolute())


def test_an_upload_of_an_earlier_version_stays_as_long_as_its_build(small_index: IndexSettings) -> None:
    settings = Settings(index=small_index)
    old = uploads_of(settings) / ("0" * 16) / "old.csv"
    old.parent.mkdir(parents=True)
    old.write_bytes(CSV)
    build(replace(small_index, csv=str(old)))
    forget_unused(settings)
    assert old.is_file()
