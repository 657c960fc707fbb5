import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import IndexFolderError
from core.settings import IndexSettings, Settings
from index import build as building
from index.build import build
from index.corpus import record_id
from index.files.folder import Reading
from index.keeping import rollback
from index.opening import open_index
from index.status import write_status
from rag.admin import described, embed_in_background, embedding, overview, published
from rag.uploads import Upload, keep
from tests.conftest import ROOT
from tests.fakes import WordEmbedder, write_csv

ENDS_WITH_PARENT = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in what a shell starts in the background
helper = "from core.background import *; import time; become_helper(); print(1, flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", helper], stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def test_the_vectors_that_a_large_file_lacks_are_made_behind(
    small_index: IndexSettings, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("rag.admin.subprocess.Popen", lambda command, **_: started.append(command))
    monkeypatch.setattr(building, "FEW", 10)
    settings = Settings(index=small_index)
    assert not embed_in_background(settings)
    rows = [(f"What is illness {n}?", f"It is illness {n}. Or so.") for n in range(40)]
    larger = write_csv(Path(small_index.dir).parent / "up.csv", rows)
    assert build(replace(small_index, csv=str(larger)), words_only=True)
    assert not published(settings).complete
    assert embed_in_background(settings)
    (command,) = started
    assert command[:4] == [sys.executable, str(ROOT / "citewell.py"), "build", "--background"]
    assert command[command.index("--csv") + 1] == str(larger.absolute())
    assert embedding(settings) is None
    write_status(Path(small_index.dir), 1, 80, 2.0)
    assert embedding(settings) is not None


def test_a_build_is_called_by_its_file_its_answers_and_its_time(small_index: IndexSettings) -> None:
    made = open_index(Path(small_index.dir)).manifest
    assert described(replace(made, kept=16407, built="2026-11-27T14:02:00+00:00")).startswith(
        "small.csv (16,407 answers, "
    )
    assert re.fullmatch(r"small\.csv \(4 answers, \d\d \w{3} \d{4}, \d\d:\d\d\)", described(made))


def test_refused_rows_belong_to_the_build_that_is_shown(small_index: IndexSettings) -> None:
    folder = Path(small_index.dir)
    other = write_csv(folder.parent / "other.csv", [("What is a boil?", "A lump."), ("", "Nobody asked.")])
    assert build(replace(small_index, csv=str(other)))
    assert overview(open_index(folder)).refused == [{"line": 3, "reason": "no question"}]
    rollback(folder)
    assert overview(open_index(folder)).refused == []


def test_several_files_become_one_index_whose_rows_keep_the_names_of_their_files(
    small_index: IndexSettings,
) -> None:
    settings = Settings(index=small_index)
    kept = keep(
        settings,
        [
            Upload("a.csv", b"question,answer\nWhat is a boil?,A lump.\n,Nobody asked.\n"),
            Upload("b.csv", b"Frage;Antwort\nA boil?;A lump.\nAnd gout?;Arthritis.\n", Reading("Frage", "Antwort")),
            Upload("a.csv", b"question,answer\nWhat is acne?,Spots.\n"),
        ],
    )
    assert build(replace(small_index, csv=str(kept)))
    index = open_index(Path(small_index.dir))
    assert index.manifest.csv == "a (2).csv and 2 more files"
    boil = index.records[record_id("A lump.")]
    assert set(boil.questions) == {"What is a boil?", "A boil?"}
    assert {question: boil.of(question)["file"] for question in boil.questions} == {
        "What is a boil?": "a.csv",
        "A boil?": "b.csv",
    }
    assert overview(index).refused == [{"file": "a.csv", "line": 3, "reason": "no question"}]
    assert overview(index).files == {"a (2).csv": 1, "a.csv": 1, "b.csv": 1}
    assert not build(replace(small_index, csv=str(kept)))  # nothing has changed since
    (kept / "b.csv").unlink()
    assert build(replace(small_index, csv=str(kept)))
    assert index.manifest.csv_path == str(kept.absolute())


def test_without_an_index_nothing_is_started(tmp_path: Path) -> None:
    with pytest.raises(IndexFolderError, match="no index at"):
        embed_in_background(Settings(index=IndexSettings(dir=str(tmp_path))))


@pytest.mark.weights
def test_a_process_of_its_own_makes_the_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "FEW", 10)
    monkeypatch.chdir(ROOT)
    file = write_csv(tmp_path / "f.csv", [(f"What is illness {n}?", f"It is illness {n}.") for n in range(40)])
    index = IndexSettings(csv=str(file), dir=str(tmp_path / "i"), cache=str(ROOT / "artifacts/embedders"))
    assert build(index, words_only=True)
    settings = Settings(index=index)
    assert not published(settings).complete
    assert embed_in_background(settings)
    deadline = time.monotonic() + 120
    while not published(settings).complete and time.monotonic() < deadline:
        time.sleep(0.1)
    assert open_index(Path(index.dir)).embedded, (tmp_path / "i/build.log").read_text()
    assert not embed_in_background(settings)


def test_a_helper_ends_with_the_process_that_started_it() -> None:
    parent = subprocess.Popen([sys.executable, "-c", ENDS_WITH_PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert Path(f"/proc/{child}").exists()
    assert int(Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[16]) == 19  # as nice as can be
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _runs(child)


def _runs(process: int) -> bool:
    """Whether a process runs: one that ended and that nobody asked about does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
