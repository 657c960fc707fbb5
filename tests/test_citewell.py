"""The one command: its verbs, what it says where a word is wrong, and that a verb costs only what it imports."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import citewell
from bench.commands import FILE, page, parser_of
from core.command import of_its_own
from tests.conftest import ROOT


def said(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert citewell.main(words) == status
    captured = capsys.readouterr()
    return captured.err if status else captured.out


@pytest.mark.parametrize("verb", citewell.NAMES.values(), ids=lambda verb: verb.name)
def test_a_verb_has_help_of_its_own(verb: citewell.Verb, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        citewell.main([*verb.name.split(), "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"usage: citewell {verb.name} ")
    assert f"\ncitewell {verb.name}" in printed  # an example
    assert "option_strings" not in printed  # what argparse puts in the place of a single % sign


def test_the_help_lists_every_verb_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    printed = said(capsys, "--help")
    assert printed == said(capsys)
    for verb in citewell.NAMES.values():
        assert re.search(rf"^  {verb.name} +{verb.does}$", printed, re.MULTILINE)
    assert max(map(len, printed.splitlines())) <= 100


def test_the_two_words_of_a_verb_may_be_asked_for_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    printed = said(capsys, "evaluate")
    assert printed == said(capsys, "evaluate", "--help")
    assert "evaluate audit" in printed
    assert "build" not in printed


@pytest.mark.parametrize(
    ("words", "begin", "listed"),
    [
        (["biuld"], "error: unknown verb 'biuld' (did you mean 'build'?); verbs: build, ask, page, serve, ", 33),
        (["zzz"], "error: unknown verb 'zzz'; verbs: build, ask, ", 33),
        (["evaluate", "serch"], "error: unknown verb 'evaluate serch' (did you mean 'evaluate search'?); verbs: ", 8),
        (["--quiet"], "error: unknown verb '--quiet'; verbs: ", 33),
    ],
)
def test_an_unknown_verb_ends_with_one_line(
    words: list[str], begin: str, listed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    line = said(capsys, *words, status=2)
    assert line.startswith(begin)
    assert len(line.rpartition("verbs: ")[2].split(", ")) == listed
    assert line.count("\n") == 1


def test_what_a_verb_raises_and_returns_comes_through(tmp_path: Path) -> None:
    """Also from a folder that is no checkout, and whatever modules that folder holds."""
    (tmp_path / "core.py").write_text("raise SystemExit('the wrong core')")
    receipt = [*of_its_own("receipt", "html"), "none.json", "--to", "page.html"]
    ended = subprocess.run(receipt, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: cannot read none.json")


def test_the_overview_imports_no_library() -> None:
    look = "import sys, citewell; citewell.main(['--help']); print({'numpy', 'torch', 'argparse'} & {*sys.modules})"
    printed = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed.endswith("{'argparse'}\n")


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--version") == f"citewell {citewell.__version__}\n"


def test_a_parser_is_found_before_its_command_does_anything() -> None:
    assert set(parser_of(citewell.NAMES["receipt"]).subcommands()) == {"verify", "html", "schema"}


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="argparse words its usage otherwise in other versions")
def test_the_page_of_commands_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert page() == FILE.read_text(encoding="utf-8"), "write it again: python -m bench.commands"
