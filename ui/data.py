"""The Data page: what is indexed, how to index other files, and how to go back to an earlier index."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import CiteWellError
from core.settings import load
from index.job import CANCELLED, DONE, FAILED, RUNNING, Job
from index.reader import Manifest
from rag import access_log
from rag.admin import SHOWN, Overview, builds, built_at, described, published
from rag.indexing import cancel, dismiss, last_job, roll_back, start
from rag.uploads import forget_unused, in_page, uploads_of
from ui import shared, uploading
from ui.editing import may_edit
from ui.uploading import short
from ui.visitor import visitor

LOOK_S = 1.0
"""Seconds between two looks at the build that runs."""
STEPS = {
    "": "Reading the file",
    "cutting passages": "Cutting the answers into passages",
    "embedding": "Reading the passages for the search by meaning",
}
"""Step of a build -> what the page calls it."""


def draw() -> None:
    """Draw the page."""
    manifest, held = shared.backend().manifest(), shared.held()
    st.title("Data")
    st.text(f"{manifest.csv}, indexed {built_at(manifest)}")
    columns = st.columns(4)
    figures = {"Rows": manifest.rows, "Answers": manifest.kept, "Passages": manifest.passages}
    for column, (title, count) in zip(columns, {**figures, "Topics": held.topic_count}.items(), strict=True):
        column.metric(title, f"{count:,}")
    if shared.is_remote():
        address = shared.plain(load().ui.service_url)
        st.info(
            f"The index lives on the service at {address}. Files are indexed there, and this page follows.",
            icon=":material/dns:",
        )
    else:
        _of_this_machine(manifest)
    _held(manifest, held)


def _of_this_machine(manifest: Manifest) -> None:
    """The build that runs, other files to index, and the builds that are kept."""
    job = last_job(load())
    _job(job.state if job else "", job.started if job else 0.0)
    if done := st.session_state.pop("done", ""):
        st.success(shared.plain(done))
    if may_edit():
        _indexing(job)
    _builds(manifest, job)


@st.fragment(run_every=LOOK_S)
def _job(state: str, started: float) -> None:
    """The build that runs, or how the last one ended; seen by everybody, and drawn anew when that changes.

    Args:
        state, started: of the build that the rest of the page was drawn with.
    """
    job = last_job(load())
    if (job.state if job else "", job.started if job else 0.0) != (state, started):
        st.rerun()
    if job is None:
        return
    name = shared.plain(short(job.title))
    if job.state == RUNNING:
        step = STEPS.get(job.step, job.step.capitalize())
        st.progress(job.share, f"{name} is being indexed. {step}: {job.share:.0%}")
        st.caption("You can leave this page or close the browser. Questions are answered meanwhile.")
        if may_edit() and st.button("Cancel", icon=":material/close:"):
            _tried(lambda: cancel(load()))
        return
    _outcome(job, name)
    if may_edit():
        with st.container(horizontal=True):
            if job.state not in (DONE, FAILED) and st.button("Index it again", icon=":material/refresh:"):
                _tried(lambda: uploading.again(job))
            if st.button("Close this message", icon=":material/done:"):
                _tried(lambda: dismiss(load()))


def _outcome(job: Job, name: str) -> None:
    serving = published(load())
    now = f"Questions are answered from {shared.plain(short(serving.csv))}."
    if job.state == DONE:
        counts = [f"{_number(job.kept, 'answer')} from {_number(job.rows, 'row')}"]
        counts += [f"{_number(job.merged, 'row')} with the same answer as another joined to it"] * bool(job.merged)
        counts += [f"{_number(job.refused, 'row')} left out"] * bool(job.refused)
        st.success(f"{name} was indexed: {', '.join(counts)}. {now}")
    elif job.state == FAILED:
        why = in_page(job.error, uploads_of(load()))
        st.error(f"{name} could not be indexed: {shared.plain(why)}. Nothing has changed. {now}")
    elif job.state == CANCELLED:
        st.info(f"The indexing of {name} was cancelled. {now}")
    else:
        by_words = "" if serving.complete else " Until it is indexed again, the search knows only its words."
        st.warning(
            f"The indexing of {name} broke off: its process was ended, or the server was started again. "
            f"Nothing is damaged. {now}{by_words}"
        )


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _indexing(job: Job | None) -> None:
    st.header("Index other files")
    running = job is not None and job.state == RUNNING
    if not running:
        forget_unused(load())
    source = uploading.draw(running=running)
    if source is not None:
        _tried(lambda: _started(source))


def _started(source: Path) -> None:
    job = start(load(), source)
    access_log.note(load(), "uploaded", visitor().owner, file=job.title)


def _builds(manifest: Manifest, job: Job | None) -> None:
    """The builds that are kept, and a button for each to go back to it."""
    st.header("What was indexed before")
    kept = builds(load())
    rows = [
        {
            "File": short(each.csv),
            "Rows": f"{each.rows:,}",
            "Answers": f"{each.kept:,}",
            "Indexed": built_at(each),
            "": "in use" if each.build == manifest.build else "",
        }
        for each in kept
    ]
    shared.table(rows)
    others = [each for each in kept if each.build != manifest.build]
    if not may_edit():
        who = "let nobody" if load().ui.uploads == "nobody" else "let editors alone"
        st.caption(f"The settings of this server {who} index files or go back to an earlier index in the page.")
        return
    if not others:
        st.caption("Nothing else is kept yet: you can go back once another file was indexed.")
    for each in others:
        label = shared.plain(f"Roll back to {described(each)}")
        running = job is not None and job.state == RUNNING
        if st.button(label, key=f"to {each.build}", icon=":material/undo:", disabled=running):
            _rolled_back(each)


def _rolled_back(build: Manifest) -> None:
    def back() -> None:
        roll_back(load(), build.build)
        access_log.note(load(), "rolled back", visitor().owner, build=build.build)
        st.session_state.done = f"Rolled back to {described(build)}."

    _tried(back)


def _tried(act: Any) -> None:
    """Do something and draw the page anew; an error is shown in its place."""
    try:
        act()
    except (CiteWellError, OSError) as error:
        st.error(uploading.told(error))
    else:
        st.rerun(scope="app")


def _held(manifest: Manifest, held: Overview) -> None:
    """What the index holds, and what was left out of it."""
    st.header("What is in it")
    if manifest.refused:
        _table("Left out", "Reason", manifest.refused)
    if refused := held.refused:
        total = sum(manifest.refused.values())
        first = f"the first {SHOWN} of {total:,}" if total > len(refused) else f"{total:,}"
        with st.expander(f"Rows that were left out ({first})"):
            shared.table([{name.capitalize(): short(str(value)) for name, value in row.items()} for row in refused])
    _table("By file", "File", held.files)
    _table("By source", "Source", held.sources)
    _table("By type of question", "Type", held.types)
    with st.expander(f"Largest topics ({min(SHOWN, held.topic_count)} of {held.topic_count:,})"):
        _table("", "Topic", held.topics)
    if held.shared_answers:
        with st.expander(f"Rows with an answer that stands elsewhere too ({manifest.merged:,} joined to it)"):
            _table("", "Question", held.shared_answers)


def _table(title: str, name: str, counts: Mapping[str, int]) -> None:
    if counts:
        if title:
            st.subheader(title)
        shared.table([{name: short(key), "Count": f"{count:,}"} for key, count in counts.items()])
