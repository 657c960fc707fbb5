import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import DataError, run_command
from core.files import jsonl_lines, new_folder, read_jsonl, sha256_file, write_atomic
from tests.conftest import ROOT


def test_a_failed_write_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    write_atomic(target, "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(target, "new")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    with new_folder(target) as partial:
        (partial / "a").write_text("1")
        assert not target.exists()
    with pytest.raises(FileNotFoundError), new_folder(target) as partial:
        (partial / "no such folder" / "b").write_text("2")
    assert os.listdir(tmp_path) == ["folder"]
    assert os.listdir(target) == ["a"]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".folder.abc.partial").mkdir()
    with new_folder(tmp_path / "folder"):
        pass
    assert os.listdir(tmp_path) == ["folder"]


def test_sha256_counts_every_byte(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    seen: list[int] = []
    assert sha256_file(file, seen.append) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sum(seen) == 3


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (DataError("no CSV at x"), 1, "error: no CSV at x\n"),
        (OSError(28, "No space left on device"), 1, "error: the disk is full; nothing that was there before"),
        (OSError("2210 requested and 992 written"), 1, "error: the disk is full"),  # as numpy has it
        (RuntimeError("I/O error: No space left on device (os error 28)"), 1, "error: the disk is full"),
        (RuntimeError("basic_ios::clear: iostream error"), 1, "error: the disk is full"),  # C++, as OpenVINO is
        (PermissionError(13, "Permission denied", "/x"), 1, "error: Permission denied: /x\n"),
        (KeyboardInterrupt(), 130, "stopped; nothing that was there before has changed"),
    ],
)
def test_a_command_ends_with_one_line(
    error: BaseException, status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> int:
        raise error

    with pytest.raises(SystemExit) as exit_:
        run_command(main)
    assert exit_.value.code == status
    assert message in capsys.readouterr().err


def test_a_programming_error_keeps_its_traceback() -> None:
    def main() -> int:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        run_command(main)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_console_of_any_encoding_takes_every_line(encoding: str) -> None:
    """A question with half a character comes from arguments in another encoding."""
    program = "from core.errors import run_command; run_command(lambda: print('fever \\u2265 38 \\udce9', flush=True))"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.decode(encoding) == f"fever {'≥' if encoding == 'utf-8' else '?'} 38 ?\n"


def test_json_lines_end_at_line_feeds_alone(tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text('\ufeff{"q": "how is gout\u2028treated"}\r\n\n{"q": "two\u0085lines"}', encoding="utf-8")
    assert [row["q"] for row in read_jsonl(file, "q")] == ["how is gout\u2028treated", "two\u0085lines"]
    assert jsonl_lines("a\n\nb\n") == ["a", "", "b"]
    assert jsonl_lines("") == []
    file.write_bytes(b'{"q": "caf\xe9"}')
    with pytest.raises(DataError, match="q.jsonl is no UTF-8 .*save it as UTF-8"):
        read_jsonl(file, "q")


def test_a_folder_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "mine"
    for _ in range(2):  # there is none; it is there and ours
        with new_folder(target, "*.json") as partial:
            (partial / "facts.json").write_text("{}")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    with new_folder(theirs, "*.json"):  # empty: nothing is lost
        pass
    (theirs / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match=r"holds no \*\.json: it is not replaced"), new_folder(theirs, "*.json"):
        pass
    (tmp_path / "file").write_text("a file")
    with pytest.raises(DataError, match="it is not replaced"), new_folder(tmp_path / "file", "*.json"):
        pass
    assert (theirs / "thesis.txt").read_text() == "years of work"
    assert (tmp_path / "file").read_text() == "a file"
