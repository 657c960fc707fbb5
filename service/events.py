"""An answer as it grows: made on other threads, and sent as server-sent events."""

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from anyio import CancelScope
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool

from rag import answerer as asking
from rag.answer import Answer, Evidence
from rag.backend import Backend
from rag.receipt import receipt
from service.failures import status_of
from service.forms import chunks, notice_chunk, opening_chunk
from service.limits import Gate, TooManyError

Snapshots = Callable[[asking.Request], AsyncGenerator[Answer]]
"""What makes the snapshots of an answer."""
BEAT = ": waiting\n\n"
"""A comment, which no client reads: it keeps proxies from closing the connection."""


def snapshots_of(backend: Backend, asked: asking.Request) -> AsyncGenerator[Answer]:
    """Snapshots of an answer, made on other threads; closing it stops the model."""

    async def each() -> AsyncGenerator[Answer]:
        made = backend.answer(asked)
        try:
            async for snapshot in iterate_in_threadpool(made):
                yield snapshot
        finally:
            with CancelScope(shield=True):  # the model would write on for a caller who hung up
                await run_in_threadpool(made.close)  # type: ignore[attr-defined]

    return each()


async def named_events(gate: Gate, snapshots: Snapshots, asked: asking.Request, *, whole: bool) -> AsyncIterator[str]:
    """The events of `/v1/answers`.

    Args:
        whole: send every field of a snapshot that changed (`snapshot`), in place of evidence and text alone.
    """
    try:
        async with gate.place() as waiting:
            told = -1
            async for ahead in waiting:
                yield BEAT if ahead == told else _event({"ahead": ahead}, "queue")
                told = ahead
            async with contextlib.aclosing(snapshots(asked)) as made:
                before = Answer("", "")
                async for answer in made:
                    events = [] if answer.finished else [("snapshot", _changes(before, answer))]
                    for name, data in events if whole else _changed_parts(before, answer):
                        yield _event(data, name)
                    if answer.finished:
                        yield _event(json.loads(receipt(answer).to_json()), "answer")
                    before = answer
    except TooManyError as error:
        yield _event({"message": str(error), "code": 429, "retry_after": error.retry_s}, "error")
    except Exception as error:
        status, message = status_of(error)
        yield _event({"message": message, "code": status}, "error")


def _changed_parts(before: Answer, answer: Answer) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The place in the model's queue, the evidence and the text, each where it changed."""
    if answer.ahead and before.ahead != answer.ahead:
        yield "queue", {"ahead": answer.ahead}
    if answer.evidence and before.evidence != answer.evidence:
        notice = answer.notice.text if answer.notice else ""
        yield "evidence", {"evidence": [evidence_values(item) for item in answer.evidence], "notice": notice}
    if not answer.finished and answer.text and before.text != answer.text:
        yield "text", {"text": answer.text}


def _changes(before: Answer, answer: Answer) -> dict[str, Any]:
    """The fields of a snapshot that are not those of the one before it."""
    changed = {
        field.name: getattr(answer, field.name)
        for field in fields(Answer)
        if getattr(answer, field.name) != getattr(before, field.name)
    }
    values = asdict(replace(Answer("", ""), **changed))
    return {name: values[name] for name in changed}


async def chat_events(gate: Gate, snapshots: Snapshots, asked: asking.Request) -> AsyncIterator[str]:
    """The events of a streamed chat completion: what was sent cannot be taken back, so only a checked answer is.

    The notice of an emergency comes as soon as the search is done.
    """
    yield _event(opening_chunk())
    noticed = False
    try:
        last: Answer | None = None
        async with gate.place() as waiting:
            async for _ in waiting:
                yield BEAT
            async with contextlib.aclosing(snapshots(asked)) as made:
                async for last in made:
                    if last.notice and not noticed:
                        noticed = True
                        yield _event(notice_chunk(last.notice.text))
                    yield BEAT
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
    # In ASCII: some clients end a line at U+2028 and its like too, which JSON does not escape.
    return f"{f'event: {name}' + chr(10) if name else ''}data: {json.dumps(data)}\n\n"


def evidence_values(item: Evidence) -> dict[str, Any]:
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
