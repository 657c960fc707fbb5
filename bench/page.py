"""Ask the real page 50 questions of the file in a browser: when the evidence and the first word are there, and how much
memory the page's process takes.

python -m bench.page --index artifacts/index
python -m bench.page --questions 5 --runs 3      # three times, each from a newly started page
"""

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, sync_playwright

from bench.process import memory_mib
from core.command import command_parser
from core.errors import CiteWellError, run_command
from core.paths import PACKAGES
from core.settings import load
from index.opening import open_index

QUESTIONS = 50
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
ANSWER_MS = 120_000
MODEL_LOADED = "cores"
"""A word of the side bar's line on the model, which is there once the model is loaded."""
SETTLED_MS = 500
"""Milliseconds after which a page that has been drawn no longer changes."""
WATCH = """() => {
  window.states = [];
  let asked = performance.now(), last = '';
  const roots = [document];
  const found = (selector) => roots.flatMap((root) => [...root.querySelectorAll(selector)]);
  const note = () => {
    const answer = found('.answer').filter((each) => each.isConnected).at(-1);
    const shown = (selector) => [...(answer?.querySelectorAll(selector) ?? [])];
    const cards = shown('.source');
    const state = {
      cards: cards.length,
      marked: shown('.source mark').filter((mark) => mark.checkVisibility()).length,
      top: Math.round((cards[0]?.getBoundingClientRect().top ?? 0) - (answer?.getBoundingClientRect().top ?? 0)),
      leads: shown('.source .lead').map((lead) => lead.textContent).join('|'),
      status: shown('.status').map((line) => line.textContent).join(''),
      notice: shown('.notice').length,
      text: shown('.text').map((text) => text.textContent).join(''),
      chips: shown('.chip').length,
      stoppable: !!document.querySelector('[data-testid=stChatInputStopButton]'),
    };
    if (JSON.stringify(state) === last) return;
    last = JSON.stringify(state);
    window.states.push(state);
    const since = asked;
    requestAnimationFrame(() => { state.ms = performance.now() - since; });
    if (window.stopAt && state.stoppable && window.stopAt(state)) {
      window.stopAt = undefined;
      document.querySelector('[data-testid=stChatInputStopButton]').click();
    }
  };
  const observer = new MutationObserver(note);
  const changes = {childList: true, subtree: true, characterData: true, attributes: true};
  const watch = (root) => observer.observe(root, changes);
  watch(document.body);
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (init) {
    const root = attach.call(this, init);
    roots.push(root);
    watch(root);
    return root;
  };
  for (const { shadowRoot } of document.querySelectorAll('*')) {
    if (!shadowRoot) continue;
    roots.push(shadowRoot);
    watch(shadowRoot);
  }
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    [window.states, asked, last] = [[], performance.now(), ''];
  }, true);
}"""
"""Keeps every state of the last answer since Enter was pressed, with the milliseconds until it was painted: polling
would miss an answer that a fast machine writes in a second. `window.stopAt` decides for each state whether to press the
stop button."""


def ask(page: Page, question: str) -> None:
    """Ask, and wait until the page is ready for the next question."""
    box = page.get_by_placeholder("Ask a health question")
    box.wait_for(timeout=ANSWER_MS)
    box.fill(question)
    box.press("Enter")
    page.get_by_test_id("stChatInputStopButton").wait_for(state="visible", timeout=ANSWER_MS)
    page.get_by_test_id("stChatInputStopButton").wait_for(state="detached", timeout=ANSWER_MS)
    page.wait_for_timeout(SETTLED_MS)  # between an answer and the page that is drawn with it the button is gone, too
    page.get_by_test_id("stChatInputStopButton").wait_for(state="detached", timeout=ANSWER_MS)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise CiteWellError(f"the page did not start (status {server.returncode}); try: python -m ui")


@contextlib.contextmanager
def served(index: str, port: int, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """The process of `python -m ui` over an index, until the block ends.

    Raises:
        CiteWellError: the page did not start.
    """
    server = subprocess.Popen(
        [sys.executable, "-m", "ui", "--port", str(port)],
        cwd=PACKAGES,
        env={**os.environ, "CITEWELL_INDEX_DIR": str(Path(index).absolute()), **environment},
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, server)
        yield server
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The installed browser, until the block ends."""
    found = subprocess.run([PACKAGES / ".ci/browser", "--path"], capture_output=True, text=True, check=True)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=found.stdout.strip(), args=FLAGS)


def _watch(url: str, process: int, questions: list[str]) -> tuple[list[int], list[float], list[float]]:
    """Measure, for each question, the resident MiB of the page's process after it; and, for each that the model
    answers, the milliseconds from Enter to its evidence and to its first word.
    """
    memory, evidence, words = [], [], []
    with chromium() as browser:
        page = browser.new_page()
        page.goto(url)
        page.get_by_placeholder("Ask a health question").wait_for(timeout=ANSWER_MS)
        page.get_by_test_id("stSidebar").get_by_text(MODEL_LOADED).wait_for(timeout=ANSWER_MS)
        page.evaluate(WATCH)
        for question in questions:
            ask(page, question)
            memory.append(memory_mib(process=process))
            states = [state for state in page.evaluate("window.states") if "ms" in state and not state["chips"]]
            marked = [state["ms"] for state in states if state["marked"] and "found" in state["status"]]
            begun = [state["ms"] for state in states if state["text"]]
            if marked and begun:
                evidence.append(marked[0])
                words.append(begun[0])
    return memory, evidence, words


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("bench.page", __doc__)
    parser.add_argument("--index", metavar="DIR", help="the index that the page searches")
    parser.add_argument(
        "--questions", type=int, default=QUESTIONS, metavar="N", help=f"questions to ask (default: {QUESTIONS})"
    )
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="how often to measure (default: 1)")
    parser.add_argument("--port", type=int, default=8599, help="the port that the page listens on (default: 8599)")
    arguments = parser.parse_args(argv)
    settings = load({"index.dir": arguments.index})
    asked = arguments.questions
    records = list(open_index(Path(settings.index.dir)).records.values())
    questions = [record.question for record in records[:: max(1, len(records) // asked)]][:asked]
    for _ in range(arguments.runs):
        try:
            with served(settings.index.dir, arguments.port, CITEWELL_HISTORY_KEEP="false") as server:
                memory, evidence, words = _watch(f"http://127.0.0.1:{arguments.port}", server.pid, questions)
        except Error as error:
            raise CiteWellError(f"the page did not answer in the browser: {error}") from error
        _print(memory, evidence, words)
    return 0


def _print(memory: list[int], evidence: list[float], words: list[float]) -> None:
    """One line of JSON with the figures of a run."""
    twenty = memory[min(19, len(memory) - 1)]
    figures = {"questions": len(memory), "after_20_mib": twenty, "after_50_mib": memory[-1]}
    seen = {
        "answered": len(evidence),
        "evidence_ms": round(statistics.median(evidence or [0.0])),
        "evidence_max_ms": round(max(evidence, default=0.0)),
        "first_word_ms": round(statistics.median(words or [0.0])),
        "first_word_max_ms": round(max(words, default=0.0)),
    }
    print(json.dumps({**figures, "growth": round(memory[-1] / twenty - 1, 4), **seen}), flush=True)


if __name__ == "__main__":
    run_command(main)
