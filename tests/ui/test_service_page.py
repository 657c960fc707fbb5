"""The page over a running service: no index and no model of its own, and what it says of a service that is away."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, expect
from streamlit.testing.v1 import AppTest

from core.service_settings import ServiceSettings
from core.settings import IndexSettings, Settings
from rag.answerer import Answerer, Request
from rag.backend import OneAnswerer
from rag.receipt import read_receipt, receipt
from service import client
from service.app import create_app
from service.keys import Keys
from tests.conftest import ROOT
from tests.servers import free_port
from tests.service.conftest import answerer, service_settings, serving
from tests.service.test_client import busy
from tests.ui.test_page import ask, page_server
from tests.ui.test_states import APP, unescaped

__all__ = ["answerer", "service_settings"]
GOUT = "what is gout"
SHOWN_MS, START_S = 120_000, 240
expect.set_options(timeout=SHOWN_MS)  # a busy machine is slow, and no reason to fail


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that has no index, and a history of its own."""
    import streamlit as st

    st.cache_resource.clear()
    monkeypatch.setenv("CITEWELL_INDEX_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("CITEWELL_HISTORY_FILE", str(tmp_path / "history.sqlite"))


def _page(monkeypatch: pytest.MonkeyPatch, url: str, key: str = "") -> AppTest:
    monkeypatch.setenv("CITEWELL_UI_SERVICE_URL", url)
    monkeypatch.setenv("CITEWELL_UI_SERVICE_KEY", key)
    return AppTest.from_file(APP, default_timeout=30).run()


@pytest.mark.usefixtures("nothing")
def test_a_page_without_an_index_answers_from_the_service(
    answerer: Answerer, service_settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Keys(Path(service_settings.keys)).add("page")
    with serving(create_app(OneAnswerer(answerer), service_settings)) as url:
        page = _page(monkeypatch, url, key)
        assert any("4 answers on 4 topics" in unescaped(each.value) for each in page.markdown)
        page.chat_input[0].set_value(GOUT).run()
        (turn,) = page.session_state.turns
        assert turn.answer.text == "Gout is a form of arthritis. [1]"
        *_, here = OneAnswerer(answerer).answer(Request(GOUT))
        assert replace(turn.answer, timings=here.timings) == here
        assert read_receipt(receipt(turn.answer).to_json()).answer == turn.answer
        assert not any(button.label.startswith("Compare") for button in page.button)
        assert any(f"asked at {url}" in unescaped(each.value) for each in page.caption)


def _draw_data() -> None:
    from ui import data

    data.draw()


@pytest.mark.usefixtures("nothing")
def test_the_data_page_says_that_the_index_lives_on_the_service(
    answerer: Answerer, service_settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(create_app(OneAnswerer(answerer), service_settings)) as url:
        monkeypatch.setenv("CITEWELL_UI_SERVICE_URL", url)
        page = AppTest.from_function(_draw_data, default_timeout=60).run()
    assert not page.exception
    assert f"The index lives on the service at {url}" in unescaped(page.info[0].value)
    assert [metric.value for metric in page.metric] == ["4", "4", "4", "4"]
    assert not page.button


@pytest.mark.usefixtures("nothing")
def test_what_came_before_the_service_went_away_stays_on_the_page(
    answerer: Answerer, service_settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = client._events

    def broken(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
        for name, data in whole(lines):
            if name == "answer":
                raise httpx.ReadError("connection reset")
            yield name, data

    monkeypatch.setattr(client, "_events", broken)
    with serving(create_app(OneAnswerer(answerer), service_settings)) as url:
        page = _page(monkeypatch, url)
        page.chat_input[0].set_value(GOUT).run()
    (turn,) = page.session_state.turns
    assert turn.answer.text.startswith("Gout is a form of arthritis")
    assert not turn.answer.finished
    assert "went away before the answer was finished; what came so far stays" in unescaped(page.error[0].value)


@pytest.mark.usefixtures("nothing")
def test_a_page_says_why_a_service_cannot_answer(
    answerer: Answerer, service_settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = _page(monkeypatch, f"http://127.0.0.1:{free_port()}")
    assert absent.title[0].value == "CiteWell is not ready yet"
    assert "No CiteWell service answers at" in unescaped(absent.error[0].value)
    with busy(answerer, replace(service_settings, queue=0)) as (url, _):
        full = _page(monkeypatch, url)
        full.chat_input[0].set_value(GOUT).run()
        assert "The service is busy" in unescaped(full.error[0].value)
        assert "ask again in 1 seconds" in unescaped(full.error[0].value)
    Keys(Path(service_settings.keys)).add("page")
    with serving(create_app(OneAnswerer(answerer), service_settings)) as url:
        unknown = _page(monkeypatch, url, "cw-wrong")
        assert "does not know this page's key" in unescaped(unknown.error[0].value)
        assert "cw-wrong" not in unescaped(unknown.error[0].value)


def _wait_for(url: str) -> None:
    """Wait until a server answers: on a busy machine it takes minutes to start."""
    until = time.monotonic() + START_S
    while True:
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(url, timeout=10)
            return
        assert time.monotonic() < until, url
        time.sleep(0.1)


@contextlib.contextmanager
def _serve(folder: Path, index: IndexSettings, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A real `citewell serve` over a small index, with stand-ins for its models."""
    environment = {
        **os.environ,
        "CITEWELL_SERVICE_KEYS": str(folder / "keys.json"),
        "CITEWELL_RAG_MIN_SCORE": "0.2",
    }
    command = [sys.executable, "-m", "tests.service.fake_serve", "serve", "--port", str(port), "--index", index.dir]
    with (folder / "service.log").open("wb") as log:
        service = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_for(f"http://127.0.0.1:{port}/healthz")
            yield service
        finally:
            service.kill()
            service.wait(timeout=30)


@pytest.mark.browser
def test_in_a_browser_over_a_real_service_that_goes_away_in_the_middle(
    browser: Browser, small_index: IndexSettings, tmp_path: Path
) -> None:
    key, port, log = Keys(tmp_path / "keys.json").add("page"), free_port(), tmp_path / "page.log"
    address = f"http://127.0.0.1:{port}"
    given = {"CITEWELL_UI_SERVICE_URL": address, "CITEWELL_UI_SERVICE_KEY": key}
    alone = Settings(index=IndexSettings(dir=str(tmp_path / "none")))
    with _serve(tmp_path, small_index, port) as service, page_server(alone, log, **given) as url:
        _wait_for(f"{url}/_stcore/health")
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(SHOWN_MS)
        page.goto(url)
        expect(page.get_by_text("4 answers on 4 topics")).to_be_visible()
        expect(page.get_by_text("What is measles?")).to_be_visible()  # an example of the service's file
        ask(page, GOUT)
        page.locator(".chip").first.click()
        expect(page.locator("mark.chosen")).to_have_text("Gout is a form of arthritis.")
        expect(page.locator("details.source[open] .passage")).to_contain_text("It is caused by crystals of uric acid")

        page.get_by_role("link", name="Data").click()
        expect(page.get_by_text("The index lives on the service at")).to_be_visible()
        assert page.get_by_text("Index other files").count() == 0
        page.goto(f"{url}/evidence?q=what+is+gout")
        expect(page.get_by_text("[1] What is gout?")).to_be_visible()
        assert _libraries(url) == set()

        page.goto(url)
        ask(page, "what is measles")
        written = page.locator(".answer .text")
        expect(written).to_contain_text("Measles is a very contagious disease")
        service.send_signal(signal.SIGKILL)
        expect(page.get_by_text("went away before the answer was finished")).to_be_visible()
        expect(page.get_by_test_id("stChatInputStopButton")).to_have_count(0, timeout=SHOWN_MS)
        expect(written).to_contain_text("Measles is a very contagious disease")
        page.close()
    assert key not in log.read_text() + (tmp_path / "service.log").read_text()


def _libraries(url: str) -> set[str]:
    """Which of the libraries that models need the process behind an address has mapped into its memory."""
    port = int(url.rpartition(":")[2])
    (owner,) = {each.pid for each in psutil.net_connections() if each.laddr[1:] == (port,) and each.status == "LISTEN"}
    mapped = " ".join(region.path for region in psutil.Process(owner).memory_maps())
    return {name for name in ("openvino", "torch", "tokenizers") if f"/{name}" in mapped}
