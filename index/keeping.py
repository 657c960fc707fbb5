"""Which build is published, and which are kept beside it, so that people can go back to them."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from core.errors import IndexFolderError
from core.files import write_atomic
from index.builds import check_build, read_manifest
from index.published import CURRENT, PREVIOUS, pointed
from index.reader import Manifest


@dataclass(frozen=True)
class Keeping:
    """How many complete builds are kept, the published one among them; that of the settings' own file comes on top."""

    builds: int = 5
    own: Path | None = None
    """The file that the settings name."""


def publish(folder: Path, build: Path, keeping: Keeping) -> None:
    """Make `build` the one that readers open, remember the complete one before it, and delete what is not kept."""
    before = pointed(folder / CURRENT)
    if before and before != build.name and _is_complete(folder / "builds" / before):
        write_atomic(folder / PREVIOUS, before)
    write_atomic(folder / CURRENT, build.name)
    _forget(folder, keeping)


def kept_builds(folder: Path) -> list[Manifest]:
    """The builds that can be published, the newest first: the complete ones, and the published one whatever it is."""
    current, found = pointed(folder / CURRENT), []
    for path in _newest_first(folder):
        try:
            manifest = read_manifest(path)
        except IndexFolderError:
            continue
        if manifest.complete or path.name == current:
            found.append(manifest)
    return found


def rollback(folder: Path, build: str = "") -> str:
    """Publish an earlier build again and return its name; without one, that which was published before.

    A second call goes forward again. It also repairs a folder whose pointer to the published build is damaged.

    Raises:
        IndexFolderError: there is no such build, or it is damaged.
    """
    previous, current = pointed(folder / PREVIOUS), pointed(folder / CURRENT)
    target = build or previous
    if not build and not previous:
        raise IndexFolderError(f"{folder} keeps no previous build; build one: citewell build --index {folder}")
    if target not in {path.name for path in _newest_first(folder)}:
        raise IndexFolderError(f"{folder} keeps no build {target[:40]!r} any more; choose another one")
    if target == current:
        return current
    check_build(folder / "builds" / target)
    write_atomic(folder / CURRENT, target)
    if current:  # the newest one stays in sight: a folder that was rolled back is known by it
        write_atomic(folder / PREVIOUS, previous if previous > max(target, current) else current)
    else:
        (folder / PREVIOUS).unlink(missing_ok=True)
    return target


def withdraw(folder: Path) -> bool:
    """Publish the complete build before again where the published one never got its vectors; whether it did."""
    current, previous = pointed(folder / CURRENT), pointed(folder / PREVIOUS)
    if not current or not previous or _is_complete(folder / "builds" / current):
        return False
    check_build(folder / "builds" / previous)
    write_atomic(folder / CURRENT, previous)
    (folder / PREVIOUS).unlink()
    shutil.rmtree(folder / "builds" / current, ignore_errors=True)
    return True


def _forget(folder: Path, keeping: Keeping) -> None:
    complete = [each for each in kept_builds(folder) if each.complete]
    own = [each.build for each in complete if keeping.own and Path(each.csv_path) == keeping.own.absolute()]
    newest = [each.build for each in complete if each.build not in own[:1]]
    keep = {pointed(folder / CURRENT), pointed(folder / PREVIOUS), *own[:1], *newest[: keeping.builds]}
    for old in _newest_first(folder):
        if old.name not in keep:
            shutil.rmtree(old, ignore_errors=True)


def _newest_first(folder: Path) -> list[Path]:
    """All builds; a name begins with its time."""
    builds = folder / "builds"
    return sorted((path for path in builds.iterdir() if path.name[0] != "."), reverse=True) if builds.is_dir() else []


def _is_complete(build: Path) -> bool:
    """Whether a build that no longer is the published one is worth keeping: one of words alone never is."""
    try:
        return read_manifest(build).complete
    except IndexFolderError:
        return True
