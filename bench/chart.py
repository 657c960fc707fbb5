"""The measurements as one picture."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.charts import chart
from core.processor import NAMES

OURS, OTHERS = "#0f766e", "#94a3b8"
SHORT: dict[str, str] = {kind: name.replace("AVX-512 with bf16", "AVX-512, bf16") for kind, name in NAMES.items()}


def draw(results: dict[str, Any], target: Path) -> None:
    """Write a PNG with a row of panels for each class of processor that was measured."""
    classes = {kind: of_class for kind, of_class in results["classes"].items() if PANELS.keys() & of_class.keys()}
    if not classes:
        return
    panels = [name for name in PANELS if any(name in of_class for of_class in classes.values())]
    with chart(target, len(panels), (5.2 * len(panels), 3.6), dpi=130) as (figure, axes):
        for axis, name in zip(axes, panels, strict=True):
            PANELS[name](axis, {kind: of_class[name] for kind, of_class in classes.items() if name in of_class})
            axis.spines[["top", "right"]].set_visible(False)
        machines = "; ".join(of_class["machine"]["label"] for of_class in classes.values())
        figure.suptitle(f"{results['csv']}: {machines}", fontsize=9, color="#475569")


def _generation(axis: Any, measured: dict[str, dict[str, dict[str, float]]]) -> None:
    """Time of a whole answer, and of it the time to the first token."""
    rows = [(f"{name}\n{SHORT[kind]}", row) for kind, writers in measured.items() for name, row in writers.items()]
    rows.reverse()
    names, whole = [name for name, _ in rows], [row["whole_answer_s"] for _, row in rows]
    bars = axis.barh(names, whole, color=[OURS if name.startswith("OpenVINO") else OTHERS for name in names])
    axis.barh(names, [row["first_token_s"] for _, row in rows], color="black", alpha=0.3)
    axis.bar_label(bars, [f"{seconds:.1f} s" for seconds in whole], padding=3, fontsize=7)
    axis.tick_params(axis="y", labelsize=6)
    axis.set_xlim(0, max(whole) * 1.2)
    axis.set_title("A whole answer (dark: to its first token)", fontsize=10)
    axis.set_xlabel("seconds, median")


def _embedding(axis: Any, measured: dict[str, dict[str, float]]) -> None:
    names, rates, colours = [], [], []
    for kind, figures in measured.items():
        names += [f"sentence-transformers\n{SHORT[kind]}", f"CiteWell\n{SHORT[kind]}"]
        rates += [figures["sentence_transformers_float32_texts_per_s"], figures["texts_per_s"]]
        colours += [OTHERS, OURS]
    axis.bar_label(axis.bar(names, rates, color=colours, width=0.5), fmt="%.0f")
    axis.tick_params(axis="x", labelsize=6)
    axis.set_title("Embedding passages", fontsize=10)
    axis.set_ylabel("passages a second")


def _build(axis: Any, measured: dict[str, dict[str, float]]) -> None:
    """The time that people wait, by step."""
    waits = {
        "first_answer_s": "a first answer",
        "cold_s": "all vectors",
        "resumed_s": "the same, killed at 90 %",
        "one_percent_changed_s": "1 % of rows changed",
        "unchanged_s": "nothing changed",
    }
    names = [f"{label}\n{SHORT[kind]}" for label in waits.values() for kind in measured][::-1]
    values = [figures[name] for name in waits for figures in measured.values()][::-1]
    bars = axis.barh(names, values, color=OURS)
    axis.bar_label(bars, [f"{value:.0f} s" for value in values], padding=3, fontsize=7)
    axis.tick_params(axis="y", labelsize=6)
    axis.set_xscale("log")
    axis.set_title("Building the index", fontsize=10)
    axis.set_xlabel("seconds")


PANELS: dict[str, Callable[[Any, Any], None]] = {"generation": _generation, "embedding": _embedding, "build": _build}
