"""The Data page: what is indexed, and how to index another file or go back to the one before."""

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from core.errors import CiteWellError
from core.settings import Settings, load
from rag import access_log
from rag.admin import PREVIEWED, UPLOAD_MIB, is_complete, overview, preview, rebuild, refused_rows, roll_back
from ui import shared
from ui.visitor import visitor

ENDINGS = ["csv", "tsv", "txt", "json", "jsonl", "xlsx", "parquet"]
CELL = 160
"""Most letters of a cell that the preview shows."""


def draw() -> None:
    """Draw the page."""
    index = shared.retriever().index
    manifest, held = index.manifest, overview(index)
    st.title("Data")
    st.text(f"{manifest.csv}, build {manifest.build}")
    columns = st.columns(4)
    figures = {"Rows": manifest.rows, "Answers": manifest.kept, "Passages": manifest.passages}
    for column, (title, count) in zip(columns, {**figures, "Topics": held.topic_count}.items(), strict=True):
        column.metric(title, f"{count:,}")
    _table("Left out", "Reason", manifest.refused)
    if refused := refused_rows(load()):
        with st.expander("Rows that the last upload left out"):
            shared.table(refused)
    _table("By source", "Source", held.sources)
    _table("By type of question", "Type", held.types)
    _table("Largest topics", "Topic", held.topics)
    _table(
        f"Rows with an answer that stands elsewhere too ({manifest.merged:,} merged)", "Question", held.shared_answers
    )
    may_edit = visitor().may_edit
    if may_edit:
        _uploading()
    else:
        st.caption("Editors can index another file here, and roll back.")
    if may_edit and held.previous and st.button(f"Roll back to build {held.previous}", icon=":material/undo:"):
        try:
            build = roll_back(load())
            access_log.note(load(), "rolled back", visitor().owner, build=build)
            st.session_state.done = f"Rolled back to build {build}."
            st.rerun()
        except CiteWellError as error:
            st.error(shared.sentence(error))
    if done := st.session_state.pop("done", ""):
        st.success(shared.plain(done))


def _table(title: str, name: str, counts: Mapping[str, int]) -> None:
    if counts:
        st.subheader(title)
        rows = [{name: key, "Count": count} for key, count in counts.items()]
        shared.table(rows)


def _uploading() -> None:
    st.subheader("Index another file")
    st.caption(
        f"CSV, JSON, JSON Lines, Excel (.xlsx) or Parquet of at most {UPLOAD_MIB} MiB with a column of questions and "
        "one of answers. The index of the file before stays until the new one is whole, and you can roll back to it."
    )
    uploaded = st.file_uploader("File", type=ENDINGS, max_upload_size=UPLOAD_MIB)
    if uploaded is None or (settings := _looked_at(uploaded.name, uploaded.getvalue())) is None:
        return
    if not st.button("Rebuild from this file", icon=":material/refresh:", type="primary"):
        return
    progress = st.progress(0.0, "Reading the file …")

    def tell(doing: str, share: float) -> None:
        progress.progress(share, f"{doing[:1].upper()}{doing[1:]}: {share:.0%}")

    try:
        kept = rebuild(settings, uploaded.name, uploaded.getvalue(), tell)
        access_log.note(settings, "uploaded", visitor().owner, file=uploaded.name)
    except CiteWellError as error:
        progress.empty()
        st.error(shared.sentence(error))
        return
    except OSError as error:
        progress.empty()
        st.error(shared.sentence(error))
        st.caption("The index of before is still there.")
        return
    searched = "" if is_complete(settings) else " Until its vectors are made it is searched by words alone."
    st.session_state.done = (
        f"Indexed {uploaded.name}, which is kept as {kept}.{searched} "
        "Back to the file of the settings: roll back, or citewell build."
    )
    st.rerun()


def _looked_at(name: str, content: bytes) -> Settings | None:
    """Show the first rows of a file and let its columns be chosen; the settings to index it with, None until then."""
    try:
        found = preview(name, content)
    except CiteWellError as error:
        st.error(shared.sentence(error))
        return None
    names = [column for column in found.columns if column]
    question, answer = (
        column.selectbox(
            label,
            names,
            names.index(chosen) if chosen else None,
            format_func=shared.plain,
            placeholder="Choose a column",
        )
        for column, label, chosen in zip(
            st.columns(2), ("Column of questions", "Column of answers"), (found.question, found.answer), strict=True
        )
    )
    for note in found.notes[:PREVIEWED]:
        st.info(shared.plain(note))
    if not question or not answer:
        return None
    if question == answer:
        st.warning("Choose two columns: one of questions, one of answers.")
        return None
    places = {"Question": found.columns.index(question), "Answer": found.columns.index(answer)}
    shared.table([{title: _short(row[place]) for title, place in places.items()} for row in found.rows])
    settings = load()
    index = replace(settings.index, question_column=question, answer_column=answer, encoding="")
    return replace(settings, index=index)


def _short(cell: str) -> str:
    text = " ".join(cell.split())
    return text if len(text) <= CELL else f"{text[:CELL]}…"
