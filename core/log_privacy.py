"""Logs without people's words: an error is logged by its type and place, without its message."""

import logging
import threading
import traceback

from core.progress import log


def without_words() -> None:
    """Let every logger of this process, and every thread that fails, report errors without their messages."""
    make = logging.getLogRecordFactory()

    def record(*given: object, **named: object) -> logging.LogRecord:
        made = make(*given, **named)
        if isinstance(made.exc_info, tuple) and made.exc_info[1] is not None:
            made.msg, made.args = f"{made.getMessage()}: {place_of(made.exc_info[1])}", ()
            made.exc_info = made.exc_text = None
        return made

    def failed(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and args.exc_type is not SystemExit:
            log.error(f"a thread failed: {place_of(args.exc_value)}")

    logging.setLogRecordFactory(record)
    threading.excepthook = failed


def place_of(error: BaseException) -> str:
    """The types of an error and of those that caused it, and the lines of code that they came through."""
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(parts) < 5:
        frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(cause.__traceback__)]
        parts.append(f"{type(cause).__name__} at {' > '.join(frames) or 'an unknown line'}")
        cause = cause.__cause__ or cause.__context__
    return "; caused by ".join(parts)
