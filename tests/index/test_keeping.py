"""Which builds are kept, and the way back to each of them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import IndexFolderError
from core.settings import IndexSettings
from index import build as building
from index.build import build
from index.keeping import kept_builds, rollback, withdraw
from index.opening import open_index
from index.published import is_rolled_back
from tests.fakes import write_csv


def other(settings: IndexSettings, number: int, rows: int = 1) -> IndexSettings:
    """The settings with another file."""
    made = [(f"What is illness {number}.{row}?", f"Illness {number}.{row} is bad.") for row in range(rows)]
    return replace(settings, csv=str(write_csv(Path(settings.dir).parent / f"{number}.csv", made)))


def files(settings: IndexSettings) -> list[str]:
    return [each.csv for each in kept_builds(Path(settings.dir))]


def test_as_many_builds_are_kept_as_the_settings_say_the_newest_first(small_index: IndexSettings) -> None:
    settings = replace(small_index, keep_builds=3)
    for number in range(5):
        build(other(settings, number))
    assert files(settings) == ["4.csv", "3.csv", "2.csv"]
    assert len(list((Path(settings.dir) / "builds").iterdir())) == 3


def test_the_build_of_the_settings_own_file_is_never_thrown_away(small_index: IndexSettings) -> None:
    settings, own = replace(small_index, keep_builds=2), Path(small_index.csv)
    for number in range(5):
        build(other(settings, number), own=own)
    assert files(settings) == ["4.csv", "3.csv", "small.csv"]
    build(settings, own=own, force=True)
    build(settings, own=own, force=True)
    assert files(settings) == ["small.csv", "small.csv", "4.csv"]  # one on top, and no more


def test_any_kept_build_can_be_published_again_and_the_newer_ones_stay(small_index: IndexSettings) -> None:
    folder = Path(small_index.dir)
    for number in range(3):
        build(other(small_index, number))
    newest, second, first, own = (each.build for each in kept_builds(folder))
    assert rollback(folder, own) == own
    assert open_index(folder).manifest.csv == "small.csv"
    assert is_rolled_back(folder)
    rollback(folder, second)
    assert is_rolled_back(folder)  # older than the newest one: nobody replaces it unasked
    assert rollback(folder) == newest
    assert not is_rolled_back(folder)
    assert {each.build for each in kept_builds(folder)} == {newest, second, first, own}


@pytest.mark.parametrize("name", ["20261127T140200123456-abcdef", "../../etc", ".hidden"])
def test_a_build_that_is_not_kept_is_refused_and_nothing_changes(small_index: IndexSettings, name: str) -> None:
    folder = Path(small_index.dir)
    with pytest.raises(IndexFolderError, match="keeps no build"):
        rollback(folder, name)
    assert open_index(folder).manifest.csv == "small.csv"


def test_a_damaged_build_is_neither_listed_nor_published(small_index: IndexSettings) -> None:
    folder = Path(small_index.dir)
    first = open_index(folder).manifest.build
    build(other(small_index, 1))
    manifest = folder / "builds" / first / "manifest.json"
    manifest.write_text(json.dumps({"schema": 3}))
    assert files(small_index) == ["1.csv"]
    with pytest.raises(IndexFolderError, match="damaged"):
        rollback(folder, first)
    assert open_index(folder).manifest.csv == "1.csv"


def test_a_build_that_never_got_its_vectors_is_withdrawn(
    small_index: IndexSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "FEW", 1)
    folder = Path(small_index.dir)
    assert not withdraw(folder)
    build(other(small_index, 1, rows=20), words_only=True)
    assert not open_index(folder).manifest.complete
    assert withdraw(folder)
    assert open_index(folder).manifest.csv == "small.csv"
    assert files(small_index) == ["small.csv"]
    assert not is_rolled_back(folder)
