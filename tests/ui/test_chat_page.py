"""What the chat page is to people: its states in a real browser, over one server that all these tests share."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from bench.page import WATCH
from core.settings import Settings
from rag.answer import Answer, Note, Notice
from rag.answerer import Answerer, answer_chain
from rag.history import History, StoredTurn
from rag.opening import open_retriever
from tests.conftest import queue_llm
from tests.ui.test_page import ANSWER_MS, ask, page_server
from ui.owner_cookie import owner_cookie

pytestmark = [pytest.mark.weights, pytest.mark.browser]
expect.set_options(timeout=40_000)  # a busy machine is slow, and no reason to fail
QUESTION = "can you catch shingles from your mom"
STOP_AT_ONCE = """() => {
  window.stopAt = (state) => {
    window.wasDisabled = document.querySelector("[data-testid=stChatInputTextArea]").disabled;
    return !!state.status;
  };
}"""
LISTED = "A list.\n- The first thing.\n- The second thing.\n"


class Served(NamedTuple):
    """A page, the addresses of kept conversations by their state, and the cookie of the browser that has them."""

    url: str
    kept: dict[str, str]
    cookie: Any


@pytest.fixture(scope="module")
def served(real_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page, and the addresses of kept conversations, one in each state."""
    log = tmp_path_factory.mktemp("chat") / "log"
    cookie = owner_cookie(log.with_suffix(".sqlite"))
    value = cookie.new()
    history = History(log.with_suffix(".sqlite"), cookie.owner(value))
    kept = {}
    for place, (name, answer) in enumerate(_states(real_settings).items()):
        conversation = f"{place:032x}"
        history.add(conversation, StoredTurn(answer.question, answer))
        kept[name] = conversation
    with page_server(real_settings, log) as url:
        yield Served(
            url,
            {name: f"{url}?c={conversation}" for name, conversation in kept.items()},
            {"name": cookie.name, "value": value, "url": url},
        )


def _states(settings: Settings) -> dict[str, Answer]:
    """An answer of each form, as the chain made it from the file's own words."""
    retriever = open_retriever(settings)
    text = retriever.search(QUESTION).hits[0].text.split(". ")[0] + "."
    whole = answer_chain(Answerer(retriever, queue_llm(f"{text} [1]"))).invoke(QUESTION)
    none = answer_chain(Answerer(retriever, queue_llm())).invoke("is Tamiflu good for the flu")
    lacks = Note("partly", "the passages do not say how long it lasts")
    assert whole.outcome == "answered"
    assert none.outcome == "not-in-file"
    first, *others = whole.evidence
    hit = replace(
        first.hit, source="<b>NIH</b>", url="https://www.example.org/a/" + "long-path/" * 20, question="<i>" * 9
    )
    return {
        "whole": replace(whole, evidence=(replace(first, hit=hit), *others)),
        "partial": replace(whole, notes=(lacks,)),
        "quoted": replace(whole, outcome="quoted", notes=(Note("quoted", "the model wrote no answer"),)),
        "none": none,
        "stopped": replace(whole, finished=False, outcome=""),
        "emergency": replace(whole, notice=Notice("emergency", "Call 112, 911 or 999 now.")),
        "listed": replace(none, text=LISTED, closest=(), outcome="answered", abstained=False),
    }


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    opened.grant_permissions(["clipboard-read", "clipboard-write"])
    yield opened
    opened.close()


@pytest.fixture
def visit(context: BrowserContext, served: Served) -> Iterator[Callable[..., Page]]:
    """Opens the page, or a conversation in one of the states."""
    url, kept, cookie = served
    context.add_cookies([cookie])
    page = context.new_page()

    def open_page(state: str = "") -> Page:
        page.goto(kept[state] if state else url)
        drawn = page.locator(".answer .text" if state else ".questions .ask").first
        expect(drawn).to_be_visible()
        return page

    yield open_page
    page.close()


def box(page: Page) -> Locator:
    return page.get_by_placeholder("Ask a health question")


def answered(page: Page) -> None:
    """Wait for the end of an answer; the model may still have to be loaded."""
    expect(page.get_by_test_id("stChatInputStopButton")).to_have_count(0, timeout=ANSWER_MS)


def test_the_first_page_says_what_it_is_and_an_example_is_asked_as_if_it_were_typed(
    visit: Callable[..., Page],
) -> None:
    page = visit()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ask, and see the evidence")
    expect(page.get_by_text("The file is health_qa.csv: 228 answers on 76 topics.")).to_be_visible()
    examples = page.locator(".ask")
    expect(examples).to_have_count(4)
    question = examples.first.inner_text()
    assert re.fullmatch(r"[A-Z][^()]+[^ ]\?", question)
    page.evaluate(WATCH)
    page.evaluate(STOP_AT_ONCE)
    examples.first.click()
    expect(page.get_by_text("it was stopped before its end")).to_be_visible()
    assert page.evaluate("window.wasDisabled")  # a second question cannot end the first one unseen
    expect(page.get_by_role("heading", level=2, name=question)).to_be_visible()
    expect(page.get_by_role("button", name="Ask again")).to_be_visible()
    page.reload()
    expect(page.get_by_text("it was stopped before its end")).to_be_visible()
    page.get_by_role("button", name="Ask again").click()
    expect(page.get_by_role("heading", level=2, name=question)).to_have_count(2)
    answered(page)
    expect(page.get_by_text("it was stopped before its end")).to_have_count(1)
    expect(page.locator(".further .ask, .part .questions .ask").first).to_be_visible()


def test_a_question_that_is_too_long_says_so_and_stays_in_the_box(visit: Callable[..., Page]) -> None:
    page = visit()
    pasted = "my knee hurts when I walk " * 400
    box(page).fill(pasted)
    box(page).press("Enter")
    expect(page.get_by_text("has 10,400 characters, and at most 2,000 are read")).to_be_visible()
    expect(box(page)).to_have_value(pasted)
    expect(page.get_by_test_id("stChatMessage")).to_have_count(0)


def test_an_answer_shows_its_source_previews_its_citations_and_can_be_copied(visit: Callable[..., Page]) -> None:
    page = visit("whole")
    card = page.locator("details.source").first
    expect(card.locator(".from")).to_have_text("<b>NIH</b> · example.org")
    expect(card.locator(".title")).to_have_text("<i>" * 9)  # markup of the file is text
    chip = page.locator(".chip").first
    chip.hover()
    quote = page.get_by_role("tooltip")
    expect(quote).to_be_visible()
    shown = quote.locator("span").inner_text()
    assert shown in page.locator(".answer .text").inner_text()
    page.keyboard.press("Escape")

    chip.focus()
    chip.press("Enter")
    expect(chip).to_have_attribute("aria-expanded", "true")
    expect(card.locator("mark.chosen")).to_be_focused()
    link = card.locator(".origin a")
    assert len(link.inner_text()) <= 60
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    page.keyboard.press("Escape")
    expect(chip).to_be_focused()
    expect(chip).to_have_attribute("aria-expanded", "false")
    chip.click()
    chip.click()
    expect(chip).to_have_attribute("aria-expanded", "false")
    expect(card).not_to_have_attribute("open", "")

    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"{shown} [1] ")
    assert f"\n\n[1] {'<i>' * 9}, <b>NIH</b>, https://www.example.org/a/" in copied


@pytest.mark.parametrize(
    ("state", "seen"),
    [
        ("partial", "Not answered: the passages do not say how long it lasts"),
        ("quoted", "In the words of the file"),
        ("none", "No answer"),
        ("stopped", "This answer is incomplete: it was stopped before its end."),
    ],
)
def test_each_form_of_an_answer_is_seen_and_has_thumbs_and_a_receipt(
    visit: Callable[..., Page], state: str, seen: str
) -> None:
    page = visit(state)
    expect(page.locator(".answer").get_by_text(seen, exact=True)).to_be_visible()
    expect(page.get_by_test_id("stFeedback")).to_be_visible()
    expect(page.get_by_role("button", name="Receipt")).to_be_visible()
    expect(page.get_by_role("button", name="Ask again")).to_be_visible()
    if state == "none":
        expect(page.locator("details.source").first).to_be_hidden()
        near = page.get_by_role("button", name="Closest passages of the file")
        expect(near).to_have_attribute("aria-expanded", "false")
        near.click()
        expect(near).to_have_attribute("aria-expanded", "true")
        expect(page.locator("details.source").first).to_be_visible()


def test_a_list_is_a_list(visit: Callable[..., Page]) -> None:
    page = visit("listed")
    expect(page.locator(".text ul > li")).to_have_text(["The first thing.", "The second thing."])
    expect(page.locator(".text p").first).to_have_text("A list.")


def test_print_shows_the_answer_alone(visit: Callable[..., Page]) -> None:
    page = visit("whole")
    page.emulate_media(media="print")
    for part in ("stSidebar", "stBottom", "stFeedback"):
        expect(page.get_by_test_id(part)).to_be_hidden()
    expect(page.get_by_role("button", name="Copy")).to_be_hidden()
    expect(page.locator(".answer .text")).to_be_visible()
    expect(page.locator("details.source").first).to_be_visible()
    page.emulate_media(media="screen")


def test_the_beginning_of_an_answer_is_in_sight_on_a_phone(browser: Browser, served: Served) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    page.goto(served[0])
    for question in (QUESTION, "how can i lower my blood pressure"):
        ask(page, question)
        answered(page)
    newest = page.get_by_role("heading", level=2).last
    expect(newest).to_be_in_viewport()
    expect(page.locator(".answer").last.locator(".source").first).to_be_in_viewport()
    chip = page.locator(".chip").last
    chip.scroll_into_view_if_needed()
    height = chip.evaluate("chip => chip.getBoundingClientRect().height + 2 * 0.4 * 16")
    assert height >= 36  # what a thumb can hit
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_state(browser: Browser, served: Served, scheme: str) -> None:
    url, kept, cookie = served
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    context.add_cookies([cookie])
    page = context.new_page()
    for state, address in {"first": url, **kept}.items():
        page.goto(address)
        expect(page.locator(".ask" if state == "first" else ".answer .text").first).to_be_visible()
        expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
        if state == "whole":
            page.locator(".chip").first.click()
        if state == "none":
            page.get_by_role("button", name="Closest passages").click()
        found = Axe().run(page)["violations"]
        assert [f"{each['id']}: {node['html'][:150]}" for each in found for node in each["nodes"]] == [], state
    context.close()


def test_the_evidence_comes_where_the_model_cannot_be_loaded(
    browser: Browser, real_settings: Settings, tmp_path: Path
) -> None:
    broken = replace(real_settings, generator=replace(real_settings.generator, cache=str(tmp_path / "models")))
    (tmp_path / "models").write_text("no folder")
    with page_server(broken, tmp_path / "log") as url:
        page = browser.new_page()
        page.goto(url)
        expect(page.locator(".ask").first).to_be_visible()
        ask(page, QUESTION)
        expect(page.locator(".source mark").first).to_be_visible()
        expect(page.get_by_test_id("stAlert")).to_be_visible()
        expect(page.locator(".source mark").first).to_be_visible()
        expect(page.get_by_test_id("stSidebar").get_by_text("could not be loaded")).to_be_visible()
        page.close()
