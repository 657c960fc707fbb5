"""The Quality page: what was measured, read from the files that the measuring commands write; and users' feedback."""

import json
from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import CiteWellError
from core.paths import artifacts, shipped
from core.settings import load
from generator.adapters import ADAPTERS
from rag.feedback import by_day, given, pairs
from ui import shared
from ui.visitor import visitor

BENCH = shipped("bench")
"""Only a checkout has this folder."""
FRESH = artifacts("evaluation")
MOST = 300
"""Rows of a table; a file may list every question that was asked, and whoever wants those takes the file."""


def draw() -> None:
    """Draw the page."""
    st.title("Quality")
    if visitor().may_edit:
        _feedback()
    for folder in sorted(ADAPTERS.iterdir()):
        if (figures := _read(folder / "evaluation.json")) is not None:
            st.subheader(f"Adapter {folder.name}: tuned against base")
            _models(figures)
            if "lay" in figures:
                st.caption("The same on questions as people write them, over what the search finds")
                _models(figures["lay"])
            _picture(folder / "evaluation.png", "Base and tuned model side by side, with 95 % intervals")
    for path in sorted(FRESH.glob("*.json")):
        st.subheader(f"Measured here: {path.stem}")
        _picture(path.with_suffix(".png"), f"{path.stem}, drawn")
        _figures(path)
    if BENCH.is_dir():
        st.subheader("Speed")
        st.caption("bench/results.json, written by: make bench")
        _picture(BENCH / "chart.png", "Speed of building, embedding, searching and answering")
        _figures(BENCH / "results.json")


def _feedback() -> None:
    st.subheader("Feedback over time")
    try:
        judged = given(Path(load().history.file))
    except CiteWellError as error:
        st.warning(shared.sentence(error))
        return
    if not judged:
        st.write("Nobody has judged an answer yet. The thumbs below an answer are for that.")
        return
    st.bar_chart(by_day(judged), x="day", y="answers", color="reason", x_label="Day", y_label="Answers")
    st.caption(
        f"{len(judged)} answers judged; {len(pairs(judged))} preference pairs: "
        "citewell feedback export --to pairs.jsonl"
    )


def _models(figures: dict[str, Any]) -> None:
    names = [name for name in figures if name not in ("about", "lay")]
    measures = dict.fromkeys(measure for name in names for measure in figures[name])
    rows = [
        {"Measure": measure.replace("_", " "), **{name: _figure(figures[name].get(measure)) for name in names}}
        for measure in measures
    ]
    shared.table(rows)


def _figure(value: Any) -> str:
    if not isinstance(value, dict) or "mean" not in value:
        return ""
    return f"{value['mean']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


def _figures(path: Path) -> None:
    """All figures of a file as a table, and the file itself to download.

    Streamlit's own viewer of JSON has too little contrast, and cannot be read with a keyboard.
    """
    with st.expander("Figures"):
        rows = flat(_read(path))
        if not rows:
            st.write("Nothing has been measured yet.")
            return
        shared.table(rows[:MOST])
        if len(rows) > MOST:
            st.caption(f"The first {MOST:,} of {len(rows):,} figures; the file has them all.")
        _download(path)


def _download(path: Path) -> None:
    st.download_button(
        shared.plain(f"Download {path.name}"),
        path.read_bytes(),
        path.name,
        "application/json",
        key=f"download {path}",
        icon=":material/download:",
        on_click="ignore",
    )


def flat(figures: Any, *above: str) -> list[dict[str, str]]:
    """Nested figures as rows, each with the names that lead to it; things of a list are counted from 1."""
    if isinstance(figures, dict):
        return [row for name, value in figures.items() for row in flat(value, *above, _words(name))]
    if isinstance(figures, list) and any(isinstance(each, dict | list) for each in figures):
        return [row for number, each in enumerate(figures, start=1) for row in flat(each, *above, str(number))]
    if figures is None:
        return []
    value = ", ".join(_value(each) for each in figures) if isinstance(figures, list) else _value(figures)
    return [{"Figure": " › ".join(above), "Value": value}]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _value(figure: Any) -> str:
    return f"{figure:,}" if isinstance(figure, int) and not isinstance(figure, bool) else str(figure)


def _picture(path: Path, meaning: str) -> None:
    if path.is_file():
        st.image(str(path), caption=meaning, alt=meaning)


def _read(path: Path) -> Any:
    """The content of a file of figures; None where it is missing or cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
