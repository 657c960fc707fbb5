"""What the documents name exists: links, commands with their options, modules, paths, settings, and figures."""

import contextlib
import importlib.util
import io
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import citewell
from bench.documents import TABLES, documents, fill
from core.settings import Settings, flat, load
from tests.conftest import ROOT
from tests.test_layers import ALLOWED

README = ROOT / "README.md"
MOST_LINES = 150
DOCUMENTS = documents()
MADE = ("artifacts", "models")
"""Folders that commands make."""

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.M | re.S)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.M)
_CALL = re.compile(r"\bcitewell((?: [a-z]+\b(?![./]))+)([^\n`#]*?)(?=\bcitewell |[\n`#]|$)")
_MODULE_CALL = re.compile(r"-m\s+((?:\w+)(?:\.\w+)*)([^\n`#]*)")
_OPTION = re.compile(r"(?<!\S)--[a-z][a-z-]*")
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*/?")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def prose_of(document: Path) -> str:
    return _FENCE.sub("", text_of(document))


def anchor(heading: str) -> str:
    """The name that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_all_documents_are_looked_at() -> None:
    names = {str(path.relative_to(ROOT)) for path in DOCUMENTS}
    assert {"README.md", "docs/measured.md", "generator/adapters/medquad/README.md", "data/train/README.md"} <= names


def test_the_readme_is_short() -> None:
    assert len(text_of(README).splitlines()) <= MOST_LINES


@each_document
def test_figures_are_those_of_their_files(document: Path) -> None:
    filled = fill(text_of(document), str(document.relative_to(ROOT)))
    assert [str(each) for each in (*filled.errors, *filled.stale)] == [], "to fill them: python -m bench.documents"


def test_every_table_is_shown() -> None:
    everything = "".join(map(text_of, DOCUMENTS))
    for name in tomllib.loads((ROOT / TABLES).read_text(encoding="utf-8")):
        assert f"<!-- table: {name} -->" in everything


@each_document
def test_links_and_pictures_lead_somewhere(document: Path) -> None:
    for link in _LINK.findall(prose_of(document)):
        if "://" in link:
            continue
        path, _, place = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        if place:
            assert place in map(anchor, _HEADING.findall(prose_of(target))), link


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, new = {README}, [README]
    while new:
        document = new.pop()
        for link in _LINK.findall(prose_of(document)):
            target = (document.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.is_file() and target not in reached:
                reached.add(target)
                new.append(target)
    assert set(DOCUMENTS) <= reached


@each_document
def test_commands_to_type_are_commands_of_a_shell(document: Path) -> None:
    for kind, block in _FENCE.findall(text_of(document)):
        if kind == "sh":
            checked = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, check=False)
            assert checked.returncode == 0, checked.stderr


@cache
def usage(words: tuple[str, ...]) -> str:
    """What `citewell WORDS --help` prints."""
    printed, failed = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(failed):
        try:
            status = citewell.main([*words, "--help"])
        except SystemExit as end:
            status = int(end.code or 0)
    assert not status, f"citewell {' '.join(words)} --help: {failed.getvalue()}"
    return printed.getvalue()


@each_document
def test_verbs_and_their_options_exist(document: Path) -> None:
    for words, rest in _CALL.findall(text_of(document)):
        on_ray = ("--ray", "auto") if "--ray" in rest.split() else ()  # another module then reads the options
        described = usage((*words.split(), *on_ray))
        for option in _OPTION.findall(rest):
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", described), f"citewell{words} has no {option}"


@each_document
def test_modules_to_run_and_their_options_exist(document: Path) -> None:
    for module, rest in _MODULE_CALL.findall(text_of(document)):
        if module.partition(".")[0] not in ALLOWED:
            assert importlib.util.find_spec(module.partition(".")[0]), module
            continue
        source = file_of(module, runnable=True)
        assert source is not None, module
        for option in _OPTION.findall(rest):
            assert f'"{option}"' in source.read_text(encoding="utf-8"), f"{module} has no {option}"


def file_of(module: str, *, runnable: bool = False) -> Path | None:
    """The file of a module, or None; of a package, the one that `python -m` runs or that an import reads."""
    path = ROOT.joinpath(*module.split("."))
    inner = path / ("__main__.py" if runnable else "__init__.py")
    return next((each for each in (path.with_suffix(".py"), inner) if each.is_file()), None)


def named(document: Path) -> Iterator[str]:
    """What stands between backticks in a document's sentences and tables, but for names of earlier times."""
    text = prose_of(document)
    old = text.find("## Old module names")
    yield from _CODE.findall(text if old < 0 else text[:old])


@each_document
def test_paths_that_are_named_exist(document: Path) -> None:
    for name in named(document):
        if "/" in name and _PATH.fullmatch(name) and name.partition("/")[0] not in MADE:
            assert (ROOT / name).exists() or (document.parent / name).exists(), name


@each_document
def test_modules_and_settings_that_are_named_exist(document: Path) -> None:
    settings = flat(load(environ={}, file=Path("no settings")))
    for name in named(document):
        package, dot, _ = name.partition(".")
        if dot and re.fullmatch(r"\w+(?:\.\w+)+", name) and package in {*ALLOWED, "history"}:
            assert name in settings or file_of(name) or (document.parent / name).is_file(), name


@each_document
def test_settings_files_that_are_shown_are_understood(document: Path) -> None:
    known = flat(Settings())
    for kind, block in _FENCE.findall(text_of(document)):
        if kind == "toml":
            for group, keys in tomllib.loads(block).items():
                for key, value in keys.items():
                    assert type(value) is type(known[f"{group}.{key}"]), f"{group}.{key}"


def test_the_map_of_files_is_right() -> None:
    (block,) = (block for kind, block in _FENCE.findall(text_of(README)) if kind == "text")
    paths = re.findall(r"(?<!\S)[\w/]+/(?=\s|$)|(?<!\S)\w+\.py\b", block)
    assert {f"{package}/" for package in ALLOWED} <= set(paths)
    for path in paths:
        assert (ROOT / path).exists(), path


def test_the_floors_are_those_that_are_held() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", text_of(ROOT / "docs/architecture.md"), re.M)
    described = {package: tuple(_CODE.findall(others)) for package, others in rows if package in ALLOWED}
    assert described == ALLOWED


def test_the_stranger_finds_the_line_that_decides() -> None:
    text = text_of(ROOT / "docs/architecture.md")
    path = text[text.index("## A stranger's path") : text.index("## Glossary")]
    (line,) = (block.strip() for kind, block in _FENCE.findall(path) if kind == "python")
    (file,) = (name for name in re.findall(r"^3\. `([\w/.]+)`", path, re.M))
    assert (ROOT / file).read_text(encoding="utf-8").count(line) == 1
