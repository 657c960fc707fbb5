"""The part of the Data page that takes files: a look at their first rows, and the choice of their columns."""

from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import CiteWellError, DataError
from core.settings import load
from index.files.delimited import DELIMITERS
from index.files.folder import ENDINGS, Reading
from index.job import Job
from rag.indexing import start
from rag.uploads import MOST_FILES, PREVIEWED, UPLOAD_MIB, Preview, Upload, in_page, keep, preview, uploads_of
from ui import shared
from ui.editing import address, may_upload

CELL, NAME = 160, 60
"""Most letters of a cell, and of a name of a column, that are shown."""
FOUND = "as found"
ENCODINGS = ("utf-8", "cp1252", "latin-1", "cp1250", "cp1251", "utf-16", "shift_jis", "gb18030", "big5", "euc_kr")


def draw(*, running: bool) -> Path | None:
    """Draw the uploader, and a look at what was uploaded; the folder to index, once somebody pressed the button."""
    st.caption(
        f"CSV, JSON, JSON Lines, Excel (.xlsx) or Parquet with a column of questions and one of answers; at most "
        f"{UPLOAD_MIB} MiB together. Up to {MOST_FILES} files become one index: each row keeps the name of its file, "
        "and an answer that stands in several of them is one answer with all its questions. This changes the file for "
        "everybody who uses this page. The one before is kept, and you can roll back to it."
    )
    used = st.session_state.setdefault("uploads used", 0)
    given = st.file_uploader(
        "Files", type=list(ENDINGS), max_upload_size=UPLOAD_MIB, accept_multiple_files=True, key=f"uploads {used}"
    )
    if not given or not _within_limit(given):
        return None
    uploads = [_looked_at(each, alone=len(given) == 1) for each in given]
    if running:
        st.info("Another file is being indexed. Wait until it is done, or cancel it above.")
    label = "Rebuild from this file" if len(given) == 1 else f"Rebuild from these {len(given)} files"
    ready = [each for each in uploads if each is not None]
    if len(ready) < len(given):
        return None
    if not st.button(label, icon=":material/refresh:", type="primary", disabled=running):
        return None
    try:
        source = keep(load(), ready)
    except (CiteWellError, OSError) as error:
        st.error(told(error))
        return None
    st.session_state["uploads used"] = used + 1  # an empty uploader: the server's memory is free of the files
    return source


def again(job: Job) -> None:
    """Index once more what a job that ended early was about; see `rag.indexing.start` for what it raises."""
    if not Path(job.source).exists():
        raise DataError(f"{job.title} is not kept any more; upload it again")
    start(load(), Path(job.source))


def told(error: CiteWellError | OSError) -> str:
    """An error as a sentence for a reader of the page."""
    text = in_page(error, uploads_of(load()))
    return shared.plain(f"{text[:1].upper()}{text[1:]}.")


def short(text: str, most: int = CELL) -> str:
    """A text in one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most]}…"


def _within_limit(given: list[Any]) -> bool:
    """Whether this address may upload so much in a minute; each file counts once."""
    counted = st.session_state.setdefault("uploads counted", set())
    for each in given:
        if each.file_id not in counted and not may_upload(address()):
            limit = load().ui.uploads_per_minute
            st.error(f"More than {limit} files in a minute from your address; wait a little, then choose them again.")
            return False
        counted.add(each.file_id)
    return True


def _looked_at(given: Any, *, alone: bool) -> Upload | None:
    """Show the first rows of a file and let its columns be chosen; the file with them, None until then."""
    key, name = given.file_id, given.name
    state = st.session_state
    encoding, delimiter = (state.get(f"{what} {key}", FOUND) for what in ("encoding", "delimiter"))
    reading = Reading(encoding="" if encoding == FOUND else encoding, delimiter="" if delimiter == FOUND else delimiter)
    upload = Upload(name, given.getvalue(), reading)
    found = _preview(key, upload)
    sure = isinstance(found, Preview) and bool(found.question and found.answer)
    with st.container() if alone else st.expander(shared.plain(short(name, NAME)), expanded=not sure):
        if isinstance(found, Preview):
            chosen = _columns(key, found)
        else:
            chosen = ("", "")
            st.error(found)
        if Path(name).suffix.lower() not in (".xlsx", ".parquet"):
            _how_it_is_read(key, opened=not sure, alone=alone)
    if not all(chosen) or chosen[0] == chosen[1]:
        return None
    question, answer = chosen
    return Upload(name, upload.content, Reading(question, answer, reading.encoding, reading.delimiter))


def _preview(key: str, upload: Upload) -> Preview | str:
    """The look at a file, or why there is none; made once for each way to read it, as a large file takes seconds."""
    state, reading = st.session_state, (upload.reading.encoding, upload.reading.delimiter)
    known = state.get(f"preview {key}")
    if known is None or known[0] != reading:
        try:
            made: Preview | str = preview(upload)
        except CiteWellError as error:
            made = told(error)
        known = state[f"preview {key}"] = (reading, made)
    found: Preview | str = known[1]
    return found


def _columns(key: str, found: Preview) -> tuple[str, str]:
    """The columns of questions and answers as they are chosen, with the first rows; empty ones until then."""
    names = [column for column in found.columns if column]
    st.caption(shared.plain(f"{found.count:,} rows, {found.kind}"))
    if not (found.question and found.answer):
        st.info("Which columns hold the questions and the answers? The file does not say it in a way that is known.")
    question, answer = (
        column.selectbox(
            label,
            names,
            names.index(preset) if preset in names else None,
            format_func=lambda each: short(each, NAME),
            placeholder="Choose a column",
            key=f"{label} {key} {len(names)}",
        )
        for column, label, preset in zip(
            st.columns(2), ("Column of questions", "Column of answers"), (found.question, found.answer), strict=True
        )
    )
    for note in found.notes[:PREVIEWED]:
        st.info(shared.plain(short(note)))
    if question and question == answer:
        st.warning("Choose two columns: one of questions, one of answers.")
    shown = list(dict.fromkeys(each for each in (question, answer) if each)) or names[:4]
    places = {short(each, NAME): found.columns.index(each) for each in shown}
    shared.table([{title: short(row[place]) for title, place in places.items()} for row in found.rows])
    return question or "", answer or ""


def _how_it_is_read(key: str, *, opened: bool, alone: bool) -> None:
    """Boxes for the encoding and the delimiter, for a file in which they are guessed wrong."""
    with st.expander("Letters or cells look wrong?", expanded=opened) if alone else st.container():
        left, right = st.columns(2)
        left.selectbox("Encoding", (FOUND, *ENCODINGS), key=f"encoding {key}")
        right.selectbox(
            "Cells are separated by",
            (FOUND, *DELIMITERS),
            format_func=lambda each: DELIMITERS.get(each, each),
            key=f"delimiter {key}",
        )
