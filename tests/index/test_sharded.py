"""Shards built in one process: what their search finds is what an index of everything finds, scores and all."""

import dataclasses
import json
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError, IndexFolderError
from core.seals import unsealed
from core.settings import IndexSettings, RagSettings
from index.build import build
from index.builds import check_build
from index.corpus import read_corpus
from index.embedders import load_embedder
from index.embedders.base import Done
from index.files.folder import NAME, Reading, written_readings
from index.opening import open_index
from index.published import published_build
from index.sharded import steps
from index.sharded.build import InThisProcess, build_shards
from rag.search.parts import join_parts, open_whole, search_part
from rag.search.results import SearchResult
from rag.search.retriever import IndexRetriever
from tests.conftest import ROOT
from tests.fakes import WordEmbedder, write_csv

QUESTIONS = ("What is illness 12?", "signs and a cause", "which number is common", "cause 3")
HEADER = ("question", "answer", "source")
ROWS = [
    (
        f"What is illness {n % 90}?",
        f"Illness {n % 37} is common, number {n}. It has {n % 5} signs. Its cause is {n % 7}.",
        "a" if n % 3 else "b",
    )
    for n in range(200)
]
"""Many questions and words are equal, so that many scores are."""


@pytest.fixture
def settings(tmp_path: Path, word_embedder: WordEmbedder) -> IndexSettings:
    file = write_csv(tmp_path / "rows.csv", ROWS, HEADER)
    return IndexSettings(csv=str(file), dir=str(tmp_path / "many"), passage_tokens=20)


def _shards(settings: IndexSettings, count: int = 3, *files: str, force: bool = False) -> str:
    embedder = WordEmbedder()
    return build_shards(settings, files or [settings.csv], count, embedder, InThisProcess(embedder), force)


def _retriever(folder: str | Path) -> IndexRetriever:
    return IndexRetriever(index=open_index(Path(folder)), embedder=WordEmbedder(), settings=RagSettings(k=5))


def _found(retriever: IndexRetriever, found: SearchResult) -> list[tuple[str, str, float, dict[str, float]]]:
    hits = [(retriever._hit(each), each) for each in found.candidates]
    return [(hit.passage_id, hit.question, each.fused, each.scores) for hit, each in hits]


def _whole(settings: IndexSettings, tmp_path: Path) -> IndexRetriever:
    whole = dataclasses.replace(settings, dir=str(tmp_path / "one"))
    assert build(whole)
    return _retriever(whole.dir)


@pytest.mark.parametrize("filters", [{}, {"source": "b"}])
def test_shards_find_what_an_index_of_everything_finds_with_the_same_scores(
    settings: IndexSettings, tmp_path: Path, filters: dict[str, str]
) -> None:
    one = _whole(settings, tmp_path)
    _shards(settings)
    many = _retriever(settings.dir)
    assert len({len(index.records) for index in (one.index, many.index)}) == 1
    for question in QUESTIONS:
        expected, got = (each.find(each.read(question), filters) for each in (one, many))
        assert _found(many, got) == _found(one, expected)
        assert len(expected.candidates) > 20
        assert np.array_equal(got.signals, expected.signals)
        assert got.background == expected.background


@pytest.mark.parametrize("vectors", ["auto", "sq8"])
def test_a_file_of_fewer_records_than_shards_leaves_some_of_them_empty(settings: IndexSettings, vectors: str) -> None:
    write_csv(Path(settings.csv), ROWS[:3], HEADER)
    _shards(dataclasses.replace(settings, vectors=vectors), 9)
    many = _retriever(settings.dir)
    counts = [shard["records"] for shard in many.index.manifest.shards]
    assert (sum(counts), len(counts)) == (3, 9)
    assert _found(many, many.find(many.read(ROWS[1][0])))[0][1] == ROWS[1][0]


def test_what_distant_shards_send_joins_to_the_same(settings: IndexSettings, tmp_path: Path) -> None:
    one = _whole(settings, tmp_path)
    _shards(settings)
    build_folder = published_build(Path(settings.dir))
    manifest = check_build(build_folder)
    places = np.load(build_folder / "places.npy")
    whole = open_whole(build_folder, manifest)
    starts = np.cumsum([0, *(shard["records"] for shard in manifest.shards)])
    opened = [open_index(build_folder / "shards" / shard["name"]) for shard in manifest.shards]

    class Far(IndexRetriever):
        def _run_stages(self, query, vector, filters):  # type: ignore[no-untyped-def]
            parts = {
                n: search_part(index, places[starts[n] : starts[n + 1]], query, vector, filters)
                for n, index in enumerate(opened)
            }
            self.index, stages = join_parts(whole, {n: part for n, part in parts.items() if part is not None})
            return stages

    far = Far(index=whole, embedder=WordEmbedder(), settings=RagSettings(k=5))
    for question in QUESTIONS:
        expected, got = (each.find(each.read(question)) for each in (one, far))
        assert _found(far, got) == _found(one, expected)
        assert np.array_equal(got.signals, expected.signals)
        assert got.background == expected.background


def test_the_same_input_has_the_same_hash_and_another_has_not(settings: IndexSettings, tmp_path: Path) -> None:
    first = _shards(settings)
    assert _shards(settings) == first  # up to date
    assert _shards(settings, force=True) == first
    assert _shards(settings, 4) != first
    write_csv(Path(settings.csv), ROWS[:-1], HEADER)
    assert _shards(settings) != first


def test_files_folders_and_patterns_are_read_in_order_and_their_equal_answers_merged(
    settings: IndexSettings, tmp_path: Path
) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    for number in range(3):
        write_csv(folder / f"{number}.csv", ROWS[number * 60 : number * 60 + 80], HEADER)
    from_folder = _shards(settings, 2, str(folder))
    assert _shards(settings, 2, str(folder / "*.csv")) == from_folder
    one = open_index(Path(_one_file(settings, tmp_path).dir))
    many = open_index(Path(settings.dir))
    assert {record.id: record for record in many.records.values()} == dict(one.records)
    assert many.manifest.rows == 240
    assert many.manifest.merged == 40
    with pytest.raises(DataError, match=r"no file at .*\*.txt; expected a file, a folder"):
        _shards(settings, 2, str(folder / "*.txt"))


def test_a_folder_is_read_in_one_way_whatever_the_number_of_shards(settings: IndexSettings, tmp_path: Path) -> None:
    """`reading.json` holds, and so does the list of endings: a note beside the files is none of them."""
    folder = tmp_path / "rows"
    folder.mkdir()
    write_csv(folder / "a.csv", ROWS[:60], ("x", "y", "z"))
    write_csv(folder / "b.txt", ROWS[60:90], HEADER)
    (folder / "notes.md").write_text("questions of the ward")
    (folder / NAME).write_bytes(written_readings({"a.csv": Reading("x", "y")}))
    _shards(settings, 2, str(folder))
    many = open_index(Path(settings.dir))
    alone = read_corpus(folder)
    assert {record.id for record in many.records.values()} == {record.id for record in alone.records}
    assert many.manifest.rows == alone.rows == 90
    assert alone.notes[0].startswith("notes.md is left out")
    first = check_build(published_build(Path(settings.dir))).csv_sha256
    (folder / NAME).write_bytes(written_readings({"a.csv": Reading("y", "x")}))
    _shards(settings, 2, str(folder))
    assert check_build(published_build(Path(settings.dir))).csv_sha256 != first
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match=r"holds no file that is read; .* end in csv, tsv, txt"):
        _shards(settings, 2, str(tmp_path / "none"))


def test_shards_elsewhere_know_the_language_of_the_file(settings: IndexSettings, tmp_path: Path) -> None:
    rows = [
        (f"Was ist Krankheit {n}?", f"Diese Krankheit hat die Nummer {n} und ist sehr ansteckend.") for n in range(9)
    ]
    _shards(settings, 2, str(write_csv(tmp_path / "german.csv", rows)))
    build_folder = published_build(Path(settings.dir))
    manifest = check_build(build_folder)
    assert manifest.language == "de"
    of_before = dataclasses.replace(manifest, language="")
    assert [open_whole(build_folder, each).language for each in (manifest, of_before)] == ["de", "de"]


def _one_file(settings: IndexSettings, tmp_path: Path) -> IndexSettings:
    file = write_csv(tmp_path / "joined.csv", ROWS, HEADER)
    joined = dataclasses.replace(settings, csv=str(file), dir=str(tmp_path / "joined"))
    assert build(joined)
    return joined


@pytest.mark.parametrize("killed", ["cut_shard", "embed_block", "write_shard"])
def test_a_build_killed_in_a_step_continues_and_gives_the_same(
    settings: IndexSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    expected = _shards(dataclasses.replace(settings, dir=str(tmp_path / "quiet")))
    step: Callable[..., object] = getattr(steps, killed)
    calls: list[int] = []

    def dies(plan: object, embedder: object, *at: int) -> object:
        calls.append(at[0])
        if len(calls) == 2:
            raise KeyboardInterrupt
        return step(plan, embedder, *at)

    with monkeypatch.context() as patched:
        patched.setattr(f"index.sharded.build.{killed}", dies)
        with pytest.raises(KeyboardInterrupt):
            _shards(settings)
    with pytest.raises(IndexFolderError, match="no index at"):
        open_index(Path(settings.dir))
    monkeypatch.setattr("index.sharded.steps.read_corpus", lambda *_: pytest.fail("a file was read again"))
    assert _shards(settings) == expected
    assert not (Path(settings.dir) / "work").exists()


def test_a_shard_that_is_missing_damaged_or_another_one_is_named(settings: IndexSettings, tmp_path: Path) -> None:
    _shards(settings)
    folder = Path(settings.dir)
    shards = published_build(folder) / "shards"
    shutil.copytree(shards, tmp_path / "kept")
    file = next((shards / "001").rglob("vectors.faiss"))
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(IndexFolderError, match=r"shard 001 of 3 cannot be opened: .*vectors.faiss is damaged"):
        open_index(folder)
    shutil.rmtree(shards / "001")
    with pytest.raises(IndexFolderError, match="shard 001 of 3 cannot be opened: no index at"):
        open_index(folder)
    shutil.copytree(tmp_path / "kept" / "002", shards / "001")
    with pytest.raises(IndexFolderError, match="shard 001 of 3 at .* is not the one that was built"):
        open_index(folder)
    manifest = next((shards / "001").rglob("manifest.json"))
    manifest.write_text(json.dumps({**unsealed(manifest.read_text()), "embedder": "other@1"}))
    with pytest.raises(IndexFolderError, match="shard 001 of 3 was made with the embedder other@1, the others"):
        open_index(folder)


def test_compressed_shards_are_searched_as_well(settings: IndexSettings) -> None:
    _shards(dataclasses.replace(settings, vectors="sq8"))
    retriever = _retriever(settings.dir)
    hit = retriever.search("What is illness 12?").hits[0]
    assert hit.question == "What is illness 12?"
    assert next(Path(settings.dir).rglob("vectors.npy")).is_file()


def test_of_two_builds_of_one_folder_the_second_waits_and_has_nothing_to_do(
    settings: IndexSettings, told: list[str]
) -> None:
    class Slow(WordEmbedder):
        def embed(self, texts: Sequence[str], done: Done | None = None) -> np.ndarray:
            begun.set()
            time.sleep(1)
            return super().embed(texts, done)

    begun, built = threading.Event(), []
    slow = Slow()
    first = threading.Thread(
        target=lambda: built.append(build_shards(settings, [settings.csv], 2, slow, InThisProcess(slow)))
    )
    first.start()
    assert begun.wait(30)
    built.append(_shards(settings, 2))
    first.join(30)
    assert built[0] == built[1]
    assert any("another build of" in line and "is running" in line for line in told)
    assert any("is up to date with its 1 files" in line for line in told)


@pytest.mark.weights
def test_with_the_real_embedder_shards_and_the_whole_find_the_same(tmp_path: Path) -> None:
    """Texts are embedded in other batches, which changes the last bits of their vectors, and no more."""
    lines = (ROOT / "data/health_qa.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "some.csv").write_text("".join(lines[:41]), encoding="utf-8")
    settings = IndexSettings(csv=str(tmp_path / "some.csv"), dir=str(tmp_path / "many"))
    embedder = load_embedder(settings)
    build_shards(settings, [settings.csv], 3, embedder, InThisProcess(embedder))
    assert build(dataclasses.replace(settings, dir=str(tmp_path / "one")))
    one, many = (
        IndexRetriever(index=open_index(tmp_path / name), embedder=embedder, settings=RagSettings(k=5))
        for name in ("one", "many")
    )
    for record in list(one.index.records.values())[::8]:
        expected, got = (each.find(each.read(record.question)) for each in (one, many))
        for (mine, _, fused, scores), (true, _, true_fused, true_scores) in zip(
            _found(many, got)[:3], _found(one, expected)[:3], strict=True
        ):
            assert mine == true
            assert fused == pytest.approx(true_fused, abs=1e-3)
            assert scores == pytest.approx(true_scores, abs=2e-3)
