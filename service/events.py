"""An answer as it grows: made on other threads, and sent as server-sent events."""

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from anyio import CancelScope
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool

from rag import answerer as asking
from rag.answer import Answer, Evidence
from rag.answerer import Answerer
from rag.receipt import receipt
from service.failures import status_of
from service.forms import chunks, notice_chunk, opening_chunk
from service.limits import Gate, TooManyError


def snapshots_of(answerer: Callable[[], Answerer], asked: asking.Request) -> AsyncGenerator[Answer]:
    """Snapshots of an answer, made on other threads; closing it stops the model."""

    def written() -> Iterator[Answer]:
        at_hand = answerer()
        yield from at_hand.answer(at_hand.search(asked))

    async def each() -> AsyncGenerator[Answer]:
        made = written()
        try:
            async for snapshot in iterate_in_threadpool(made):
                yield snapshot
        finally:
            with CancelScope(shield=True):  # the model would write on for a caller who hung up
                await run_in_threadpool(made.close)  # type: ignore[attr-defined]

    return each()


async def named_events(gate: Gate, answerer: Callable[[], Answerer], asked: asking.Request) -> AsyncIterator[str]:
    """The events of `/v1/answers`."""
    try:
        async with gate.place(), contextlib.aclosing(snapshots_of(answerer, asked)) as snapshots:
            before: Answer | None = None
            async for answer in snapshots:
                if answer.ahead and (before is None or before.ahead != answer.ahead):
                    yield _event({"ahead": answer.ahead}, "queue")
                if answer.evidence and (before is None or before.evidence != answer.evidence):
                    notice = answer.notice.text if answer.notice else ""
                    yield _event(
                        {"evidence": [hit_values(item) for item in answer.evidence], "notice": notice}, "evidence"
                    )
                if answer.finished:
                    yield _event(json.loads(receipt(answer).to_json()), "answer")
                elif answer.text and (before is None or before.text != answer.text):
                    yield _event({"text": answer.text}, "text")
                before = answer
    except TooManyError as error:
        yield _event({"message": str(error), "code": 429, "retry_after": error.retry_s}, "error")
    except Exception as error:
        status, message = status_of(error)
        yield _event({"message": message, "code": status}, "error")


async def chat_events(gate: Gate, answerer: Callable[[], Answerer], asked: asking.Request) -> AsyncIterator[str]:
    """The events of a streamed chat completion: what was sent cannot be taken back, so only a checked answer is.

    The notice of an emergency comes as soon as the search is done.
    """
    yield _event(opening_chunk())
    noticed = False
    try:
        last: Answer | None = None
        async with gate.place(), contextlib.aclosing(snapshots_of(answerer, asked)) as snapshots:
            async for last in snapshots:
                if last.notice and not noticed:
                    noticed = True
                    yield _event(notice_chunk(last.notice.text))
                yield ": still writing\n\n"  # a comment, which keeps proxies from closing the connection
        if last is not None:
            for chunk in chunks(last):
                yield _event(chunk)
    except TooManyError as error:
        yield _event({"error": {"message": str(error), "code": 429}})
    except Exception as error:
        status, message = status_of(error)
        yield _event({"error": {"message": message, "code": status}})
    yield "data: [DONE]\n\n"


def _event(data: Mapping[str, Any], name: str = "") -> str:
    """One server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    return f"{f'event: {name}' + chr(10) if name else ''}data: {json.dumps(data, ensure_ascii=False)}\n\n"


def hit_values(item: Evidence) -> dict[str, Any]:
    """A passage as callers get it."""
    return {
        "n": item.n,
        "passage_id": item.passage_id,
        "record_id": item.hit.record_id,
        "question": item.question,
        "text": item.text,
        "source": item.source,
        "url": item.url,
        "score": item.score,
        "columns": dict(item.hit.columns),
    }
