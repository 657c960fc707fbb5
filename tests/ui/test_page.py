"""The real page in a real browser: real weights, the embedded CSV."""

import contextlib
import itertools
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.page import WATCH
from core.processor import processor
from core.settings import Settings
from tests.conftest import ROOT
from tests.servers import free_port

pytestmark = [pytest.mark.weights, pytest.mark.browser]
ANSWER_MS = 120_000


@contextlib.contextmanager
def page_server(settings: Settings, log: Path, **further: str) -> Iterator[str]:
    """`python -m ui` over the settings' index, with further variables, until the block ends."""
    port = free_port()
    environment = {
        **os.environ,
        "CITEWELL_INDEX_DIR": settings.index.dir,
        "CITEWELL_GENERATOR_CACHE": settings.generator.cache,
        "CITEWELL_HISTORY_FILE": str(log.with_suffix(".sqlite")),
        "CITEWELL_GENERATOR_MAX_NEW_TOKENS": "96",
        "CITEWELL_UI_PORT": str(port),
        **further,
    }
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "ui"], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            url = f"http://127.0.0.1:{port}"
            for _ in range(600):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()
                    break
                assert server.poll() is None, log.read_text()
                time.sleep(0.1)
            yield url
        finally:
            server.terminate()
            server.wait(timeout=30)


@pytest.fixture(scope="module")
def url(real_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with page_server(real_settings, tmp_path_factory.mktemp("ui") / "log") as address:
        yield address


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    opened = context.new_page()
    outside: list[str] = []
    opened.on("request", lambda r: outside.append(r.url) if not r.url.startswith((url, "data:", "blob:")) else None)
    opened.goto(url)
    expect(opened.get_by_placeholder("Ask a health question")).to_be_visible(timeout=ANSWER_MS)
    model = opened.get_by_test_id("stSidebar").get_by_text(processor().label)
    expect(model).to_be_attached(timeout=ANSWER_MS)  # it is loaded behind the page
    yield opened
    assert outside == []  # nothing is fetched from, or told to, anyone else
    context.close()


def ask(page: Page, question: str) -> None:
    """Ask, and wait until the page shows the question: an earlier answer's end is then not taken for this one's."""
    box = page.get_by_placeholder("Ask a health question")
    shown = page.get_by_test_id("stChatMessage").get_by_text(question, exact=True)
    before = shown.count()
    box.fill(question)
    box.press("Enter")
    expect(shown.nth(before)).to_be_visible(timeout=ANSWER_MS)


def test_ask_stream_click_a_citation_and_see_the_highlighted_words(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 390  # nothing sticks out on a phone
    expect(page.get_by_text("no medical advice")).to_be_visible()
    page.evaluate(WATCH)
    ask(page, "can you catch shingles from your mom")
    chips = page.locator(".chip")
    expect(chips.first).to_be_visible(timeout=ANSWER_MS)
    expect(page.get_by_test_id("stChatInputStopButton")).to_have_count(0, timeout=ANSWER_MS)
    unfinished = [state for state in page.evaluate("window.states") if state["stoppable"]]
    grown = {state["text"] for state in unfinished if "shingles" in state["text"].lower()}
    assert len(grown) >= 3

    chips.last.click()
    expect(chips.last).to_have_attribute("aria-expanded", "true")
    chosen = page.locator("mark.chosen")
    expect(chosen).to_be_visible()
    card = page.locator("details.source[open]")
    expect(card.locator(".title")).to_contain_text("shingles")
    expect(card.locator(".score")).to_have_text(re.compile(r"[01]\.\d\d"))
    assert chosen.inner_text() in card.locator(".passage").inner_text()
    page.get_by_text("How this answer was made").click()
    expect(page.get_by_text("it answers less well than the first").first).to_be_visible()
    expect(page.locator("pre")).to_contain_text("<|im_start|>assistant")

    ask(page, "<img src=x onerror=\"document.title='pwned'\"> **who** won the football match?")
    expect(page.get_by_text("The file holds no answer to this question.")).to_be_visible(timeout=ANSWER_MS)
    expect(page.get_by_text("<img src=x").first).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    assert page.title() == "CiteWell"
    expect(page.locator(".chip").first).to_be_visible()  # the history stays


def test_evidence_stands_before_the_first_word_and_stays(page: Page) -> None:
    page.evaluate(WATCH)
    ask(page, "can you catch shingles from your mom")
    expect(page.locator(".chip").first).to_be_visible(timeout=ANSWER_MS)
    expect(page.get_by_test_id("stChatInputStopButton")).to_have_count(0, timeout=ANSWER_MS)
    states = page.evaluate("window.states")
    first = next(number for number, state in enumerate(states) if state["text"])
    found = states[-1]["cards"]
    read = [number for number, state in enumerate(states) if state["cards"] and state["marked"] == found]
    assert read
    assert read[0] < first
    passages, them = ("1 passage", "it") if found == 1 else (f"{found} passages", "them")
    assert states[read[0]]["status"] == f"{passages} found; the model is reading {them} …"
    growing = [state for state in states[read[0] :] if state["stoppable"]]
    assert {(state["cards"], state["marked"], state["top"], state["leads"]) for state in growing} == {
        (found, found, growing[0]["top"], growing[0]["leads"])
    }
    writing = {state["status"] for state in growing if state["text"]}
    assert writing - {""} == {f"{passages} found; writing …"}
    assert states[-1]["status"] == ""
    assert states[-1]["leads"] == growing[0]["leads"]
    words = [state["text"] for state in growing if state["text"]]
    letters = [re.sub(r"[^a-z]", "", text.casefold()) for text in words]  # a marker becomes a number as it is written
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(letters))  # it only grows


def test_the_notice_of_an_emergency_stands_first(page: Page) -> None:
    page.evaluate(WATCH)
    ask(page, "my father has crushing chest pain and his left arm is numb")
    expect(page.locator(".chip").first).to_be_visible(timeout=ANSWER_MS)
    expect(page.get_by_test_id("stChatInputStopButton")).to_have_count(0, timeout=ANSWER_MS)
    states = page.evaluate("window.states")
    assert all(state["notice"] for state in states if state["cards"] or state["text"])
    assert page.locator(".answer > :first-child .notice.emergency").count() == 1


@pytest.mark.parametrize(
    "moment", ["state.cards && !state.text", "/salt|blood pressure/i.test(state.text)"], ids=["reading", "writing"]
)
def test_stop_keeps_what_was_written_with_its_evidence_and_frees_the_page(page: Page, moment: str) -> None:
    page.evaluate(WATCH)
    page.evaluate(f"() => {{ window.stopAt = (state) => {moment}; }}")
    ask(page, "how can i lower my blood pressure")
    expect(page.get_by_text("This answer is incomplete")).to_be_visible(timeout=ANSWER_MS)
    expect(page.get_by_test_id("stChatInputStopButton")).to_have_count(0, timeout=ANSWER_MS)
    expect(page.locator(".source mark").first).to_be_visible()
    found = page.locator(".source").count()
    assert page.locator(".status").inner_text() == ""
    text = page.locator(".answer .text").inner_text()
    assert bool(text) == ("text)" in moment)

    page.reload()
    expect(page.get_by_text("This answer is incomplete")).to_be_visible(timeout=ANSWER_MS)
    expect(page.locator(".source")).to_have_count(found)
    assert page.locator(".answer .text").inner_text().startswith(text)
    ask(page, "does the train to Basel run on Sunday?")
    expect(page.get_by_text("The file holds no answer to this question.")).to_be_visible(timeout=ANSWER_MS)
    expect(page.get_by_text("This answer is incomplete")).to_be_visible()


def test_the_side_bar_tells_the_state_of_index_and_model(browser: Browser, url: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(url)
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar.get_by_text("health_qa.csv")).to_be_visible(timeout=ANSWER_MS)
    expect(sidebar.get_by_text("228 rows, 228 answers")).to_be_visible()
    expect(sidebar.get_by_text("Qwen2.5-Coder-0.5B-Instruct")).to_be_visible()
    expect(sidebar.get_by_text(processor().label)).to_be_visible()
    page.close()


def test_a_taken_port_ends_with_one_line(url: str) -> None:
    port = url.rpartition(":")[2]
    command = [sys.executable, "-m", "ui", "--port", port]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert f"or choose another port: CITEWELL_UI_PORT={int(port) + 1} make app" in ended.stderr
