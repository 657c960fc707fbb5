import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.errors import IndexFolderError
from core.settings import IndexSettings
from index import build as building
from index import checkpoint, embedded
from index.build import build
from index.checkpoint import NAME, Checkpoint
from index.embedders.base import Done
from index.keeping import rollback
from index.opening import open_index
from index.published import PREVIOUS, pointed, published_build
from index.status import EmbeddingStatus, clear_status, read_status, write_status
from tests.conftest import ROOT
from tests.fakes import ROWS, WordEmbedder, write_csv

HEADER = ("question", "answer", "source")
MANY = [(f"What is illness {n}?", f"Illness {n} is number {n}. It lasts {n} days.", "made") for n in range(40)]


@pytest.fixture
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of more than ten texts are large, and every batch is committed."""
    monkeypatch.setattr(building, "FEW", 10)
    monkeypatch.setattr(checkpoint, "COMMIT_S", 0.0)
    monkeypatch.setattr(embedded, "TOGETHER", 8)


@pytest.fixture
def large(tmp_path: Path, word_embedder: WordEmbedder, _large: None) -> IndexSettings:
    """A file of 40 records that is not indexed yet."""
    return IndexSettings(csv=str(write_csv(tmp_path / "many.csv", MANY, HEADER)), dir=str(tmp_path / "many"))


def counted(
    monkeypatch: pytest.MonkeyPatch,
    embedder: WordEmbedder,
    *,
    fail_after: int = 10**9,
    error: BaseException | None = None,
) -> list[str]:
    """The texts that are embedded from here on; after so many of them the embedder fails."""
    texts_seen: list[str] = []

    def embed(texts: list[str], done: Done | None = None) -> np.ndarray:
        def each(rows: Sequence[int], vectors: np.ndarray) -> None:
            if len(texts_seen) >= fail_after and error is not None:
                raise error
            texts_seen.extend(texts[row] for row in rows)
            if done is not None:
                done(rows, vectors)

        return WordEmbedder().embed(texts, each)

    monkeypatch.setattr(embedder, "embed", embed)
    return texts_seen


def test_vectors_are_found_by_their_text_and_embedder(tmp_path: Path) -> None:
    vectors = WordEmbedder().embed(["gout", "acne"])
    with Checkpoint(tmp_path, "words@1", 256) as kept:
        kept.add(["gout", "acne"], vectors)
    with Checkpoint(tmp_path, "words@1", 256) as kept:
        found = kept.known(["acne", "measles", "gout"])
        assert list(found) == ["acne", "gout"]
        assert np.allclose(found["gout"], vectors[0], atol=1e-3)
    with Checkpoint(tmp_path, "words@2", 256) as kept:
        assert kept.known(["acne"]) == {}  # of another embedder
    with Checkpoint(tmp_path, "words@1", 128) as kept:
        assert kept.known(["acne"]) == {}  # of another width
    Checkpoint.remove(tmp_path)
    assert not Checkpoint.exists(tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("content", [b"no database at all", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_checkpoint_is_begun_again(told: list[str], tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with Checkpoint(tmp_path, "words@1", 256) as kept:
        kept.add(["gout"], WordEmbedder().embed(["gout"]))
        assert list(kept.known(["gout"])) == ["gout"]
    assert len(told) == 1
    assert "is damaged" in told[0]


def test_a_checkpoint_that_is_cut_off_loses_no_build(
    large: IndexSettings, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted(monkeypatch, word_embedder, fail_after=40, error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        build(large)
    file = Path(large.dir) / NAME
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    texts = counted(monkeypatch, word_embedder)
    assert build(large)
    assert len(texts) <= 80
    assert open_index(Path(large.dir)).embedded


def test_a_full_disk_keeps_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "COMMIT_S", 0.0)
    with Checkpoint(tmp_path, "words@1", 256) as kept:
        kept.add(["gout"], WordEmbedder().embed(["gout"]))
    kept = Checkpoint(tmp_path, "words@1", 256)
    pages = kept._database.execute("PRAGMA page_count").fetchone()[0]
    kept._database.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own "database or disk is full"
    texts = [f"illness {n}" for n in range(500)]
    with pytest.raises(IndexFolderError, match="disk is full.; what was embedded before is kept; free space"):
        kept.add(texts, WordEmbedder().embed(texts))
    kept._database.close()
    with Checkpoint(tmp_path, "words@1", 256) as kept:
        assert list(kept.known(["gout"])) == ["gout"]


def test_a_large_file_is_searched_by_words_before_it_is_embedded(
    told: list[str], large: IndexSettings, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, EmbeddingStatus | None]] = []
    embed = word_embedder.embed

    def watched(texts: list[str], done: Done | None = None) -> np.ndarray:
        seen.append((open_index(Path(large.dir)).embedded, read_status(Path(large.dir))))
        return embed(texts, done)

    monkeypatch.setattr(word_embedder, "embed", watched)
    assert build(large)
    assert len(seen) == 10  # 80 texts, eight at a time
    assert not any(complete for complete, _ in seen)
    reached = [status.done for _, status in seen if status is not None]
    assert reached == sorted(reached)
    assert 0 < reached[-1] < 80
    index = open_index(Path(large.dir))
    assert index.embedded
    assert read_status(Path(large.dir)) is None
    assert not Checkpoint.exists(Path(large.dir))
    assert f"published {large.dir} to be searched by words alone: questions can be asked now" in told
    assert sorted(os.listdir(Path(large.dir) / "builds")) == [index.manifest.build]
    assert not build(large)


def test_a_build_of_words_is_completed_by_the_next_one_without_reading_the_file_again(
    large: IndexSettings, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert build(large, words_only=True)
    words = open_index(Path(large.dir))
    assert not words.embedded
    assert words.search(word_embedder.embed(["illness"]), k=3) == [[]]
    monkeypatch.setattr("index.words.read_corpus", lambda *_: pytest.fail("the file was read again"))
    assert build(large)
    complete = open_index(Path(large.dir))
    assert complete.embedded
    assert complete.passages == words.passages


@pytest.mark.usefixtures("_large")
def test_what_was_complete_stays_for_a_roll_back_and_serves_while_little_changes(
    small_index: IndexSettings, csv_file: Path, word_embedder: WordEmbedder
) -> None:
    folder = Path(small_index.dir)
    before = published_build(folder).name
    write_csv(csv_file, [*ROWS, *MANY], HEADER)
    assert build(small_index, words_only=True)
    assert pointed(folder / PREVIOUS) == before
    assert build(small_index)
    assert pointed(folder / PREVIOUS) == before  # and not the build of words
    write_csv(csv_file, [*ROWS, *MANY, *MANY[:1]], HEADER)  # the same texts in a file that differs
    assert build(small_index, words_only=True)
    assert open_index(folder).embedded  # nothing was to be embedded: complete at once
    rollback(folder)
    assert len(open_index(folder).records) == len(ROWS) + len(MANY)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device"), RuntimeError("broke")])
def test_a_build_that_ends_early_computes_nothing_twice(
    told: list[str],
    error: BaseException,
    large: IndexSettings,
    word_embedder: WordEmbedder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = counted(monkeypatch, word_embedder, fail_after=50, error=error)
    with pytest.raises(type(error)):
        build(large)
    assert not open_index(Path(large.dir)).embedded  # it serves by its words
    if isinstance(error, KeyboardInterrupt):
        assert told[-1] == "50 of 80 texts are embedded and kept; the same command continues from there"
    second = counted(monkeypatch, word_embedder)
    assert build(large)
    assert len(first) + len(second) == 80
    assert not set(first) & set(second)
    index = open_index(Path(large.dir))
    expected = WordEmbedder().embed(embedded.headed_texts(index))
    assert np.allclose(index.all_vectors(), expected, atol=1e-3)


def test_force_takes_nothing_from_the_checkpoint(
    large: IndexSettings, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted(monkeypatch, word_embedder, fail_after=50, error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        build(large)
    texts = counted(monkeypatch, word_embedder)
    assert build(large, force=True)
    assert len(texts) == 80


def test_a_build_ends_when_another_file_is_published_meanwhile(
    told: list[str], large: IndexSettings, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch, csv_file: Path
) -> None:
    other = IndexSettings(csv=str(csv_file), dir=large.dir)
    embed = word_embedder.embed

    def interrupted(texts: list[str], done: Done | None = None) -> np.ndarray:
        monkeypatch.setattr(word_embedder, "embed", embed)
        assert build(other)
        return embed(texts, done)

    monkeypatch.setattr(word_embedder, "embed", interrupted)
    assert not build(large)
    assert told[-1] == f"{large.dir} holds another build by now; this one ends"
    assert open_index(Path(large.dir)).manifest.csv == csv_file.name


def test_two_builds_of_one_file_embed_it_once(
    told: list[str], large: IndexSettings, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed = word_embedder.embed
    other: list[threading.Thread] = []
    waits = f"another process embeds for {large.dir}; waiting for it to end"

    def slow(texts: list[str], done: Done | None = None) -> np.ndarray:
        if not other:
            other.append(threading.Thread(target=build, args=(large,)))
            other[0].start()
            while waits not in told and other[0].is_alive():
                time.sleep(0.01)
        return embed(texts, done)

    monkeypatch.setattr(word_embedder, "embed", slow)
    assert build(large)
    other[0].join(timeout=60)
    assert waits in told
    assert told[-1] == f"{large.dir} holds another build by now; this one ends"
    assert open_index(Path(large.dir)).embedded


KILLED = """
import sys, time
from pathlib import Path
from core.settings import IndexSettings
from index import build as building, checkpoint, embedded
from tests.fakes import WordEmbedder
checkpoint.COMMIT_S, building.FEW, embedded.TOGETHER = 0.02, 10, 16
class Slow(WordEmbedder):
    def embed(self, texts, done=None):
        def each(rows, vectors):
            time.sleep(0.002)
            log.write("".join(texts[row] + chr(10) for row in rows).replace("?" + chr(10) + "I", "?I"))
            log.flush()
            done(rows, vectors)
        return super().embed(texts, each)
building.load_embedder = lambda *_: Slow()
with Path(sys.argv[3]).open("a") as log:
    building.build(IndexSettings(csv=sys.argv[1], dir=sys.argv[2]))
"""


def test_a_build_killed_again_and_again_always_answers_and_gets_done(
    tmp_path: Path, word_embedder: WordEmbedder
) -> None:
    """Killed at moments that differ, before, while and after it embeds; the texts computed twice are the last ones."""
    rows = [(f"What is illness {n}?", f"Illness {n} is number {n}.") for n in range(300)]
    settings = IndexSettings(csv=str(write_csv(tmp_path / "k.csv", rows)), dir=str(tmp_path / "k"))
    log = tmp_path / "log"
    log.touch()
    command = [sys.executable, "-c", KILLED, settings.csv, settings.dir, str(log)]
    kills = 0
    for seconds in (0.9, 1.4, 1.1, 1.6, 1.2, 1.8, 1.5):
        process = subprocess.Popen(command, cwd=ROOT)
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
        if (Path(settings.dir) / "current").exists():
            assert len(open_index(Path(settings.dir)).records) == 300
    assert kills > 0
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    index = open_index(Path(settings.dir))
    assert index.embedded
    assert np.allclose(index.all_vectors(), WordEmbedder().embed(embedded.headed_texts(index)), atol=1e-3)
    computed = log.read_text().splitlines()
    assert len(set(computed)) == 600
    assert len(computed) - 600 <= kills * 32  # what came between two commits


def test_how_far_it_is(tmp_path: Path) -> None:
    assert read_status(tmp_path) is None
    write_status(tmp_path, 30, 120, 3.0)
    status = read_status(tmp_path)
    assert status is not None
    assert (status.share, status.seconds_left, status.stalled) == (0.25, 30.0, False)
    assert EmbeddingStatus(30, 120, 0.0, 0.0).seconds_left == float("inf")
    assert EmbeddingStatus(30, 120, 3.0, status.at - 100).stalled
    (tmp_path / "embedding.json").write_text("{")
    assert read_status(tmp_path) is None
    clear_status(tmp_path)
    clear_status(tmp_path)


def test_two_processes_may_keep_vectors_at_once(tmp_path: Path) -> None:
    with Checkpoint(tmp_path, "words@1", 256) as one, Checkpoint(tmp_path, "words@1", 256) as other:
        one.add(["gout"], WordEmbedder().embed(["gout"]))
        one._database.commit()
        other.add(["acne"], WordEmbedder().embed(["acne"]))
        other._database.commit()
        assert set(one.known(["gout", "acne"])) == {"gout", "acne"}
    assert isinstance(one._database, sqlite3.Connection)


def test_a_full_disk_is_told_and_no_vector_is_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite cannot even open the file then, which is another thing than a damaged one."""
    with Checkpoint(tmp_path, "words@1", 2) as checkpoint:
        checkpoint.add(["gout"], np.ones((1, 2), np.float32))

    def full(_: Path) -> sqlite3.Connection:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr("index.checkpoint._opened", full)
        with pytest.raises(IndexFolderError, match=r"cannot be written \(disk I/O error\).*free space on the disk"):
            Checkpoint(tmp_path, "words@1", 2)
    with Checkpoint(tmp_path, "words@1", 2) as checkpoint:
        assert len(checkpoint) == 1
