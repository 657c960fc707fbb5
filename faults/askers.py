"""Callers of the HTTP service, many at once: what each was told, after how long, and what the server took meanwhile."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import httpx
import psutil

from core.settings import Settings
from faults.processes import CONTEXT
from faults.stand_ins import stand_in
from tests.conftest import ROOT
from tests.servers import free_port

READY_S = 180.0
"""Seconds within which a server answers."""
PATIENCE_S = 600.0
"""Seconds that a caller waits for its answer."""


AILMENTS = (
    "gout acne measles asthma scurvy rickets tetanus rabies lupus anthrax mumps rubella shingles typhus cholera "
    "malaria leprosy plague smallpox polio croup hives scabies eczema psoriasis vertigo tinnitus glaucoma cataract "
    "sciatica lumbago hernia"
).split()
"""One for each asker."""


@dataclass(frozen=True)
class Told:
    """What one caller was told."""

    question: str
    status: int
    text: str
    """The answer, or the message of the error."""
    seconds: float
    retry_after: str = ""


@dataclass
class Served:
    """A server in a process of its own."""

    address: str
    pid: int
    memory: list[float] = field(default_factory=list)
    """MiB of the process, each time that they were measured."""

    def ask(self, question: str) -> Told:
        """Ask, and wait for the whole answer."""
        began = time.monotonic()
        answer = httpx.post(f"{self.address}/v1/answers", json={"question": question}, timeout=PATIENCE_S)
        seconds, values = time.monotonic() - began, answer.json()
        text = values["answer"]["text"] if answer.status_code == 200 else values["error"]["message"]
        return Told(question, answer.status_code, text, seconds, answer.headers.get("retry-after", ""))

    def measure(self) -> float:
        """MiB of memory that the server's process holds now."""
        self.memory.append(psutil.Process(self.pid).memory_info().rss / (1 << 20))
        return self.memory[-1]


def ask_together(served: Served, askers: Sequence[Sequence[str]], until: float = 0.0) -> list[Told]:
    """Each asker asks its questions in turn, all askers at once.

    Args:
        until: time (`time.monotonic`) up to which they begin again from their first question.
    """
    told: list[Told] = []
    failures: list[BaseException] = []

    def asking(questions: Sequence[str]) -> None:
        try:
            while True:
                for question in questions:
                    told.append(served.ask(question))
                    if time.monotonic() > until > 0:
                        return
                if not until:
                    return
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=asking, args=(questions,)) for questions in askers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return told


def serve(settings: Settings, port: int, seconds: float) -> None:
    """Answer over HTTP with the stand-ins, each answer being written for so many seconds."""
    from service import __main__ as service

    stand_in(seconds)
    os.environ["CITEWELL_SERVICE_KEYS"] = str(Path(settings.index.dir) / "no keys")
    os.environ["CITEWELL_SERVICE_REQUESTS_PER_MINUTE"] = "1000000"  # all callers have one address here
    service.main(["--port", str(port), "--index", settings.index.dir])


@contextlib.contextmanager
def standing_in(settings: Settings, port: int, seconds: float = 0.02) -> Iterator[tuple[Served, BaseProcess]]:
    """A server with the stand-ins."""
    process = CONTEXT.Process(target=serve, args=(settings, port, seconds))
    process.start()
    assert process.pid is not None
    try:
        yield _ready(f"http://127.0.0.1:{port}", process.pid), process
    finally:
        process.kill()
        process.join()


@contextlib.contextmanager
def real(index: Path, **environment: str) -> Iterator[tuple[Served, "subprocess.Popen[bytes]"]]:
    """`citewell serve` with the real weights."""
    port = free_port()
    command = [sys.executable, str(ROOT / "citewell.py"), "serve", "--port", str(port), "--index", str(index)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield _ready(f"http://127.0.0.1:{port}", process.pid), process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _ready(address: str, pid: int) -> Served:
    deadline = time.monotonic() + READY_S
    while True:
        with contextlib.suppress(httpx.HTTPError, KeyError):
            if httpx.get(f"{address}/healthz", timeout=10).json()["model"] == "loaded":
                return Served(address, pid)
        assert time.monotonic() < deadline, f"{address} does not answer"
        assert psutil.pid_exists(pid), "the server has ended"
        time.sleep(0.05)


def questions() -> list[str]:
    """One for each asker."""
    return [f"What is {name}?" for name in AILMENTS]
