import dataclasses
import json
from pathlib import Path

import pytest

from core.errors import DataError, IndexFolderError
from core.seals import unsealed
from core.settings import IndexSettings
from index.build import build
from index.opening import open_index
from index.ranking import DEFAULT, find_ranking, read_ranking
from rag.search.answerable import SIGNALS
from tests.fakes import WordEmbedder


def test_the_shipped_ranking_is_whole_and_goes_into_the_index(small_index: IndexSettings) -> None:
    shipped = read_ranking(DEFAULT.read_bytes(), "shipped")
    build(dataclasses.replace(small_index, ranking=str(DEFAULT)))
    assert shipped.topic_votes > 0
    assert shipped.answerability.signals == SIGNALS
    assert open_index(Path(small_index.dir)).ranking == shipped
    assert read_ranking(shipped.to_json().encode(), "again") == shipped


@pytest.mark.parametrize(
    "change",
    [
        {"weights": {"headed": 1.0}},
        {"weights": {"headed": -1.0, "question": 1.0, "lexical": 1.0}},
        {"surprise": 1},
        {"answerability": None},
    ],
)
def test_a_ranking_that_is_not_whole(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps({**json.loads(DEFAULT.read_text()), **change}))
    with pytest.raises(DataError, match=r"is no ranking file .*; fit one: citewell evaluate search fit --to"):
        find_ranking(str(path))


def test_signals_and_coefficients_must_agree_in_number(tmp_path: Path) -> None:
    values = json.loads(DEFAULT.read_text())
    values["answerability"]["coefficients"].append(1.0)
    with pytest.raises(DataError, match="differ in number"):
        read_ranking(json.dumps(values).encode(), "r.json")


def test_the_shipped_ranking_keeps_the_ranges_that_it_was_fitted_on(tmp_path: Path) -> None:
    values = json.loads(DEFAULT.read_text())
    size = SIGNALS.index("file_size")
    fitted = values["answerability"]
    assert [round(10 ** fitted[end][size]) for end in ("low", "high")] == [228, 16359]
    assert all(
        low <= mean <= high for low, mean, high in zip(fitted["low"], fitted["mean"], fitted["high"], strict=True)
    )
    fitted["low"].append(0.0)
    with pytest.raises(DataError, match="their ranges differ in number"):
        read_ranking(json.dumps(values).encode(), "r.json")


def test_no_ranking_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no ranking at .*; fit one"):
        find_ranking(str(tmp_path / "none.json"))


def test_another_ranking_is_taken_up_by_the_next_build(
    small_index: IndexSettings, tmp_path: Path, word_embedder: WordEmbedder
) -> None:
    assert not build(small_index)
    path = tmp_path / "r.json"
    path.write_text(json.dumps({**json.loads(DEFAULT.read_text()), "rrf_k": 33.0}))
    assert build(dataclasses.replace(small_index, ranking=str(path)))
    assert open_index(Path(small_index.dir)).ranking.rrf_k == 33.0


def test_an_index_of_before_is_refused_with_the_command_that_rebuilds_it(small_index: IndexSettings) -> None:
    from index.published import published_build

    file = published_build(Path(small_index.dir)) / "manifest.json"
    file.write_text(json.dumps({**unsealed(file.read_text()), "schema": 1}))
    with pytest.raises(
        IndexFolderError, match=r"schema version 1, this CiteWell reads 2, 3 and 4; build it: citewell build"
    ):
        open_index(Path(small_index.dir))
