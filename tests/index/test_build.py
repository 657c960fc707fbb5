import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from core.errors import DataError, IndexFolderError
from core.settings import IndexSettings
from index.build import build, main
from index.corpus import Record
from index.embedders.base import Done
from index.opening import open_index
from index.passages import headed_text
from index.published import published_build
from index.words import SPLIT_CHARACTERS, SPLIT_TOGETHER, _batches
from tests.conftest import ROOT
from tests.fakes import ROWS, WordEmbedder, write_csv

HEADER = ("question", "answer", "source")


def test_a_build_is_repeated_only_for_a_reason(small_index: IndexSettings, csv_file: Path) -> None:
    assert not build(small_index)
    assert build(small_index, force=True)
    write_csv(csv_file, ROWS[:3], HEADER)
    assert build(small_index)
    assert not build(small_index)
    assert build(IndexSettings(csv=small_index.csv, dir=small_index.dir, passage_tokens=10))


def test_only_what_changed_is_embedded_again(
    told: list[str],
    small_index: IndexSettings,
    csv_file: Path,
    word_embedder: WordEmbedder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    embedded: list[str] = []

    def recorded(texts: Sequence[str], done: Done | None = None) -> np.ndarray:
        embedded.extend(texts)
        return WordEmbedder().embed(texts, done)

    before = open_index(Path(small_index.dir))
    monkeypatch.setattr(word_embedder, "embed", recorded)
    new_answer = ("What is gout?", "Gout is a disease of the joints.", "joints")
    new_question = ("Why do people get acne?", *ROWS[1][1:])
    write_csv(csv_file, [new_answer, ROWS[3], new_question, ROWS[2]], HEADER)  # and in another order
    assert build(small_index)
    assert set(embedded) == {
        f"{new_answer[0]}\n{new_answer[1]}",
        f"{new_question[0]}\n{new_question[1]}",
        new_question[0],  # the question alone, for the search among questions
    }
    assert len(embedded) == 3
    assert any(line.split() == ["of", "these", "unchanged", "2"] for line in told)
    after = open_index(Path(small_index.dir))
    for index in (before, after):
        texts = [headed_text(index.records[passage.record_id].question, passage) for passage in index.passages]
        assert np.allclose(index.all_vectors(), WordEmbedder().embed(texts), atol=1e-3)

    embedded.clear()
    assert build(small_index, force=True)
    assert len(embedded) == 2 * len(ROWS)  # passages and questions; --force takes nothing over

    embedded.clear()
    assert build(dataclasses.replace(small_index, passage_tokens=10))
    kept = {passage.text for passage in open_index(Path(small_index.dir)).passages} & {
        passage.text for passage in after.passages
    }
    assert len(embedded) == len(open_index(Path(small_index.dir)).passages) - len(kept)


def test_a_damaged_old_build_is_no_help_and_no_hindrance(small_index: IndexSettings, csv_file: Path) -> None:
    (published_build(Path(small_index.dir)) / "vectors.faiss").write_bytes(b"damaged")
    write_csv(csv_file, ROWS[:2], HEADER)
    assert build(small_index)
    assert len(open_index(Path(small_index.dir)).records) == 2


def test_the_table_at_the_end_counts_every_row(told: list[str], tmp_path: Path, word_embedder: WordEmbedder) -> None:
    file = write_csv(tmp_path / "f.csv", [["A?", "One."], ["B?", "One."], ["C?", ""], ["D?", "Two."]])
    report = tmp_path / "refused.jsonl"
    build(IndexSettings(csv=str(file), dir=str(tmp_path / "i")), report=report)
    figures = dict(line.strip().rsplit("  ", 1) for line in told if line.startswith("  ") and "  " in line.strip())
    figures = {name.strip(): value.strip() for name, value in figures.items()}
    assert figures["rows read"] == "4"
    assert figures["records kept"] == "2"
    assert figures["rows merged into them"] == "1"
    assert figures["refused, no answer"] == "1"
    assert figures["passages"] == "2"
    assert figures["of these unchanged"] == "0"
    assert {"seconds", "embedded per second", "bytes"} <= figures.keys()
    assert json.loads(report.read_text()) == {"line": 4, "reason": "no answer"}
    assert "  line 4 left out: no answer" in told


def test_a_bad_csv_leaves_the_old_index_serving(small_index: IndexSettings, csv_file: Path) -> None:
    csv_file.write_text("nothing,here\n1,2\n")
    with pytest.raises(DataError, match="its columns are: nothing, here"):
        build(small_index)
    assert len(open_index(Path(small_index.dir)).records) == len(ROWS)


def test_a_full_disk_leaves_the_old_index_serving(small_index: IndexSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(small_index.dir)
    before = sorted(os.listdir(folder / "builds"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("index.tables.pq.write_table", full)
    with pytest.raises(OSError, match="No space left"):
        build(small_index, force=True)
    assert sorted(os.listdir(folder / "builds")) == before
    assert len(open_index(folder).records) == len(ROWS)


def test_a_build_that_does_not_find_itself_is_not_published(
    small_index: IndexSettings, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = open_index(Path(small_index.dir)).manifest.build
    monkeypatch.setattr(word_embedder, "embed", lambda texts, done=None: np.ones((len(texts), 256), np.float32))
    with pytest.raises(IndexFolderError, match="does not find its own passage .*; nothing was published"):
        build(small_index, force=True)
    assert open_index(Path(small_index.dir)).manifest.build == before


KILLED = """
import sys, time
from core.settings import IndexSettings
from index import build as module
from tests.fakes import WordEmbedder
class Slow(WordEmbedder):
    def embed(self, texts, done=None):
        print("embedding", flush=True)
        time.sleep(60)
module.load_embedder = lambda *_: Slow()
module.build(IndexSettings(csv=sys.argv[1], dir=sys.argv[2]), force=True)
"""


def test_a_killed_build_leaves_the_old_index_and_no_lock(small_index: IndexSettings) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, small_index.csv, small_index.dir], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "embedding\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(open_index(Path(small_index.dir)).records) == len(ROWS)
    assert build(small_index, force=True)


def test_a_second_build_says_that_it_waits(small_index: IndexSettings, told: list[str]) -> None:
    lock = FileLock(Path(small_index.dir) / ".lock", thread_local=False)
    lock.acquire()
    second = threading.Thread(target=build, args=(small_index,))
    second.start()
    while not told and second.is_alive():
        time.sleep(0.01)
    assert told == [f"another build of {small_index.dir} is running; waiting for it to end"]
    lock.release()
    second.join(timeout=30)
    assert "is up to date" in told[-1]


def test_the_command_line(
    told: list[str],
    small_index: IndexSettings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    where = ["--csv", small_index.csv, "--index", small_index.dir]
    assert main(where) == 0
    assert "is up to date" in told[-1]
    assert main([*where, "--force"]) == 0
    assert told[-1] == f"published {small_index.dir}"
    assert main(["--index", small_index.dir, "--check"]) == 0
    assert f"is whole: {len(ROWS)} passages of small.csv" in capsys.readouterr().out
    assert main(["--index", small_index.dir, "--rollback"]) == 0
    assert "is back at build" in capsys.readouterr().out


def test_again_goes_on_with_the_published_file_unless_another_is_named(
    tmp_path: Path, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    write_csv(Path(IndexSettings().csv), ROWS[:2], HEADER)
    write_csv(Path("mine.csv"), ROWS, ("q", "answer", "source"))
    write_csv(Path("named.csv"), ROWS[1:], HEADER)

    def indexed_by(*arguments: str) -> str:
        assert main(list(arguments)) == 0
        return open_index(Path(IndexSettings().dir)).manifest.csv

    mine = ("--csv", "mine.csv", "--question-column", "q")
    assert indexed_by("--again") == "health_qa.csv"  # nothing is published yet
    assert indexed_by(*mine) == "mine.csv"
    assert indexed_by("--again") == "mine.csv"
    assert indexed_by() == "health_qa.csv"
    assert indexed_by(*mine) == "mine.csv"
    monkeypatch.setenv("CITEWELL_INDEX_CSV", "named.csv")
    assert indexed_by("--again") == "named.csv"
    monkeypatch.delenv("CITEWELL_INDEX_CSV")
    assert indexed_by(*mine) == "mine.csv"


def test_again_never_puts_another_file_in_the_place_of_an_index(
    told: list[str], tmp_path: Path, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    write_csv(Path(IndexSettings().csv), ROWS[:2], HEADER)
    write_csv(Path("clinic.csv"), ROWS, HEADER)
    folder = Path(IndexSettings().dir)
    assert main(["--csv", "clinic.csv"]) == 0
    whole = open_index(folder).manifest.build
    Path("clinic.csv").rename("elsewhere.csv")
    assert main(["--again"]) == 0
    assert open_index(folder).manifest.build == whole
    assert "clinic.csv, the file of this index, is gone" in told[-1]
    assert "--csv FILE" in told[-1]

    manifest = folder / "builds" / whole / "manifest.json"
    manifest.write_text("{")
    with pytest.raises(IndexFolderError, match="is damaged"):
        main(["--again"])
    assert manifest.read_text() == "{"


def test_again_leaves_a_build_that_was_rolled_back_to(
    told: list[str], tmp_path: Path, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(Path("mine.csv"), ROWS, HEADER)
    assert main(["--csv", "mine.csv"]) == 0
    write_csv(Path("mine.csv"), ROWS[:2], HEADER)
    assert main(["--csv", "mine.csv"]) == 0
    assert main(["--rollback"]) == 0
    assert main(["--again"]) == 0
    assert len(open_index(Path(IndexSettings().dir)).records) == len(ROWS)
    assert "was rolled back and stays so" in told[-1]
    assert main(["--rollback"]) == 0  # forward again
    assert main(["--again"]) == 0
    assert "is up to date" in told[-1]


def test_again_finds_the_file_from_another_folder(
    told: list[str], tmp_path: Path, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = str(tmp_path / "index")
    monkeypatch.chdir(tmp_path)
    write_csv(Path("mine.csv"), ROWS, HEADER)
    assert main(["--csv", "mine.csv", "--index", index]) == 0
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert main(["--again", "--index", index]) == 0
    assert f"{index} is up to date with {tmp_path / 'mine.csv'}" in told[-1]


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "citewell build --csv my.csv --question-column q" in capsys.readouterr().out


def test_the_real_command_ends_with_one_line_of_error_on_bad_input(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "index.build", "--csv", str(tmp_path / "none.csv"), "--index", str(tmp_path / "i")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    reading, error = ended.stderr.splitlines()
    assert reading == f"reading {tmp_path / 'none.csv'}"
    assert error.startswith("error: no file at")


def test_large_answers_are_cut_a_few_at_a_time() -> None:
    """The tokens of an answer take a hundred times its memory, and 256 answers of 5 MB would take all that there is."""
    sizes = [10, SPLIT_CHARACTERS, 10, 10, *[1] * SPLIT_TOGETHER]
    records = [Record(f"{n:016x}", ("q",), "a" * size) for n, size in enumerate(sizes)]
    batches = list(_batches(records))
    assert [len(batch) for batch in batches] == [1, 1, SPLIT_TOGETHER, 2]
    assert [record.id for batch in batches for record in batch] == [record.id for record in records]
