"""What needs no cluster: which module runs a verb, what is said without Ray, and shards that fail or are late."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import citewell
from cluster.connect import ClusterError
from cluster.search import ShardedRetriever
from core.errors import DataError, IndexFolderError, QuestionError
from core.settings import Settings
from index.builds import check_build
from index.published import published_build
from index.sharded.build import InThisProcess, build_shards
from index.sharded.joined import open_shard
from rag.search.parts import Part, open_whole, search_part
from tests.fakes import WordEmbedder


@pytest.mark.parametrize(
    ("verb", "module"), [("build", "cluster.build"), ("ask", "cluster.ask"), ("serve", "cluster.serving")]
)
def test_a_verb_runs_on_ray_where_an_address_is_given(verb: str, module: str) -> None:
    named = citewell.NAMES[verb]
    assert named.module_for(["--ray", "auto"]) == named.module_for(["--ray=auto"]) == module
    assert named.module_for(["--k", "3"]) == named.module


@pytest.mark.parametrize(
    "words", [("build", "--shards", "2"), ("ask", "--file", "questions.txt"), ("serve", "--index", "none")]
)
def test_without_ray_the_command_that_installs_it_is_named(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterError, match=r"Ray is not installed; install it: pip install 'citewell\[ray\]'"):
        citewell.main([*words, "--ray", "auto"])


def test_a_file_of_no_questions_is_refused_before_a_cluster_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(DataError, match="holds no question; expected one a line"):
        citewell.main(["ask", "--ray", "127.0.0.1:1", "--file", str(tmp_path / "empty.txt")])


class _Answered:
    def __init__(self, find: Callable[[], Part | None]) -> None:
        self.find = find

    def result(self, *, timeout_s: float) -> Part | None:
        return self.find()


@pytest.fixture
def shards(settings: Settings) -> list[Any]:
    """What each of three shards is asked by."""
    embedder = WordEmbedder()
    build_shards(settings.index, [settings.index.csv], 3, embedder, InThisProcess(embedder))
    build = published_build(Path(settings.index.dir))
    manifest = check_build(build)
    places = np.split(np.load(build / "places.npy"), np.cumsum([each["records"] for each in manifest.shards])[:-1])
    opened = [open_shard(build, manifest, number) for number in range(3)]

    def ask(number: int) -> Any:
        return lambda *asked: _Answered(lambda: search_part(opened[number], places[number], *asked))

    return [ask(number) for number in range(3)]


def _retriever(settings: Settings, shards: list[Any]) -> ShardedRetriever:
    build = published_build(Path(settings.index.dir))
    whole = open_whole(build, check_build(build))
    return ShardedRetriever(index=whole, embedder=WordEmbedder(), settings=settings.rag, shards=shards)


def _fails(*_: Any) -> Any:
    raise TimeoutError("late")


def test_a_shard_that_fails_or_is_late_is_left_out_and_said(settings: Settings, shards: list[Any]) -> None:
    whole = _retriever(settings, shards).for_one_question().search("What is illness 12?")
    assert whole.hits
    assert whole.query.notes == ()
    for failing in (_fails, lambda *_: _Answered(_fails)):
        retriever = _retriever(settings, [shards[0], failing, shards[2]])
        found = retriever.for_one_question().search("What is illness 12?")
        assert found.hits
        (note,) = found.query.notes
        assert note.kind == "shards"
        assert note.text.startswith("2 of 3 parts of the index were searched")
        assert retriever.for_one_question().search("What is illness 40?").query.notes == found.query.notes
    with pytest.raises(IndexFolderError, match="none of the 3 shards answered"):
        _retriever(settings, [_fails] * 3).for_one_question().search("What is illness 12?")


def test_filters_that_leave_nothing_are_said_once_all_shards_were_asked(settings: Settings, shards: list[Any]) -> None:
    with pytest.raises(QuestionError, match="no record of rows.csv has source = zzz"):
        _retriever(settings, shards).for_one_question().search("What is illness 12?", filters={"source": "zzz"})
    found = _retriever(settings, shards).for_one_question().search("What is illness 12?", filters={"source": "a"})
    assert {hit.source for hit in found.hits} == {"a"}
