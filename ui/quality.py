"""The Quality page: what was measured, read from the files that the measuring commands write; and what people say."""

import json
from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import CiteWellError
from core.settings import load
from rag.feedback import by_day, given, pairs
from ui import shared

ROOT = Path(__file__).parent.parent
FRESH = Path("artifacts/evaluation")


def draw() -> None:
    """Draw the page."""
    st.title("Quality")
    _feedback()
    for folder in sorted((ROOT / "generator/adapters").iterdir()):
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
        with st.expander("Figures"):
            st.json(_read(path) or {})
    st.subheader("Speed")
    st.caption("bench/results.json, written by: make bench")
    _picture(ROOT / "bench/chart.png", "Speed of building, embedding, searching and answering")
    with st.expander("Figures"):
        st.json(_read(ROOT / "bench/results.json") or {})


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
        "python -m rag.feedback export --to pairs.jsonl"
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


def _picture(path: Path, meaning: str) -> None:
    if path.is_file():
        st.image(str(path), caption=meaning, alt=meaning)


def _read(path: Path) -> Any:
    """What a file of figures holds; None where it is not there or cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
