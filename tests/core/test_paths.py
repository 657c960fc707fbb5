"""Where files are, in a checkout and where CiteWell is installed."""

import sys
from pathlib import Path

import pytest

from core import paths
from core.settings import load
from tests.conftest import ROOT


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The packages lie where no checkout is, and the user has a folder of data."""
    monkeypatch.setattr(paths, "PACKAGES", tmp_path / "site-packages")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    return tmp_path


def test_in_a_checkout_everything_is_in_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    assert str(paths.artifacts("index")) == "artifacts/index"
    assert str(paths.shipped("data/health_qa.csv")) == "data/health_qa.csv"
    monkeypatch.chdir(tmp_path)
    assert paths.artifacts("index") == ROOT / "artifacts/index"
    assert paths.shipped("data/health_qa.csv") == ROOT / "data/health_qa.csv"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the folder is another")
def test_installed_the_user_has_a_folder(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert paths.shipped("data/health_qa.csv") == installed / "site-packages/data/health_qa.csv"
    assert paths.artifacts("index") == installed / "share/citewell/index"
    assert paths.artifacts() == installed / "share/citewell"
    monkeypatch.setenv("XDG_DATA_HOME", "share")  # not absolute, so not valid
    monkeypatch.setenv("HOME", str(installed))
    assert paths.artifacts("index") == installed / ".local/share/citewell/index"
    monkeypatch.chdir("/")
    assert paths.artifacts("index").is_absolute()


@pytest.mark.usefixtures("installed")
def test_a_variable_names_another_folder_as_it_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITEWELL_HOME", "elsewhere")
    assert str(paths.artifacts("runs")) == "elsewhere/runs"
    assert load().rag.k == 3  # it is no setting
    monkeypatch.setenv("CITEWELL_HOME", "")
    assert paths.artifacts("runs").is_absolute()


def test_what_a_person_types_stays_relative_to_the_working_directory(tmp_path: Path) -> None:
    file = tmp_path / "citewell.toml"
    file.write_text('[index]\ncsv = "my.csv"\n')
    settings = load({"index.dir": "mine"}, file=file)
    assert (settings.index.csv, settings.index.dir) == ("my.csv", "mine")
