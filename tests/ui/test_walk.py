"""Whole walks through the real pages in a real browser, and whether everybody can use them."""

import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from core.settings import Settings
from core.text.sentences import sentence_spans
from rag import feedback, receipt
from rag.answerer import Answerer, Checks, answer_chain
from rag.history import History, StoredTurn
from rag.opening import open_checks, open_retriever
from tests.conftest import queue_llm
from tests.fakes import write_csv
from tests.ui.test_page import ANSWER_MS, ask, page_server
from ui.evidence import evidence_address

pytestmark = [pytest.mark.weights, pytest.mark.browser]
PHONE = 768
"""Pixels below which the menu lies over the page."""
PAGES = ("Evidence", "Data", "Quality", "Chat")
QUESTION = "can you catch shingles from your mom"


@pytest.fixture(scope="module")
def own(real_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Path]:
    """A copy of the index, which the walk rebuilds, and the server's log beside its history."""
    folder = tmp_path_factory.mktemp("walk")
    shutil.copytree(real_settings.index.dir, folder / "index")
    return replace(real_settings, index=replace(real_settings.index, dir=str(folder / "index"))), folder / "log"


@pytest.fixture(scope="module")
def url(own: tuple[Settings, Path]) -> Iterator[str]:
    with page_server(*own) as address:
        yield address


def opened(browser: Browser, url: str) -> Page:
    """The chat, ready for a question."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(url)
    expect(page.get_by_placeholder("Ask a health question")).to_be_visible(timeout=ANSWER_MS)
    return page


def owner_of(page: Page) -> str:
    """Whose conversations the page shows: the id in the browser's cookie."""
    (cookie,) = [each for each in page.context.cookies() if each["name"].startswith("citewell_")]
    assert cookie["httpOnly"]
    return str(cookie["value"]).partition(".")[0]


def _folded(page: Page) -> bool:
    return page.get_by_test_id("stSidebar").get_attribute("data-collapsed") == "true"


def go(page: Page, name: str) -> None:
    """Open a page by the menu, which a phone keeps folded."""
    link = page.get_by_role("link", name=name)
    if _folded(page):
        page.get_by_test_id("stExpandSidebarButton").click()
    link.click()
    if page.viewport_size and page.viewport_size["width"] < PHONE and not _folded(page):
        page.get_by_test_id("stSidebarCollapseButton").locator("button").click()  # it would hide the page from axe
    drawn = page.get_by_role("heading", name=name, exact=True)
    expect(page.get_by_placeholder("Ask a health question") if name == "Chat" else drawn).to_be_visible(
        timeout=ANSWER_MS
    )
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=ANSWER_MS)


def open_all(page: Page, name: str) -> None:
    """Open every expander of that name and wait for what it holds: axe sees nothing of one that is closed."""
    summaries = page.get_by_test_id("stExpander").locator("summary").filter(has_text=name)
    expect(summaries.first).to_be_visible(timeout=ANSWER_MS)
    for summary in summaries.all():
        summary.click()
        held = summary.locator("xpath=..").get_by_test_id("stExpanderDetails")
        expect(held).to_be_visible(timeout=ANSWER_MS)
        expect(held).not_to_be_empty(timeout=ANSWER_MS)


def serious(page: Page) -> list[str]:
    """What axe-core finds serious or critical."""
    found = Axe().run(page)["violations"]
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def test_a_whole_walk(browser: Browser, url: str, own: tuple[Settings, Path], tmp_path: Path) -> None:
    settings, log = own
    history, index = log.with_suffix(".sqlite"), settings.index.dir
    page = opened(browser, url)
    ask(page, QUESTION)

    # Evidence: the words, their place in the whole answer, and the funnel.
    chips = page.locator(".chip")
    expect(chips.first).to_be_visible(timeout=ANSWER_MS)
    expect(page.get_by_test_id("stChatInputStopButton")).to_have_count(0, timeout=ANSWER_MS)
    texts = page.locator(".answer .text").inner_text()
    chips.first.click()
    expect(page.locator("mark.chosen")).to_be_visible()
    page.get_by_text("How this answer was made").click()
    expect(page.locator("svg.ranks")).to_be_visible()
    expect(page.locator("svg.ranks polyline.shown")).to_have_count(page.locator("details.source").count())
    expect(page.locator(".scroll").get_by_text("cited", exact=True).first).to_be_visible()
    expect(
        page.locator(".scroll")
        .get_by_text(re.compile("beyond the first 3|is below 0.20|less well than the first"))
        .first
    ).to_be_visible()

    # The receipt verifies.
    page.get_by_role("button", name="Receipt").click()
    with page.expect_download() as download:
        page.get_by_text("Download as JSON").click()
    download.value.save_as(tmp_path / "answer.json")
    assert receipt.main(["verify", str(tmp_path / "answer.json"), "--index", index]) == 0
    page.keyboard.press("Escape")

    # Thumbs down with a reason and a better answer, exported as a pair.
    page.get_by_role("radio", name="Thumbs down").click()
    page.get_by_text("wrong evidence", exact=True).click()
    page.get_by_label("What should it have said?").fill("Yes, by touching the blisters [1].")
    page.get_by_test_id("stBaseButton-secondaryFormSubmit").click()
    expect(page.get_by_text("Thank you. This is kept")).to_be_visible()
    assert feedback.main(["export", "--to", str(tmp_path / "pairs.jsonl"), "--history", str(history)]) == 0
    (pair,) = (json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines())
    assert pair["chosen"][0]["content"] == "Yes, by touching the blisters [1]."

    # A reload shows the same answer with the same citations.
    page.reload()
    expect(page.locator(".chip").first).to_be_visible(timeout=ANSWER_MS)
    assert page.locator(".answer .text").inner_text() == texts

    # Another file, and back.
    go(page, "Data")
    csv = write_csv(tmp_path / "mine.csv", [("What is a zorb?", "A zorb is a big ball. It rolls downhill."), ("", "x")])
    page.locator("input[type=file]").set_input_files(csv)
    expect(page.get_by_text("A zorb is a big ball. It rolls downhill.")).to_be_visible(timeout=ANSWER_MS)  # first rows
    page.get_by_role("button", name="Rebuild from this file").click()
    expect(page.get_by_text("mine.csv was indexed: 1 answer from 2 rows, 1 row left out")).to_be_visible(
        timeout=ANSWER_MS
    )
    expect(page.get_by_text("mine.csv, indexed")).to_be_visible(timeout=ANSWER_MS)
    page.get_by_role("button", name=re.compile(r"Roll back to health_qa\.csv \(228 answers, ")).click()
    expect(page.get_by_text("Rolled back to health_qa.csv (228 answers, ")).to_be_visible(timeout=ANSWER_MS)
    expect(page.get_by_text("health_qa.csv, indexed")).to_be_visible()

    # What is no CSV changes nothing.
    (tmp_path / "bad.csv").write_bytes(b"\x00\x01\x02 no table")
    page.locator("input[type=file]").set_input_files(tmp_path / "bad.csv")
    expect(page.get_by_test_id("stAlert").filter(has_text="bad.csv")).to_be_visible(timeout=ANSWER_MS)
    expect(page.get_by_role("button", name="Rebuild from this file")).to_have_count(0)
    expect(page.get_by_text("health_qa.csv, indexed")).to_be_visible()

    go(page, "Quality")
    expect(page.get_by_text("1 answer was judged, 0 of them good.")).to_be_visible(timeout=ANSWER_MS)
    page.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_usable_by_everybody(browser: Browser, url: str, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(url)
    expect(page.get_by_placeholder("Ask a health question")).to_be_visible(timeout=ANSWER_MS)
    ask(page, "i cannot breathe and my lips swell after a bee sting")
    expect(page.locator(".notice.emergency")).to_be_visible(timeout=ANSWER_MS)
    expect(page.get_by_test_id("stChatInputStopButton")).to_have_count(0, timeout=ANSWER_MS)
    expect(page.locator(".notice.emergency")).to_be_in_viewport()
    page.get_by_text("How this answer was made").click()
    assert serious(page) == []
    for name in PAGES:
        go(page, name)
        if name == "Evidence":
            page.get_by_label("Question", exact=True).fill("what helps against gout")
            page.get_by_label("Question", exact=True).press("Enter")
            expect(page.get_by_role("heading", name="Presented to the model")).to_be_visible(timeout=ANSWER_MS)
        if name == "Quality":
            open_all(page, "Figures")
            expect(page.get_by_role("button", name="Download results.json")).to_be_visible(timeout=ANSWER_MS)
            expect(page.get_by_role("row", name="machine › cores").first).to_be_visible()
        if name == "Evidence":
            open_all(page, "[1]")
        assert serious(page) == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_a_search_stands_in_its_address_and_the_way_back_finds_it_again(browser: Browser, url: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(f"{url}/{evidence_address('what helps against gout?')}")
    box = page.get_by_label("Question", exact=True)
    expect(box).to_have_value("what helps against gout?", timeout=ANSWER_MS)
    expect(page.get_by_text("holds an answer (probability")).to_be_visible(timeout=ANSWER_MS)
    box.fill("what is asthma")
    box.press("Enter")
    page.wait_for_url("**/evidence?q=what*asthma", timeout=ANSWER_MS)
    go(page, "Quality")
    page.go_back()
    expect(box).to_have_value("what is asthma", timeout=ANSWER_MS)
    page.close()


def test_with_history_switched_off_nothing_is_stored(browser: Browser, url: str, own: tuple[Settings, Path]) -> None:
    page = opened(browser, url)
    page.get_by_text("Keep conversations").click()
    ask(page, "what is a quokka doing in my kidney")
    expect(page.get_by_test_id("stChatInputStopButton")).to_have_count(0, timeout=ANSWER_MS)
    expect(page.locator(".answer")).to_be_visible(timeout=ANSWER_MS)
    assert "?c=" not in page.url
    go(page, "Quality")
    page.reload()
    expect(page.get_by_role("heading", name="Quality", exact=True)).to_be_visible(timeout=ANSWER_MS)
    for _ in range(2):
        for name in PAGES:
            go(page, name)
    expect(page.locator("label", has_text="Keep conversations").locator("input")).not_to_be_checked()
    ask(page, "what is a quokka doing in my liver")
    expect(page.get_by_test_id("stChatInputStopButton")).to_have_count(0, timeout=ANSWER_MS)
    file = own[1].with_suffix(".sqlite")
    assert b"quokka" not in b"".join(path.read_bytes() for path in file.parent.glob("log.*"))
    page.close()


def test_a_reload_in_mid_answer_finds_the_conversation_and_goes_on(
    browser: Browser, url: str, own: tuple[Settings, Path]
) -> None:
    page = opened(browser, url)
    ask(page, "how can i lower my blood pressure")
    page.wait_for_url("**/?c=*", timeout=ANSWER_MS)
    expect(page.locator(".answer .text .chip")).to_have_count(0)  # still being written
    page.reload()
    asked = page.get_by_test_id("stChatMessage").first.get_by_text("how can i lower my blood pressure")
    expect(asked).to_be_visible(timeout=ANSWER_MS)
    ask(page, QUESTION)
    expect(page.locator(".chip").last).to_be_visible(timeout=ANSWER_MS)
    kept = _until_answered(History(own[1].with_suffix(".sqlite"), owner_of(page)), page.url.partition("?c=")[2], 2)
    assert [turn.question for turn in kept] == ["how can i lower my blood pressure", QUESTION]
    assert kept[1].answer is not None
    assert kept[1].answer.finished
    page.close()


def _until_answered(history: History, conversation: str, turns: int) -> list[StoredTurn]:
    """The turns of a conversation once the last of so many has its answer: chips are there before it is kept."""
    last = time.monotonic() + ANSWER_MS / 1000
    while time.monotonic() < last:
        kept = history.turns(conversation)
        if len(kept) == turns and kept[-1].answer is not None:
            break
        time.sleep(0.2)
    return kept


def test_two_tabs_each_get_their_own_answer(browser: Browser, url: str) -> None:
    topics = {"can you catch shingles from your mom": "shingles", "how do i know if i have gout": "gout"}
    pages = {question: opened(browser, url) for question in topics}
    for question, page in pages.items():
        ask(page, question)
    for question, page in pages.items():
        expect(page.locator(".chip").first).to_be_visible(timeout=ANSWER_MS)
        expect(page.locator(".answer .text")).to_contain_text(re.compile(topics[question], re.I))
        expect(page.locator(".answer")).to_have_count(1)
    assert len({page.url for page in pages.values()}) == 2
    for page in pages.values():
        page.close()


def test_a_file_of_300_mb_is_refused_before_it_is_sent(browser: Browser, url: str, tmp_path: Path) -> None:
    with (tmp_path / "huge.csv").open("wb") as file:
        file.write(b"question,answer\n")
        file.truncate(300 << 20)
    page = opened(browser, url)
    go(page, "Data")
    page.locator("input[type=file]").set_input_files(tmp_path / "huge.csv")
    expect(page.get_by_text("must be 100.0MB or smaller")).to_be_visible(timeout=ANSWER_MS)
    expect(page.get_by_role("button", name="Rebuild from this file")).to_have_count(0)
    page.close()


def test_an_invented_number_is_not_shown(browser: Browser, url: str, own: tuple[Settings, Path]) -> None:
    settings, log = own
    retriever = open_retriever(settings)
    judge = open_checks(settings, retriever.of_passages).judge
    passage = retriever.search(QUESTION).hits[0]
    true = passage.text[slice(*sentence_spans(passage.text)[0])]
    invented = queue_llm(f"{true} [1] Shingles lasts for 9000 days. [1]")
    answer = answer_chain(Answerer(retriever, invented, checks=Checks(judge=judge))).invoke(QUESTION)
    verdicts = [sentence.verdict for sentence in answer.sentences]
    assert verdicts == ["supported", "supported"]  # the second is the passage's caveat to the first
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(url)
    History(log.with_suffix(".sqlite"), owner_of(page)).add("c" * 32, StoredTurn(QUESTION, answer))
    page.goto(f"{url}?c={'c' * 32}")
    expect(page.locator(".answer .note").filter(has_text="do not clearly support")).to_be_visible(timeout=ANSWER_MS)
    expect(page.locator(".answer .text")).not_to_contain_text("9000")
    assert serious(page) == []
    page.close()
