"""Open the reader that the settings name; without one, the search decides by itself."""

from functools import cache
from pathlib import Path

from core.errors import WeightsError
from core.progress import log
from core.settings import Settings
from index.embedders.weights import find_weights
from index.ranking import NEVER_FITTED, Answerability
from rag.reader.base import Reader
from rag.reader.folder import CARD, SHIPPED, read_folder


def open_reader(settings: Settings) -> tuple[Reader | None, Answerability]:
    """The reader, and when to answer by it; (None, never fitted) where none is named or it cannot be had, which is
    reported once.
    """
    name = settings.rag.reader
    if not name:
        return None, NEVER_FITTED
    try:
        return _open(name, Path(settings.index.cache))
    except (WeightsError, OSError, RuntimeError) as error:
        _report(f"notice: the search decides alone, without the reader: {error}")
        return None, NEVER_FITTED


def _open(name: str, cache: Path) -> tuple[Reader, Answerability]:
    folder = SHIPPED if name == "default" else Path(name)
    if name != "default" and not (folder / CARD).is_file():
        from rag.reader.cross_encoder import CrossEncoderReader

        return CrossEncoderReader.load(name), NEVER_FITTED
    from rag.reader.openvino import OpenVinoReader

    found = read_folder(folder)
    return OpenVinoReader.load(found, find_weights(), cache), found.decision


@cache
def _report(message: str) -> None:
    log.warning(message)
