"""Where things are: the data that ships with CiteWell, and the one folder of what it makes.

A path that a person types is relative to the working directory, as is `citewell.toml`; every other path comes from
here. In a checkout, what CiteWell makes goes to its `artifacts` folder; where CiteWell is installed, to the user's own
folder for data. CITEWELL_HOME names another folder, and each setting of a path takes one thing out of it.
"""

import os
import sys
from pathlib import Path

HOME = "CITEWELL_HOME"
"""The variable that names the folder of artifacts."""
PACKAGES = Path(__file__).resolve().parent.parent
"""The folder that the packages lie in: a checkout, or site-packages."""


def shipped(name: str) -> Path:
    """A file or folder that ships beside the packages, such as `data/health_qa.csv`."""
    return _from_here(PACKAGES / name)


def artifacts(name: str = "") -> Path:
    """A file or folder that CiteWell makes, such as `index`; without a name, the folder of them all."""
    if given := os.environ.get(HOME):
        return Path(given, name)
    root = PACKAGES / "artifacts" if (PACKAGES / "pyproject.toml").is_file() else _user_data() / "citewell"
    return _from_here(root / name)


def _user_data() -> Path:
    """Where a user's programs keep their data: as Windows and macOS have it, else by the XDG Base Directory rules."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local")
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support"
    given = Path(os.environ.get("XDG_DATA_HOME", ""))
    return given if given.is_absolute() else Path.home() / ".local/share"  # the rules: ignore a relative one


def _from_here(path: Path) -> Path:
    """The path as seen from the working directory where it lies in it: messages then name it as a person would."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) and here != Path(here.anchor) else path
