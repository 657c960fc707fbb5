"""The models of one process over whichever build is published, whatever embedder it was made with."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import EngineError, IndexFolderError
from core.settings import IndexSettings, RagSettings, Settings
from generator.llm import QwenChat
from index.build import build
from rag import opening
from rag.answerer import UNCHECKED, Request
from rag.opened import Opened
from tests.conftest import queue_llm
from tests.fakes import WordEmbedder, write_csv
from tests.rag.test_answerer import GOOD, QUESTION


class _Embedder(WordEmbedder):
    """The embedder that the settings name."""

    def __init__(self, name: str) -> None:
        self.identity = name


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, word_embedder: WordEmbedder) -> list[str]:
    """The names of the embedders that are loaded, one after the other."""
    names: list[str] = []

    def load(settings: IndexSettings) -> WordEmbedder:
        names.append(settings.embedder)
        return _Embedder(settings.embedder)

    for place in ("index.build", "rag.opening"):
        monkeypatch.setattr(f"{place}.load_embedder", load)
    monkeypatch.setattr(opening, "open_checks", lambda *_: UNCHECKED)
    monkeypatch.setattr(opening, "open_llm", lambda _: queue_llm(GOOD, GOOD))
    return names


@pytest.fixture
def settings(tmp_path: Path, csv_file: Path) -> Settings:
    index = IndexSettings(csv=str(csv_file), dir=str(tmp_path / "index"), embedder="first")
    return Settings(index=index, rag=RagSettings(min_score=0.2))


def _text(opened: Opened) -> str:
    *_, answer = opened.answer(Request(QUESTION))
    return answer.text


def test_a_new_build_is_taken_up_with_its_embedder(settings: Settings, loaded: list[str]) -> None:
    now = [settings]
    build(settings.index)
    opened = Opened(lambda: now[0])
    first = _text(opened)
    held = opened.retriever()
    assert opened.retriever() is held
    loaded.clear()
    write_csv(Path(settings.index.csv), [(QUESTION, "Measles is a rash.")], ("question", "answer"))
    now[0] = replace(settings, index=replace(settings.index, embedder="second"))
    build(now[0].index)
    loaded.clear()
    assert opened.retriever().of_passages.identity == "second"
    assert opened.manifest().kept == 1
    assert opened.contents().topics == 1
    assert _text(opened) != first
    assert loaded == ["second"]


def test_a_build_of_an_embedder_that_the_settings_do_not_name_is_told_and_tried_once(
    settings: Settings, loaded: list[str]
) -> None:
    build(settings.index)
    opened = Opened(lambda: settings)
    opened.prepare()
    build(replace(settings.index, embedder="another"))
    loaded.clear()
    for _ in range(3):
        with pytest.raises(IndexFolderError, match="was built with the embedder another, the settings name first"):
            opened.prepare()
    assert loaded == ["first"]  # not once for each question


def test_a_model_that_could_not_be_loaded_is_tried_again_by_the_next_question(
    settings: Settings, loaded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    build(settings.index)
    tries: list[Callable[[], QwenChat]] = []

    def open_llm(_: Settings) -> QwenChat:
        tries.append(lambda: queue_llm(GOOD))
        if len(tries) == 1:
            raise EngineError("the weights are damaged; prepare them again")
        return tries[-1]()

    monkeypatch.setattr(opening, "open_llm", open_llm)
    opened = Opened(lambda: settings)
    opened.prepare()
    with pytest.raises(EngineError):
        opened.llm().result(20)
    opened.prepare()
    assert (opened.model().state, opened.model().error) == ("failed", "the weights are damaged; prepare them again")
    assert len(tries) == 1  # looking at it does not load it
    assert _text(opened)
    assert opened.model().state == "loaded"
