"""The Data page: what is indexed, and how to index another file or go back to the one before."""

from collections.abc import Mapping

import streamlit as st

from core.errors import CiteWellError
from core.settings import load
from rag.admin import UPLOAD_MIB, is_complete, overview, rebuild, refused_rows, roll_back
from ui import shared


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
    _uploading()
    if held.previous and st.button(f"Roll back to build {held.previous}", icon=":material/undo:"):
        try:
            st.session_state.done = f"Rolled back to build {roll_back(load())}."
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
        f"A CSV of at most {UPLOAD_MIB} MiB with a column of questions and one of answers. The index of the file "
        "before stays until the new one is whole, and you can roll back to it."
    )
    settings = load()
    uploaded = st.file_uploader("CSV file", type="csv", max_upload_size=UPLOAD_MIB)
    if uploaded is None or not st.button("Rebuild from this file", icon=":material/refresh:", type="primary"):
        return
    progress = st.progress(0.0, "Reading the file …")

    def tell(doing: str, share: float) -> None:
        progress.progress(share, f"{doing[:1].upper()}{doing[1:]}: {share:.0%}")

    try:
        kept = rebuild(settings, uploaded.name, uploaded.getvalue(), tell)
    except CiteWellError as error:
        progress.empty()
        st.error(shared.sentence(error))
        return
    except OSError as error:
        progress.empty()
        st.error(f"The index could not be written ({error.strerror}); the one before is still there.")
        return
    searched = "" if is_complete(settings) else " Until its vectors are made it is searched by words alone."
    st.session_state.done = (
        f"Indexed {uploaded.name}, which is kept as {kept}.{searched} "
        "Back to the file of the settings: roll back, or citewell build."
    )
    st.rerun()
