"""The line of those who wait: its order, its places, and that whoever leaves it gives the place back at once."""

import asyncio
import json
import time
from dataclasses import replace

import httpx
import psutil
import pytest

from core.service_settings import ServiceSettings
from rag.answerer import Answerer
from rag.backend import OneAnswerer
from rag.receipt import read_receipt
from service.app import create_app
from service.limits import Gate, TooManyError
from tests.service.conftest import serving
from tests.service.test_app import QUESTION, events
from tests.service.test_client import busy

EXPECTED = {"what is gout": "Gout is a form of arthritis. [1]", "what is measles": "Measles is a very"}


def test_places_move_up_when_somebody_before_leaves() -> None:
    async def walk() -> None:
        gate, turns = Gate(1, 3), list[str]()
        seen: dict[str, list[int]] = {name: [] for name in "abcd"}
        leave = {name: asyncio.Event() for name in "abcd"}

        async def come(name: str) -> None:
            async with gate.place() as waiting:
                async for ahead in waiting:
                    seen[name].append(ahead)
                turns.append(name)
                await leave[name].wait()

        tasks = {name: asyncio.create_task(come(name)) for name in "abcd"}
        await asyncio.sleep(0.01)
        with pytest.raises(TooManyError, match="4 requests are answered or wait already"):
            gate.check()
        tasks["c"].cancel()  # who hangs up while waiting
        await asyncio.sleep(0.01)
        assert gate.inside == 3
        for name in "abd":
            leave[name].set()
            await tasks[name]
        assert seen == {"a": [], "b": [1, 1], "c": [2], "d": [3, 2, 1]}
        assert turns == ["a", "b", "d"]
        assert gate.inside == 0

    asyncio.run(walk())


def _until_empty(url: str, inside: int) -> None:
    """Wait until so many are inside the gate, by the service's own count."""
    until = time.monotonic() + 20
    while f"citewell_inside {inside}.0" not in httpx.get(f"{url}/metrics").text:
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("path", ["/v1/answers", "/v1/chat/completions"])
@pytest.mark.parametrize("stream", [True, False])
def test_a_caller_who_hangs_up_while_waiting_gives_the_place_back(
    answerer: Answerer, service_settings: ServiceSettings, path: str, stream: bool
) -> None:
    body = {"messages": [{"role": "user", "content": QUESTION}]} if "chat" in path else {"question": QUESTION}
    with busy(answerer, replace(service_settings, queue=1)) as (url, _):
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}{path}", json={**body, "stream": stream}, timeout=httpx.Timeout(5, read=0.3))
        _until_empty(url, 1)


def test_whoever_waits_gets_events_of_the_place(answerer: Answerer, service_settings: ServiceSettings) -> None:
    with busy(answerer, replace(service_settings, queue=1)) as (url, engine):
        with httpx.stream("POST", f"{url}/v1/answers", json={"question": QUESTION, "stream": True}) as got:
            lines = got.iter_lines()
            head = [next(lines) for _ in range(2)]
            engine.may_end.set()
            rest = "\n".join(lines)
        assert head == ["event: queue", 'data: {"ahead": 1}']
        name, last = events(rest)[-1]
        assert name == "answer"
        assert read_receipt(json.dumps(last)).answer.finished


def test_five_hundred_callers_at_once_get_their_own_answer_or_a_429_in_bounded_memory(
    answerer: Answerer, service_settings: ServiceSettings
) -> None:
    process = psutil.Process()

    async def ask_all(url: str, count: int) -> list[tuple[str, httpx.Response]]:
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=None), timeout=60) as client:
            questions = [question for _ in range(count // 2) for question in EXPECTED]
            got = await asyncio.gather(
                *(client.post(f"{url}/v1/answers", json={"question": question}) for question in questions)
            )
        return list(zip(questions, got, strict=True))

    few = replace(service_settings, at_once=2, queue=38, requests_per_minute=1_000_000)
    with serving(create_app(OneAnswerer(answerer), few)) as url:
        asyncio.run(ask_all(url, 20))  # what is loaded once is loaded
        before = process.memory_info().rss
        asked = asyncio.run(ask_all(url, 500))
        grown = process.memory_info().rss - before
        _until_empty(url, 0)
    answered = [(question, got) for question, got in asked if got.status_code == 200]
    assert {got.status_code for _, got in asked} == {200, 429}
    assert len(answered) >= 40
    assert all(int(got.headers["retry-after"]) >= 1 for _, got in asked if got.status_code == 429)
    for question, got in answered:
        answer = read_receipt(got.text).answer
        assert answer.question == question
        assert answer.text.startswith(EXPECTED[question])
    assert grown < 200 << 20  # both ends of 500 connections, and 40 answers
