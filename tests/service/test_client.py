"""A service as a page's backend: the same answers as in one process, and what is told where it cannot answer."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from core.errors import QuestionError, SettingsError
from core.service_settings import ServiceSettings
from generator.engines.base import Chat, Chunk
from generator.llm import QwenChat
from rag.answer import Answer
from rag.answerer import Answerer, Request
from rag.backend import OneAnswerer
from rag.opened import Opened
from service.app import create_app
from service.client import RemoteBackend, ServiceError
from service.keys import Keys
from tests.conftest import index_rows
from tests.fakes import QueueEngine, WordEmbedder
from tests.servers import free_port, serve
from tests.service.conftest import ByHeart, serving

GOUT = Request("what is gout")


def _untimed(answer: Answer) -> Answer:
    return replace(answer, timings=Answer("", "").timings)


def test_every_snapshot_is_that_of_the_models_in_this_process(served: str, answerer: Answerer) -> None:
    alone = [_untimed(each) for each in OneAnswerer(answerer).answer(GOUT)]
    assert [_untimed(each) for each in RemoteBackend(served).answer(GOUT)] == alone
    assert len(alone) > 3
    assert alone[-1].sentences


def test_all_that_a_page_shows_of_the_file_is_that_of_the_index(served: str, answerer: Answerer) -> None:
    here, there = OneAnswerer(answerer), RemoteBackend(f"{served}/v1/")
    *_, answer = here.answer(GOUT)
    assert there.find(GOUT) == here.find(GOUT)
    assert there.contents() == here.contents()
    assert there.held() == here.held()
    assert there.model() == here.model()
    assert there.further(answer) == here.further(answer)
    assert replace(there.manifest(), csv_path="") == replace(here.manifest(), csv_path="")
    assert "/" not in there.manifest().csv_path  # where the file lies is the server's own affair
    for record_id in (answer.evidence[0].record_id, "0" * 16, "-" * 16, "../../file"):
        assert there.record(record_id) == here.record(record_id)


def test_a_long_conversation_is_cut_to_its_last_questions(served: str) -> None:
    *_, answer = RemoteBackend(served).answer(
        Request("and what causes it?", ("what is measles",) * 60 + ("what is gout",))
    )
    assert answer.finished
    assert "gout" in answer.search_query


def test_follow_ups_come_from_the_service(
    tmp_path: Path, word_embedder: WordEmbedder, answerer: Answerer, service_settings: ServiceSettings
) -> None:
    rows = [(f"What {what} gout?", f"Gout {n} is a form of arthritis.") for n, what in enumerate(("is", "causes"))]
    over = answerer.retriever.model_copy(update={"index": index_rows(tmp_path, rows)})
    here = OneAnswerer(replace(answerer, retriever=over))
    with serving(create_app(here, service_settings)) as url:
        *_, answer = RemoteBackend(url).answer(GOUT)
        assert RemoteBackend(url).further(answer) == here.further(answer) == ("What causes gout?",)


def test_a_text_that_breaks_lines_in_some_clients_comes_whole(
    tmp_path: Path, word_embedder: WordEmbedder, answerer: Answerer, service_settings: ServiceSettings
) -> None:
    answer = "Gout\u2028is\x85a form\u2029of arthritis."
    retriever = answerer.retriever.model_copy(update={"index": index_rows(tmp_path, [("What is gout?", answer)])})
    here = OneAnswerer(replace(answerer, retriever=retriever))
    with serving(create_app(here, service_settings)) as url:
        *_, last = RemoteBackend(url).answer(GOUT)
    assert last.finished
    assert last.evidence[0].text == list(here.answer(GOUT))[-1].evidence[0].text


class _Held(ByHeart):
    """Writes a sentence, and ends it once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.writes, self.may_end = threading.Event(), threading.Event()

    def stream(self, chat: Chat, *, max_new_tokens: int, temperature: float) -> Iterator[Chunk]:
        yield from super().stream(chat, max_new_tokens=max_new_tokens, temperature=temperature)
        self.writes.set()
        for _ in range(2000):
            yield Chunk("", 40, 9)
            if self.may_end.wait(0.01):
                return


@contextlib.contextmanager
def busy(answerer: Answerer, settings: ServiceSettings) -> Iterator[tuple[str, _Held]]:
    """A service with one place, which somebody has."""
    engine = _Held()
    backend = OneAnswerer(replace(answerer, llm=QwenChat(engine=engine, max_tokens=100)))
    with serving(create_app(backend, replace(settings, at_once=1))) as url:
        first = threading.Thread(target=lambda: list(RemoteBackend(url).answer(GOUT)))
        first.start()
        assert engine.writes.wait(20)
        try:
            yield url, engine
        finally:
            engine.may_end.set()
            first.join(20)


def test_whoever_waits_at_the_service_is_told_the_place(answerer: Answerer, service_settings: ServiceSettings) -> None:
    with busy(answerer, replace(service_settings, queue=5)) as (url, engine):
        snapshots = RemoteBackend(url).answer(GOUT)
        assert next(snapshots).ahead == 1
        engine.may_end.set()
        *growing, last = (each for each in snapshots if each.index)
        assert last.finished
        assert {each.ahead for each in growing} == {0}  # the service's line is behind it


def test_a_busy_service_says_when_to_ask_again(answerer: Answerer, service_settings: ServiceSettings) -> None:
    with (
        busy(answerer, replace(service_settings, queue=0)) as (url, _),
        pytest.raises(ServiceError, match=r"the service is busy \(1 requests .*\); ask again in 1 seconds"),
    ):
        list(RemoteBackend(url).answer(GOUT))


def test_a_wrong_key_is_said_and_stands_nowhere(
    answerer: Answerer, service_settings: ServiceSettings, caplog: pytest.LogCaptureFixture
) -> None:
    key = Keys(Path(service_settings.keys)).add("page")
    caplog.set_level("DEBUG")
    with serving(create_app(OneAnswerer(answerer), service_settings)) as url:
        assert RemoteBackend(url, key).manifest().kept == 4
        for wrong in ("", "cw-wrong"):
            with pytest.raises(ServiceError, match="does not know this page's key; .* CITEWELL_UI_SERVICE_KEY"):
                RemoteBackend(url, wrong).manifest()
    assert key not in caplog.text
    assert "cw-wrong" not in caplog.text


def test_what_cannot_be_asked_is_the_questions_fault_and_what_is_missing_the_services(
    served: str, answerer: Answerer, service_settings: ServiceSettings
) -> None:
    with pytest.raises(QuestionError, match="the question is empty"):
        list(RemoteBackend(served).answer(Request("?")))
    with pytest.raises(QuestionError, match="no record of"):
        RemoteBackend(served).find(Request("gout", filters={"source": "nowhere"}))
    broken: Future[Any] = Future()
    broken.set_exception(ServiceError("the weights are gone"))
    with serving(create_app(OneAnswerer(replace(answerer, llm=broken)), service_settings)) as url:
        assert RemoteBackend(url).model().error == "the weights are gone"
        snapshots = RemoteBackend(url).answer(GOUT)
        assert next(snapshots).evidence  # the search needs no model
        with pytest.raises(ServiceError, match="cannot answer: the weights are gone"):
            list(snapshots)


def test_of_a_service_that_goes_away_what_is_known_stays(answerer: Answerer, service_settings: ServiceSettings) -> None:
    now = [0.0]
    with serving(create_app(OneAnswerer(answerer), service_settings)) as url:
        backend = RemoteBackend(url, clock=lambda: now[0])
        *_, answer = backend.answer(GOUT)
        record, further = backend.record(answer.evidence[0].record_id), backend.further(answer)
        manifest = backend.manifest()
    now[0] = 60.0
    assert backend.manifest() == manifest
    assert backend.model().state == "away"
    assert backend.record(answer.evidence[0].record_id) == record
    assert backend.further(answer) == further
    assert backend.record("0" * 16) is None
    with pytest.raises(ServiceError, match=r"no CiteWell service answers at .* start it there: citewell serve"):
        list(backend.answer(GOUT))


class _HalfAnAnswer(BaseHTTPRequestHandler):
    """Begins a stream, and ends the connection."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'event: snapshot\ndata: {"text": "Gout is"}\n\n')


class _Altered(_HalfAnAnswer):
    """Sends a receipt whose seal is broken; whatever else is asked, it is a page for people."""

    def do_POST(self) -> None:
        content = b'event: answer\ndata: {"schema": "citewell.receipt/2", "sha256": "00", "answer": {}}\n\n'
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>a router's page</html>")


def test_what_came_before_the_service_went_away_stays() -> None:
    with serve(_HalfAnAnswer) as url:
        snapshots = RemoteBackend(url).answer(GOUT)
        assert next(snapshots).text == "Gout is"
        with pytest.raises(ServiceError, match="went away before the answer was finished; what came so far stays"):
            next(snapshots)


def test_what_is_no_service_is_said_to_be_none() -> None:
    with serve(_Altered) as url:
        for ask in (RemoteBackend(url).manifest, lambda: list(RemoteBackend(url).answer(GOUT))):
            with pytest.raises(ServiceError, match="is no CiteWell service of this version"):
                ask()
    with pytest.raises(ServiceError, match="no CiteWell service answers"):
        RemoteBackend(f"http://127.0.0.1:{free_port()}").manifest()
    for address in ("citewell", "ftp://a", "http://", "http://a:b"):
        with pytest.raises(SettingsError, match=r"ui.service_url is .*; expected an address such as"):
            RemoteBackend(address)


def test_a_failing_index_is_told_by_every_endpoint(service_settings: ServiceSettings, tmp_path: Path) -> None:
    from core.settings import IndexSettings, Settings

    nothing = Opened(lambda: Settings(index=IndexSettings(dir=str(tmp_path / "none"))))
    with serving(create_app(nothing, service_settings)) as url:
        backend = RemoteBackend(url)
        for ask in (backend.manifest, backend.contents, backend.held, lambda: backend.find(GOUT)):
            with pytest.raises(ServiceError, match="cannot answer: no index at"):
                ask()


def test_closing_an_answer_stops_the_model(answerer: Answerer, service_settings: ServiceSettings) -> None:
    stopped = threading.Event()

    class Endless(QueueEngine):
        def stream(self, chat: Chat, *, max_new_tokens: int, temperature: float) -> Iterator[Chunk]:
            try:
                for number in range(100_000):
                    yield Chunk(f"Gout {number} ", 40, number)
                    stopped.wait(0.01)
            finally:
                stopped.set()

    endless = OneAnswerer(replace(answerer, llm=QwenChat(engine=Endless(), max_tokens=100)))
    with serving(create_app(endless, service_settings)) as url:
        snapshots = RemoteBackend(url).answer(GOUT)
        while not next(snapshots).text:
            pass
        snapshots.close()  # type: ignore[attr-defined]
        assert stopped.wait(20)
