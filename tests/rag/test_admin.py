import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import DataError, IndexFolderError
from core.settings import IndexSettings, Settings
from index import build as building
from index.build import build
from index.status import write_status
from index.store import open_index
from rag.admin import embed_in_background, embedding, is_complete, preview, rebuild, roll_back
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


def test_a_small_upload_is_complete_at_once_and_a_large_one_goes_on_behind(
    small_index: IndexSettings, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("rag.admin.subprocess.Popen", lambda command, **_: started.append(command))
    settings = Settings(index=small_index)
    rows = [(f"What is illness {n}?", f"It is illness {n}.") for n in range(40)]
    content = write_csv(Path(small_index.dir).parent / "up.csv", rows).read_bytes()
    kept = rebuild(settings, "up.csv", content, lambda *_: None)
    assert is_complete(settings)
    assert started == []

    monkeypatch.setattr(building, "FEW", 10)
    rows[0] = ("What is a zorb?", "A ball.")
    larger = write_csv(Path(small_index.dir).parent / "up.csv", [(q, a + " Or so.") for q, a in rows]).read_bytes()
    newer = rebuild(settings, "up.csv", larger, lambda *_: None)
    assert newer.name == kept.name == "up.csv"
    assert kept.read_bytes() == content  # for a roll-back
    assert not is_complete(settings)
    (command,) = started
    assert command[:4] == [sys.executable, str(ROOT / "citewell.py"), "build", "--background"]
    assert command[command.index("--csv") + 1] == str(newer.absolute())
    assert embedding(settings) is None
    write_status(Path(small_index.dir), 1, 80, 2.0)
    assert embedding(settings) is not None


def test_uploads_of_one_name_are_kept_apart_until_nothing_needs_them(
    small_index: IndexSettings, word_embedder: WordEmbedder
) -> None:
    settings, uploads = Settings(index=small_index), Path(small_index.dir).parent / "uploads"
    kept = [
        rebuild(settings, "../../данные.CSV", f"question,answer\nWhat is illness {n}?,It is {n}.\n".encode(), _quiet)
        for n in range(3)
    ]
    assert {path.name for path in kept} == {"данные.csv"}
    assert [path.is_file() for path in kept] == [False, True, True]
    roll_back(settings)
    assert "illness 1" in next(iter(open_index(Path(small_index.dir)).records.values())).question
    with pytest.raises(DataError, match="is a PDF"):
        rebuild(settings, "x.pdf", b"%PDF-1.7", _quiet)
    assert sorted(path.name for path in uploads.iterdir() if path.is_dir()) == sorted(
        path.parent.name for path in kept[1:]
    )


def test_a_preview_offers_columns_and_the_first_rows() -> None:
    found = preview("mine.csv", b"Prompt;Note;Response\nWhat is a boil?;n;A lump.\nAnd gout?;;Arthritis.\n")
    assert found.columns == ("Prompt", "Note", "Response")
    assert (found.question, found.answer) == ("Prompt", "Response")
    assert found.rows == (("What is a boil?", "n", "A lump."), ("And gout?", "", "Arthritis."))
    unknown = preview("mine.csv", b"x,y\n1,2\n")
    assert (unknown.columns, unknown.question, unknown.answer) == (("x", "y"), "", "")


def _quiet(*_: object) -> None:
    """Nobody listens to the progress."""


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
    assert not is_complete(settings)
    assert embed_in_background(settings)
    deadline = time.monotonic() + 120
    while not is_complete(settings) and time.monotonic() < deadline:
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
