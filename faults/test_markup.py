"""The page of every attack in a real browser: words, and nothing but words."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Error, Page, sync_playwright

from faults.counts import Count
from faults.markup_page import ATTACKS
from tests.conftest import ROOT
from ui.shared import JOINER

PORT = 8650
LONGEST_S = 240.0
DRAWN = """() => [...document.querySelectorAll('[class*="st-key-attack-"]')].map((part) => ({
  tags: [...part.querySelectorAll('[data-testid="stMarkdownContainer"] *')].map((each) => each.tagName),
  texts: [...part.querySelectorAll('[data-testid="stMarkdownContainer"]')].map((each) => each.textContent),
}))"""
"""Tags within what Streamlit makes of Markdown, and the words that are read there, of each attack."""
HARMLESS = {"P", "SMALL"}


@pytest.fixture
def page() -> Iterator[Page]:
    flags = {
        "server.port": PORT,
        "server.address": "127.0.0.1",
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
    }
    browser_path = subprocess.run(
        [ROOT / ".ci/browser", "--path"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "streamlit", "run", "faults/markup_page.py", *words]
    server = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL)
    try:
        with sync_playwright() as play, play.chromium.launch(executable_path=browser_path.stdout.strip()) as browser:
            shown = browser.new_page()
            deadline = time.monotonic() + LONGEST_S
            while True:
                try:
                    shown.goto(f"http://127.0.0.1:{PORT}")
                    break
                except Error:
                    assert time.monotonic() < deadline
                    time.sleep(0.5)
            shown.get_by_text("all attacks are shown").wait_for(timeout=LONGEST_S * 1000)
            yield shown
    finally:
        server.terminate()
        server.wait()


def test_no_attack_is_markup_on_the_page(page: Page, count: Count) -> None:
    counts = count("attack in labels, errors and tables of the page")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    drawn = page.evaluate(DRAWN)
    assert len(drawn) == len(ATTACKS)
    for text, part in zip(ATTACKS, drawn, strict=True):
        counts.tried += 1
        expected = " ".join(text.replace("\0", "\ufffd").split())
        said = {" ".join(each.replace(JOINER, "").split()) for each in part["texts"]}
        if set(part["tags"]) - HARMLESS or said != {expected.replace(JOINER, "")}:
            counts.changed += 1
            counts.remark = f"{text[:40]!r}: {sorted(set(part['tags']) - HARMLESS)} {sorted(said)[:1]}"[:200]
        else:
            counts.unharmed += 1
    assert not [url for url in asked if "127.0.0.1:9/" in url]
