"""Take the pictures of the pages that README and docs show, over the embedded file, in a real browser.

python -m bench.screens              # to docs/: chat at two widths and in two schemes, and every other page
python -m bench.screens --to DIR
python -m bench.screens --states --to DIR      # every state of the chat, at three widths and in both schemes
"""

import tempfile
from collections.abc import Callable
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, expect

from bench.page import ANSWER_MS, ask, chromium, served
from core.command import command_parser
from core.errors import CiteWellError, run_command
from core.settings import IndexSettings
from index.build import build

QUESTION = "can you catch shingles from your mom"
SETTLED_MS = 1000
"""Milliseconds within which scrolling and transitions end."""
PHONE, DESKTOP = (390, 844), (1280, 900)


def _chat(page: Page) -> None:
    """An answer with one of its citations opened."""
    ask(page, QUESTION)
    page.locator(".chip").first.click()
    page.wait_for_timeout(SETTLED_MS)  # the chat scrolls to its end first
    page.get_by_test_id("stChatMessage").first.evaluate("question => question.scrollIntoView()")


def _inspector(page: Page) -> None:
    """The funnel below that answer."""
    _chat(page)
    page.get_by_text("How this answer was made").click()
    page.wait_for_timeout(SETTLED_MS)
    page.get_by_text("How this answer was made").evaluate("drawer => drawer.scrollIntoView()")


def _emergency(page: Page) -> None:
    ask(page, "my lips swell and i cannot breathe after a bee sting")
    expect(page.locator(".notice.emergency")).to_be_visible()


def _evidence(page: Page) -> None:
    page.goto(f"{page.url}evidence")
    box = page.get_by_label("Question", exact=True)
    expect(box).to_be_visible(timeout=ANSWER_MS)
    box.fill("what helps against gout")
    box.press("Enter")
    expect(page.get_by_text("Presented to the model")).to_be_visible(timeout=ANSWER_MS)


def _data(page: Page) -> None:
    page.goto(f"{page.url}data")
    expect(page.get_by_text("Largest topics")).to_be_visible(timeout=ANSWER_MS)


def _quality(page: Page) -> None:
    page.goto(f"{page.url}quality")
    expect(page.get_by_role("heading", name="Questions that people really sent")).to_be_visible(timeout=ANSWER_MS)


SCREENS: dict[str, tuple[tuple[int, int], str, Callable[[Page], None]]] = {
    "chat": (DESKTOP, "light", _chat),
    "chat-dark": (DESKTOP, "dark", _chat),
    "chat-phone": (PHONE, "light", _chat),
    "chat-phone-dark": (PHONE, "dark", _chat),
    "inspector": (DESKTOP, "light", _inspector),
    "emergency-phone": (PHONE, "light", _emergency),
    "evidence": (DESKTOP, "dark", _evidence),
    "data": (DESKTOP, "light", _data),
    "quality": (DESKTOP, "dark", _quality),
}
"""File name -> width and height in pixels, colour scheme, and how the page comes to look like that."""


def _asked(question: str) -> Callable[[Page], None]:
    return lambda page: ask(page, question)


def _first(page: Page) -> None:
    expect(page.locator(".ask").first).to_be_visible(timeout=ANSWER_MS)


def _send(page: Page, question: str) -> None:
    page.get_by_placeholder("Ask a health question").fill(question)
    page.get_by_placeholder("Ask a health question").press("Enter")
    expect(page.locator(".source").first).to_be_visible(timeout=ANSWER_MS)


def _waiting(page: Page) -> None:
    """The evidence, while the model reads it."""
    _send(page, QUESTION)


def _stopped(page: Page) -> None:
    _send(page, QUESTION)
    page.get_by_test_id("stChatInputStopButton").click()
    expect(page.get_by_text("it was stopped before its end")).to_be_visible(timeout=ANSWER_MS)


STATES: dict[str, Callable[[Page], None]] = {
    "first": _first,
    "waiting": _waiting,
    "stopped": _stopped,
    "answer": _asked(QUESTION),
    "partial": _asked("what are the symptoms of flu and what is Tamiflu"),
    "none": _asked("which car insurance is the cheapest"),
    "emergency": _asked("my lips swell and i cannot breathe after a bee sting"),
}
"""Name of a state of the chat -> how the page comes to be in it."""
WIDTHS = {"1280": (DESKTOP, 1), "390": (PHONE, 1), "zoom": ((640, 450), 2)}
"""Name -> width and height in pixels of CSS, and device pixels for each: a window of 1280 at 200 % shows 640."""


def _take_states(browser: Browser, url: str, target: Path) -> None:
    for (state, prepare), (width, (size, scale)), scheme in product(STATES.items(), WIDTHS.items(), ("light", "dark")):
        _shoot(browser, url, size, scheme, prepare, target / f"{state}-{width}-{scheme}.png", scale)


def _take(browser: Browser, url: str, target: Path) -> None:
    for name, (size, scheme, prepare) in SCREENS.items():
        _shoot(browser, url, size, scheme, prepare, target / f"{name}.png")


def _shoot(
    browser: Browser,
    url: str,
    size: tuple[int, int],
    scheme: str,
    prepare: Callable[[Page], None],
    file: Path,
    scale: int = 1,
) -> None:
    """Take one picture.

    Args:
        size: width and height in pixels of CSS.
        scale: device pixels for each of them.
    """
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        device_scale_factor=scale,
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.goto(url)
    prepare(page)
    page.wait_for_timeout(SETTLED_MS)
    page.screenshot(path=file)
    context.close()
    print(file, flush=True)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("bench.screens", __doc__)
    parser.add_argument("--to", metavar="DIR", type=Path, default=Path("docs"), help="where to write (default: docs)")
    parser.add_argument("--port", type=int, default=8598, help="the port that the page listens on (default: 8598)")
    parser.add_argument("--states", action="store_true", help="every state of the chat, for people to look at")
    arguments = parser.parse_args(argv)
    arguments.to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        index = IndexSettings(csv="data/health_qa.csv", dir=f"{scratch}/index")
        build(index)
        try:
            with (
                served(index.dir, arguments.port, CITEWELL_HISTORY_FILE=f"{scratch}/history.sqlite"),
                chromium() as browser,
            ):
                take = _take_states if arguments.states else _take
                take(browser, f"http://127.0.0.1:{arguments.port}/", arguments.to)
        except (Error, AssertionError) as error:
            raise CiteWellError(f"the page did not look as expected in the browser: {error}") from error
    return 0


if __name__ == "__main__":
    run_command(main)
