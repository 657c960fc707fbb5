"""The page over an index whose vectors are still being made."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, expect

from core.settings import Settings
from index.build import build
from index.opening import open_index
from index.published import EMBEDDING
from index.status import write_status
from rag.answerer import BY_WORDS
from tests.ui.test_page import ANSWER_MS, ask, page_server

pytestmark = [pytest.mark.weights, pytest.mark.browser]
QUESTION = "what causes gout"


def test_it_answers_from_the_words_says_so_and_takes_up_the_vectors(
    browser: Browser, real_settings: Settings, tmp_path: Path
) -> None:
    settings = replace(real_settings, index=replace(real_settings.index, dir=str(tmp_path / "index")))
    folder = Path(settings.index.dir)
    assert build(settings.index, words_only=True)
    lock = FileLock(folder / EMBEDDING)
    lock.acquire()  # the process behind the page waits for it
    write_status(folder, 114, 456, 2.0)
    with page_server(settings, tmp_path / "log") as url:
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.goto(url)
        expect(
            page.get_by_text("answered from the words of the file alone. 25% of its vectors are made")
        ).to_be_visible(timeout=ANSWER_MS)
        expect(page.get_by_text("3 min left")).to_be_visible()
        ask(page, QUESTION)
        expect(page.locator(".chip").first).to_be_visible(timeout=ANSWER_MS)
        expect(page.get_by_text(BY_WORDS.text)).to_have_count(1)

        lock.release()
        expect(page.get_by_text("answered from the words of the file alone")).to_have_count(0, timeout=ANSWER_MS)
        expect(page.get_by_test_id("stChatInputStopButton")).to_have_count(0, timeout=ANSWER_MS)
        ask(page, QUESTION)
        expect(page.locator(".answer .text")).to_have_count(2, timeout=ANSWER_MS)
        expect(page.get_by_test_id("stChatInputStopButton")).to_have_count(0, timeout=ANSWER_MS)
        expect(page.get_by_text(BY_WORDS.text)).to_have_count(1)
        page.close()
    assert open_index(folder).embedded
    assert "published" in (folder / "build.log").read_text()
    shutil.rmtree(folder)
