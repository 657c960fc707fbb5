"""Errors that a person can act on, and the frame every command line runs in.

A message is one line: what was found, what was expected, and the next command to type.
"""

import errno
import io
import re
import sys
from collections.abc import Callable

from core.libraries import report_nothing
from core.progress import show_lines

_FULL = re.compile(r"no space left|os error 28\b|\d requested and \d+ written|iostream error", re.I)
"""What libraries say of a full disk: the system, safetensors, numpy, and C++ on its way out of OpenVINO."""


class CiteWellError(Exception):
    """Base of every error that is reported to the user as one line, without a traceback."""


class SettingsError(CiteWellError):
    """A settings key or value that is not understood."""


class DataError(CiteWellError):
    """A CSV, or another input file, that cannot be used as it is."""


class IndexFolderError(CiteWellError):
    """An index folder that is missing, damaged, or of another schema version."""


class WeightsError(CiteWellError):
    """Model weights that are missing, truncated or altered."""


class EngineError(CiteWellError):
    """A text generation engine that cannot start or broke off."""


class HistoryError(CiteWellError):
    """A database of conversations and feedback that cannot be used."""


class QuestionError(CiteWellError):
    """A question that cannot be searched for: empty or far too long."""


def run_command(main: Callable[[], int | None]) -> None:
    """Run a command's `main` and exit with its status.

    A `CiteWellError`, and an error of the file system such as a full disk, prints one line and exits 1. Ctrl-C
    exits with 130, as shells expect of SIGINT. What the console's encoding lacks is printed as a question mark.
    """
    report_nothing()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    show_lines()
    try:
        status = main()
    except CiteWellError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print("\nstopped; nothing that was there before has changed", file=sys.stderr)
        status = 130
    except BrokenPipeError:  # the reader of our output (head, less) went away
        sys.stderr.close()
        status = 0
    except Exception as error:
        if not isinstance(error, OSError) and not is_disk_full(error):
            raise
        print(f"error: {explained(error)}", file=sys.stderr)
        status = 1
    sys.exit(status or 0)


def is_disk_full(error: BaseException) -> bool:
    """Whether an error is that of a full disk; numpy, safetensors and OpenVINO raise such ones without its number."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == errno.ENOSPC
    return _FULL.search(str(error)) is not None


def explained(error: Exception) -> str:
    """An error of the file system in one line."""
    if is_disk_full(error):
        return "the disk is full; nothing that was there before has changed; free space, then run it again"
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename or 'file'}"
    return str(error)
