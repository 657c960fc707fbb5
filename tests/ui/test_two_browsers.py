"""People kept apart in real browsers: those of one server, and those who sign in at a provider."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.people_settings import AuthSettings
from core.settings import Settings
from rag.answer import Answer
from rag.answerer import Answerer, answer_chain
from rag.history import History, StoredTurn
from rag.search.retriever import IndexRetriever
from tests.conftest import queue_llm
from tests.ui.provider import CLIENT, SECRET, Provider, provider
from tests.ui.test_page import ANSWER_MS, page_server
from tests.ui.test_walk import QUESTION, go, owner_of
from ui.visitor import signed_in

pytestmark = [pytest.mark.weights, pytest.mark.browser]
PRIVATE = "can you catch quokkapox from your mom"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("people") / "log"


@pytest.fixture
def answer(retriever: IndexRetriever) -> Answer:
    question = "how contagious is measles"
    made = answer_chain(Answerer(retriever, queue_llm("Measles is a very contagious disease [1]."))).invoke(question)
    return replace(made, question=PRIVATE)


def shown(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.get_by_placeholder("Ask a health question")).to_be_visible(timeout=ANSWER_MS)


def test_neither_of_two_browsers_sees_opens_exports_or_deletes_the_others(
    browser: Browser, real_settings: Settings, log: Path, answer: Answer
) -> None:
    file = log.with_suffix(".sqlite")
    with page_server(real_settings, log) as url:
        ana, ben = (browser.new_context().new_page() for _ in range(2))
        shown(ana, url)
        shown(ben, url)
        mine = History(file, owner_of(ana))
        for number in range(23):
            mine.add(f"{number:032x}", StoredTurn(f"question {number} of ana"))
        mine.add("a" * 32, StoredTurn(PRIVATE, answer))
        shown(ana, f"{url}?c={'a' * 32}")
        row = ana.get_by_role("button", name="can you catch quokkapox …")
        expect(row).to_be_visible()
        expect(ana.get_by_text("Today", exact=True)).to_be_visible()
        ana.get_by_role("button", name="Show more").click()
        expect(ana.get_by_role("button", name="question 0 of ana")).to_be_visible()

        shown(ben, f"{url}?c={'a' * 32}")
        expect(ben.get_by_text("There is no conversation at this address")).to_be_visible()
        expect(ben.get_by_role("button", name=re.compile("of ana|quokka|Delete|Markdown"))).to_have_count(0)
        assert "quokka" not in ben.content()

        # A copied cookie without its signature is no cookie.
        forged = browser.new_context()
        (cookie,) = [each for each in ana.context.cookies() if each["name"].startswith("citewell_")]
        forged.add_cookies([{"name": cookie["name"], "value": f"{owner_of(ana)}.forged", "url": url}])
        eve = forged.new_page()
        shown(eve, url)
        expect(eve.get_by_role("button", name=re.compile("of ana"))).to_have_count(0)
        assert owner_of(eve) != owner_of(ana)

        ana.get_by_role("button", name="Share this answer").click()
        link = ana.get_by_test_id("stCode").inner_text().strip()
        ben.goto(link)
        expect(ben.get_by_role("heading", name=PRIVATE)).to_be_visible()
        assert ben.locator("button, input, form, script, a[href^=http]").count() == 0  # it can be read and no more
        ana.get_by_role("button", name="Withdraw the link").click()
        expect(ana.get_by_test_id("stCode")).to_have_count(0)
        gone = ben.goto(link)
        assert gone is not None
        assert gone.status == 404

        with ana.expect_download() as download:
            ana.get_by_role("button", name="Markdown").click()
        assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d {PRIVATE}\.md", download.value.suggested_filename)
        ana.get_by_role("button", name="Delete").click()
        expect(row).to_have_count(0)
        ana.get_by_role("button", name="Undo").click()
        expect(row).to_be_visible()
        ana.get_by_role("button", name="Delete").click()
        expect(row).to_have_count(0)
        assert b"quokka" not in b"".join(path.read_bytes() for path in file.parent.rglob("*") if path.is_file())


@pytest.fixture
def identity() -> Iterator[Provider]:
    with provider() as made:
        yield made


def test_people_sign_in_and_do_what_their_role_allows(
    browser: Browser, real_settings: Settings, tmp_path: Path, identity: Provider, answer: Answer
) -> None:
    shutil.copytree(real_settings.index.dir, tmp_path / "copy")
    settings = replace(real_settings, index=replace(real_settings.index, dir=str(tmp_path / "copy")))
    auth = {
        "CITEWELL_AUTH_SERVER_METADATA_URL": f"{identity.url}/.well-known/openid-configuration",
        "CITEWELL_AUTH_CLIENT_ID": CLIENT,
        "CITEWELL_AUTH_CLIENT_SECRET": SECRET,
        "CITEWELL_AUTH_READERS": "ben@example.org",
    }
    log = tmp_path / "log"
    with page_server(settings, log, **auth) as url:
        ana, ben, eve = (browser.new_context().new_page() for _ in range(3))
        _sign_in(ana, url, identity, "ana", roles=["editor"])
        expect(ana.get_by_text(re.compile("Signed in as ana.?@example.org .editor."))).to_be_visible(timeout=ANSWER_MS)
        go(ana, "Data")
        expect(ana.locator("input[type=file]")).to_have_count(1)

        claims = {**_claims("ana"), "iss": identity.url, "is_logged_in": True}
        who = signed_in(claims, AuthSettings())
        assert who is not None
        History(log.with_suffix(".sqlite"), who.owner).add("a" * 32, StoredTurn(QUESTION, answer))

        _sign_in(ben, url, identity, "ben")
        expect(ben.get_by_text(re.compile("Signed in as ben.?@example.org .reader."))).to_be_visible(timeout=ANSWER_MS)
        shown(ben, f"{url}?c={'a' * 32}")
        expect(ben.get_by_text("There is no conversation at this address")).to_be_visible()
        go(ben, "Data")
        expect(ben.get_by_text("The settings of this server let editors alone index files")).to_be_visible()
        expect(ben.locator("input[type=file]")).to_have_count(0)
        go(ben, "Quality")
        expect(ben.get_by_text("Feedback over time")).to_have_count(0)

        _sign_in(eve, url, identity, "eve", email_verified=False)
        expect(eve.get_by_text("may not use this page")).to_be_visible(timeout=ANSWER_MS)
        expect(eve.get_by_placeholder("Ask a health question")).to_have_count(0)

        elsewhere = browser.new_context().new_page()  # the same person in another browser has the same conversations
        _sign_in(elsewhere, url, identity, "ana", roles=["editor"])
        expect(elsewhere.get_by_role("button", name="can you catch shingles …")).to_be_visible(timeout=ANSWER_MS)
        elsewhere.get_by_role("button", name="Sign out").click()
        expect(elsewhere.get_by_role("button", name="Sign in")).to_be_visible(timeout=ANSWER_MS)
        assert SECRET not in log.read_text()


def _claims(name: str, **more: object) -> dict[str, object]:
    return {"sub": f"subject of {name}", "email": f"{name}@example.org", "email_verified": True, **more}


def _sign_in(page: Page, url: str, identity: Provider, name: str, **more: object) -> None:
    identity.claims = _claims(name, **more)
    page.goto(url)
    button = page.get_by_role("button", name="Sign in")
    expect(button).to_be_visible(timeout=ANSWER_MS)
    assert page.get_by_placeholder("Ask a health question").count() == 0
    button.click()
    expect(button).to_have_count(0, timeout=ANSWER_MS)
