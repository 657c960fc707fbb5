import hashlib
import os
import threading
import time
from pathlib import Path

import pytest

from core.cached_folder import DAILY_S, MARKER, damage, made_once, seal, sealed_hash
from core.checked import CHECKED
from core.files import sha256_file

FACTS = {"weights": "abc", "quant": "q8_0"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"weights")
    seal(folder, FACTS)
    return folder


def test_a_sealed_folder_is_whole_until_something_changes(folder: Path) -> None:
    assert damage(folder, FACTS) == ""
    assert damage(folder, {**FACTS, "quant": "q4_0"}) == "it was made from something else"
    os.utime(folder / "model.bin")  # a copy has another time, and the same content
    assert damage(folder, FACTS) == ""
    (folder / "model.bin").write_bytes(b"weighty")
    assert damage(folder, FACTS) == "model.bin has changed"
    (folder / "model.bin").unlink()
    assert damage(folder, FACTS) == "it has no model.bin"
    (folder / MARKER).write_text("[]")
    assert damage(folder, FACTS) == f"its {MARKER} cannot be read"
    (folder / MARKER).unlink()
    assert damage(folder, FACTS) == f"it has no {MARKER}"


def test_a_disk_that_rots_is_seen_within_a_day(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Size and times stay as they were: only reading all of it shows that a bit has flipped."""
    monkeypatch.setattr("core.checked._signs", lambda path, entry: [])
    assert damage(folder, FACTS) == ""
    (folder / "model.bin").write_bytes(b"weightz")
    assert damage(folder, FACTS, DAILY_S) == ""
    yesterday = time.time() - DAILY_S - 1
    os.utime(folder / CHECKED, (yesterday, yesterday))
    assert damage(folder, FACTS) == ""
    assert damage(folder, FACTS, DAILY_S) == "model.bin has changed"


def test_a_time_that_was_set_back_hides_no_change(folder: Path) -> None:
    status = (folder / "model.bin").stat()
    (folder / "model.bin").write_bytes(b"weightz")
    os.utime(folder / "model.bin", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert damage(folder, FACTS) == "model.bin has changed"


def test_a_copy_is_hashed_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / CHECKED).unlink()
    hashed: list[Path] = []

    def counted(path: Path) -> str:
        hashed.append(path)
        return sha256_file(path)

    monkeypatch.setattr("core.checked.sha256_file", counted)
    assert [damage(folder, FACTS), damage(folder, FACTS)] == ["", ""]
    assert hashed == [folder / "model.bin"]


def test_a_marker_with_a_flipped_bit_is_no_marker(folder: Path) -> None:
    marker = (folder / MARKER).read_text()
    (folder / MARKER).write_text(marker.replace('"bytes": 7', '"bytes": 6'))
    assert damage(folder, FACTS) == f"its {MARKER} cannot be read"


def test_the_hash_is_that_of_the_file(folder: Path) -> None:
    assert sealed_hash(folder, "model.bin") == hashlib.sha256(b"weights").hexdigest()


def test_one_that_is_whole_is_used_from_a_folder_that_cannot_be_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests may run as root, whom no mode of a folder stops: so the lock itself is the proof."""

    def refused(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("core.cached_folder.FileLock", refused)
    with made_once(folder, FACTS) as empty:
        assert empty is None


def test_what_fails_leaves_nothing_and_what_is_damaged_is_made_again(told: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "made"

    def break_off() -> None:
        with made_once(folder, FACTS) as empty:
            assert empty is not None
            (empty / "half").write_text("x")
            raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        break_off()
    assert not folder.exists()
    for content in ("one", "two"):
        with made_once(folder, FACTS) as empty:
            assert empty is not None
            (empty / "file").write_text(content)
        assert damage(folder, FACTS) == ""
        (folder / "file").write_text("damaged")
    assert told == [f"{folder} cannot be used (file has changed); making it again"]


def test_two_at_once_make_it_once(tmp_path: Path) -> None:
    makers: list[int] = []

    def make(number: int) -> None:
        with made_once(tmp_path / "made", FACTS) as empty:
            if empty is not None:
                makers.append(number)
                (empty / "file").write_text("x")

    threads = [threading.Thread(target=make, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(makers) == 1
