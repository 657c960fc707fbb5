"""Known vulnerabilities are looked up, accepted until a day, and never stand in the way where there is no network."""

import json
import subprocess
from datetime import date
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from bench import advisories
from bench.advisories import Accepted, Vulnerability, main, read_accepted
from core.errors import CiteWellError, DataError
from tests.conftest import ROOT
from tests.servers import serve

TODAY = date(2026, 11, 28)
FAULT = Vulnerability("Left", "1.0", ("PYSEC-1", "CVE-1"), ("1.1",))


class Osv(BaseHTTPRequestHandler):
    """An advisory service that knows one vulnerability, of the package `left`."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = {
            "id": "PYSEC-1",
            "aliases": ["CVE-1"],
            "summary": "it leaks",
            "published": "2026-01-01T00:00:00Z",
            "affected": [
                {
                    "package": {"name": "left", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
                }
            ],
        }
        body = json.dumps({"vulns": [known]} if asked["package"]["name"] == "left" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def pinned(folder: Path, *lines: str) -> Path:
    path = folder / "pinned.txt"
    path.write_text("\n".join(lines))
    return path


def test_what_is_vulnerable_fails_until_it_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = pinned(tmp_path, "left==1.0", "right==2.0")
    with serve(Osv) as url:
        report = advisories.audit(url, file)
    monkeypatch.setattr(advisories, "audit", lambda service, requirements: report)
    accepted = tmp_path / "accepted.toml"
    monkeypatch.setattr(advisories, "read_accepted", lambda: read_accepted(accepted))
    accepted.write_text("")
    assert main([]) == 1
    printed = capsys.readouterr().out
    assert "left 1.0: PYSEC-1 (CVE-1); fixed in 1.1" in printed
    assert "2 packages looked up" in printed
    accepted.write_text(
        '[[accepted]]\nid = "CVE-1"\npackage = "left"\non = 2026-11-28\nuntil = 2999-01-01\nwhy = "not called"\n'
    )
    assert main([]) == 0
    assert "0 known vulnerabilities, 1 accepted" in capsys.readouterr().out


def test_without_the_service_a_line_says_so_and_nothing_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--requirements", str(pinned(tmp_path, "left==1.0")), "--service", "http://127.0.0.1:9"]) == 0
    assert "http://127.0.0.1:9 cannot be reached; no package was looked up" in capsys.readouterr().out


def test_an_audit_that_fails_for_another_reason_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1, stdout="", stderr="Traceback:\nNo module named pip_audit")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(CiteWellError, match="pip-audit failed: No module named pip_audit"):
        main([])


@pytest.mark.parametrize(
    ("id_", "package", "until", "holds"),
    [
        ("PYSEC-1", "left", date(2026, 12, 1), True),
        ("CVE-1", "left", date(2026, 12, 1), True),
        ("CVE-1", "left", TODAY, False),
        ("CVE-1", "right", date(2026, 12, 1), False),
        ("CVE-2", "left", date(2026, 12, 1), False),
    ],
)
def test_an_accepted_one_holds_for_its_package_until_its_day(id_: str, package: str, until: date, holds: bool) -> None:
    assert FAULT.is_accepted([Accepted(id_, package, TODAY, until, "why")], TODAY) is holds


def test_an_entry_without_a_reason_or_a_date_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "accepted.toml"
    file.write_text('[[accepted]]\nid = "CVE-1"\npackage = "left"\non = 2026-11-28\nuntil = 2027-11-28\n')
    with pytest.raises(DataError, match="expected id, package, on and until"):
        read_accepted(file)
    assert all(entry.why and entry.on < entry.until for entry in read_accepted())


def test_every_wheel_of_weights_is_pinned_by_its_hash() -> None:
    lines = [
        line for line in (ROOT / "requirements-weights.txt").read_text().splitlines() if line and line[0] not in "#"
    ]
    assert len(lines) == 7
    assert all(len(line.partition(" --hash=sha256:")[2]) == 64 for line in lines)
    assert "--require-hashes -r requirements-weights.txt" in (ROOT / "Makefile").read_text()
