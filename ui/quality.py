"""The Quality page: how good the answers are, in plain words and with real questions first; then every figure."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import CiteWellError
from core.paths import artifacts, shipped
from core.settings import load
from generator.adapters import ADAPTERS
from rag.feedback import REASONS, by_day, given, pairs
from ui import quality_words as words
from ui import shared
from ui.visitor import visitor

BENCH = shipped("bench")
"""Only a checkout has this folder."""
PEOPLE, OWN = shipped("data/dev/people_figures.json"), shipped("data/dev/own_figures.json")
SEARCH = shipped("data/dev/figures.json")
FRESH = artifacts("evaluation")
MOST = 300
"""Rows of a table; a file may list every question that was asked, and whoever wants those takes the file."""
COLORS = ("#0d9488", "#d97706", "#7c3aed", "#2563eb", "#db2777", "#6b7280")
"""Told apart on white and on black, and in print; the first is that of what is good."""


def draw() -> None:
    """Draw the page."""
    st.title("Quality")
    _people(_read(PEOPLE))
    if visitor().may_edit:
        _feedback()
    st.header("On this server")
    fresh = sorted(FRESH.glob("*.json"))
    if not fresh:
        st.write("Nobody has measured the answers over this server's own file yet.")
    for path in fresh:
        _figures(f"Figures measured here: {path.stem}", path)
    _experts()


def _people(people: Any) -> None:
    """What became of questions that people really sent."""
    if not people:
        return
    figures, about = people["figures"], people["about"]
    st.header("Questions that people really sent")
    columns = st.columns(3)
    for column, (measure, label) in zip(columns, words.SHORT.items(), strict=True):
        column.metric(label, f"{figures[measure]['mean']:.0%}")
    others = about["questions"] - about["answerable"]
    st.write(
        f"{about['questions']:,} questions that people sent to health services were asked over a large public file, "
        f"which answers {about['answerable']:,} of them and not the other {others:,}. "
        "For each question some thirty passages were read and graded beforehand, and no part of CiteWell was fitted to "
        "these questions. An answer misleads if every passage that it cites is about something else."
    )
    _bars({words.BARS[name]: figures[name] for name in words.BARS if name in figures})
    _shares(figures, words.OF_PEOPLE)
    st.caption(
        f"Measured on {about['measured']}. The readers who graded were language models; no physician has read their "
        "grades. Over another file the figures differ: questions near to the words of the file do better."
    )
    if own := _read(OWN):
        with st.expander("The same on questions that were written for this project"):
            _shares(own["figures"], words.OF_PEOPLE)


def _shares(figures: Mapping[str, Any], names: Sequence[str]) -> None:
    """Shares as sentences, with the range in which they would lie for other questions of the kind."""
    shared.table(
        [
            {
                "Of 100 …": f"{words.MEASURES[name][0]} ({figures[name]['n']:,} counted)",
                "": f"{figures[name]['mean'] * 100:.0f}",
                "likely": f"{figures[name]['low'] * 100:.0f} to {figures[name]['high'] * 100:.0f}",
            }
            for name in names
            if name in figures
        ]
    )


def _bars(figures: Mapping[str, Mapping[str, float]]) -> None:
    """Shares as bars, each with its range as a line; nothing is told by colour alone, so there is no legend."""
    import altair as alt

    rows = [
        {"measure": name, **{each: figure[each] for each in ("mean", "low", "high")}}
        for name, figure in figures.items()
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("measure:N", sort=None, title=None, axis=alt.Axis(labelLimit=130))
    )
    share = alt.Axis(format="%", title="Share, and the likely range")
    bars = base.mark_bar(color=COLORS[0], opacity=0.75).encode(
        x=alt.X("mean:Q", scale=alt.Scale(domain=[0, 1]), axis=share)
    )
    ranges = base.mark_rule(color="#6b7280", strokeWidth=3).encode(x="low:Q", x2="high:Q")
    st.altair_chart((bars + ranges).properties(height=30 * len(rows) + 40), width="stretch")


def _feedback() -> None:
    st.header("What readers of this page said")
    try:
        judged = given(Path(load().history.file))
    except CiteWellError as error:
        st.warning(shared.sentence(error))
        return
    if not judged:
        st.write("Nobody has judged an answer yet. The thumbs below an answer are for that.")
        return
    import altair as alt

    good = sum(each.good for each in judged)
    answers = "1 answer was" if len(judged) == 1 else f"{len(judged):,} answers were"
    st.write(f"{answers} judged, {good:,} of them good.")
    rows = by_day(judged)
    named = [name for name in ("good", *REASONS) if any(row["reason"] == name for row in rows)]
    colors = dict(zip(("good", *REASONS), COLORS, strict=True))
    chart = alt.Chart(alt.Data(values=rows)).mark_bar()
    legend = alt.Legend(title=None, orient="bottom", columns=2)
    scale = alt.Scale(domain=named, range=[colors[name] for name in named])
    chart = chart.encode(
        x=alt.X("day:O", title="Day"),
        y=alt.Y("sum(answers):Q", title="Answers", axis=alt.Axis(tickMinStep=1)),
        color=alt.Color("reason:N", scale=scale, legend=legend),
    )
    st.altair_chart(chart, width="stretch")
    with st.expander("The same as a table"):
        shared.table([{"Day": row["day"], "Judged": row["reason"], "Answers": f"{row['answers']:,}"} for row in rows])
    count = len(pairs(judged))
    st.caption(f"{count:,} better answers were written to them, from which a model can learn.")


def _experts() -> None:
    """Every other figure, under its own closed heading."""
    st.header("For those who know the terms")
    st.write("Each figure stands with the range in which it lies with 95 % confidence.")
    for folder in sorted(ADAPTERS.iterdir()):
        if (figures := _read(folder / "evaluation.json")) is not None:
            with st.expander(f"The model with its training ({folder.name}) and without"):
                _models(figures)
                if "lay" in figures:
                    st.caption("The same on questions as people write them, over what the search finds")
                    _models(figures["lay"])
    if SEARCH.is_file():
        _figures("Figures of the search", SEARCH)
    if (BENCH / "results.json").is_file():
        _figures("Figures of speed and memory, by processor", BENCH / "results.json")


def _models(figures: dict[str, Any]) -> None:
    names = [name for name in figures if name not in ("about", "lay")]
    measures = dict.fromkeys(measure for name in names for measure in figures[name])
    shared.table(
        [
            {
                "Measure": words.named(measure),
                **{words.MODELS.get(name, name): _figure(figures[name].get(measure)) for name in names},
                "Meaning": words.meaning(measure),
            }
            for measure in measures
        ]
    )


def _figure(value: Any) -> str:
    if not isinstance(value, dict) or "mean" not in value:
        return ""
    return f"{value['mean']:,.3f} ({value['low']:,.3f} to {value['high']:,.3f})"


def _figures(title: str, path: Path) -> None:
    """All figures of a file as a table, and the file itself to download.

    Streamlit's own viewer of JSON has too little contrast, and cannot be read with a keyboard.
    """
    with st.expander(shared.plain(title)):
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
    if isinstance(figure, float):
        return f"{figure:,.4g}" if abs(figure) < 1000 else f"{figure:,.0f}"
    return f"{figure:,}" if isinstance(figure, int) and not isinstance(figure, bool) else str(figure)


def _read(path: Path) -> Any:
    """The content of a file of figures; None where it is missing or cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
