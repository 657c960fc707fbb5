"""Ask the real page 50 questions of the file in a browser, and watch the memory of its process.

python -m bench.page --index artifacts/index
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, sync_playwright

from bench.process import memory_mib
from core.errors import CiteWellError, run_command
from core.settings import load
from index.store import open_index

ROOT = Path(__file__).parent.parent
QUESTIONS = 50
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
ANSWER_MS = 120_000


def ask(page: Page, question: str) -> None:
    """Ask, and wait until the page is ready for the next question."""
    box = page.get_by_placeholder("Ask a health question")
    box.wait_for(timeout=ANSWER_MS)
    box.fill(question)
    box.press("Enter")
    page.get_by_test_id("stChatInputStopButton").wait_for(state="visible", timeout=ANSWER_MS)
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
        cwd=ROOT,
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
    found = subprocess.run([ROOT / ".ci/browser", "--path"], capture_output=True, text=True, check=True)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=found.stdout.strip(), args=FLAGS)


def _watch(url: str, process: int, questions: list[str]) -> list[int]:
    """Resident MiB of the page's process after each question."""
    memory = []
    with chromium() as browser:
        page = browser.new_page()
        page.goto(url)
        for question in questions:
            ask(page, question)
            memory.append(memory_mib(process=process))
    return memory


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.page", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--index", metavar="DIR", help="the index that the page searches")
    parser.add_argument("--port", type=int, default=8599, help="the port that the page listens on (default: 8599)")
    arguments = parser.parse_args(argv)
    settings = load({"index.dir": arguments.index})
    records = list(open_index(Path(settings.index.dir)).records.values())
    questions = [record.question for record in records[:: max(1, len(records) // QUESTIONS)]][:QUESTIONS]
    try:
        with served(settings.index.dir, arguments.port, CITEWELL_HISTORY_KEEP="false") as server:
            memory = _watch(f"http://127.0.0.1:{arguments.port}", server.pid, questions)
    except Error as error:
        raise CiteWellError(f"the page did not answer in the browser: {error}") from error
    twenty = memory[min(19, len(memory) - 1)]
    figures = {"questions": len(memory), "after_20_mib": twenty, "after_50_mib": memory[-1]}
    print(json.dumps({**figures, "growth": round(memory[-1] / twenty - 1, 4)}))
    return 0


if __name__ == "__main__":
    run_command(main)
