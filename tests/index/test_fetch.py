import csv
import io
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from core.errors import DataError
from index.fetch import download, fetch_medquad, main
from tests.servers import serve

XML = """<?xml version="1.0" encoding="UTF-8"?>
<Document id="1" source="TEST" url="https://example.org/{n}"><Focus>Thing {n}</Focus><QAPairs>
<QAPair pid="1"><Question qid="1-1" qtype="information">What is thing {n}?</Question>
<Answer>Thing {n} is a &amp; b. It "ends".</Answer></QAPair>
<QAPair pid="2"><Question qid="1-2" qtype="causes">Why?</Question><Answer/></QAPair>
</QAPairs></Document>"""


def archive() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for number in (2, 1):
            file.writestr(f"MedQuAD-master/1_Test/{number:07d}.xml", XML.format(n=number))
        file.writestr("MedQuAD-master/readme.txt", "hello")
    return data.getvalue()


class Server(BaseHTTPRequestHandler):
    content = archive()
    break_after: int | None = None
    ranges: list[str]

    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        requested = self.headers.get("Range", "")
        type(self).ranges.append(requested)
        start = int(requested.removeprefix("bytes=").rstrip("-") or 0)
        if requested and start >= len(self.content):
            self.send_error(416)
            return
        body = self.content[start:]
        self.send_response(206 if requested else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.break_after is not None:
            body, type(self).break_after = body[: self.break_after], None
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[str]:
    Server.ranges = []
    Server.break_after = None
    Server.content = archive()
    with serve(Server) as url:
        yield url


def test_the_archive_becomes_a_csv_with_all_metadata(told: list[str], server: str, tmp_path: Path) -> None:
    target = tmp_path / "medquad.csv"
    assert fetch_medquad(target, f"{server}/a.zip") == 2
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "question": "What is thing 1?",
        "answer": 'Thing 1 is a & b. It "ends".',
        "source": "TEST",
        "url": "https://example.org/1",
        "focus": "Thing 1",
        "question_type": "information",
    }
    assert any("bytes, SHA-256" in line for line in told)
    assert any("CC BY 4.0" in line for line in told)
    assert [file.name for file in tmp_path.iterdir()] == ["medquad.csv"]


def test_a_download_that_broke_off_is_resumed(told: list[str], server: str, tmp_path: Path) -> None:
    Server.break_after = 100
    with pytest.raises(DataError, match="run the same command again"):
        fetch_medquad(tmp_path / "m.csv", f"{server}/a.zip")
    assert fetch_medquad(tmp_path / "m.csv", f"{server}/a.zip") == 2
    assert Server.ranges == ["", "bytes=100-"]
    assert any("going on after 100 bytes" in line for line in told)


def test_a_partial_file_that_is_already_too_long_is_begun_again(server: str, tmp_path: Path) -> None:
    (tmp_path / "f.partial").write_bytes(b"x" * 10_000)
    download(f"{server}/a.zip", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == Server.content


@pytest.mark.parametrize("content", [b"this is no zip", archive()[:-30]])
def test_an_archive_that_is_none_is_removed(server: str, tmp_path: Path, content: bytes) -> None:
    Server.content = content
    with pytest.raises(DataError, match="did not send a whole MedQuAD archive"):
        fetch_medquad(tmp_path / "m.csv", f"{server}/a.zip")
    assert list(tmp_path.iterdir()) == []


def test_an_archive_without_pairs(server: str, tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("x.xml", '<!DOCTYPE d [<!ENTITY e "x">]><Document/>')
    Server.content = data.getvalue()
    with pytest.raises(DataError, match="holds no answered MedQuAD pairs"):
        fetch_medquad(tmp_path / "m.csv", f"{server}/a.zip")


def test_servers_that_refuse_or_are_not_there(server: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="answered 404"):
        fetch_medquad(tmp_path / "m.csv", f"{server}/missing")
    with pytest.raises(DataError, match="cannot download http://127.0.0.1:9/a: .*what has come is kept"):
        fetch_medquad(tmp_path / "m.csv", "http://127.0.0.1:9/a")


def test_the_command_says_what_to_do_next(server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "m.csv"
    assert main(["medquad", "--to", str(target), "--url", f"{server}/a.zip"]) == 0
    printed = capsys.readouterr().out
    assert f"wrote 2 questions with answers to {target}" in printed
    assert f"next: citewell build --csv {target}" in printed
