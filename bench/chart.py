"""The measurements as one picture."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.charts import chart

OURS, OTHERS = "#0f766e", "#94a3b8"


def draw(results: dict[str, Any], target: Path) -> None:
    """Write a PNG with a panel for each part that was measured."""
    panels = [name for name in PANELS if name in results]
    if not panels:
        return
    machine = results["machine"]
    title = f"{results['csv']}, {machine['cores']} cores ({machine['processor']})"
    with chart(target, len(panels), (5.2 * len(panels), 3.6), dpi=130) as (figure, axes):
        for axis, name in zip(axes, panels, strict=True):
            PANELS[name](axis, results[name])
            axis.spines[["top", "right"]].set_visible(False)
        figure.suptitle(title, fontsize=9, color="#475569")


def _generation(axis: Any, measured: dict[str, dict[str, float]]) -> None:
    """Time of a whole answer, and of it the time to the first token."""
    names = list(measured)[::-1]
    colours = [OURS if name.startswith("OpenVINO") else OTHERS for name in names]
    whole = [measured[name]["whole_answer_s"] for name in names]
    bars = axis.barh(names, whole, color=colours)
    axis.barh(names, [measured[name]["first_token_s"] for name in names], color="black", alpha=0.3)
    rates = [measured[name]["decode_tokens_per_s"] for name in names]
    labels = [f"{seconds:.1f} s, {rate:.0f} tokens/s" for seconds, rate in zip(whole, rates, strict=True)]
    axis.bar_label(bars, labels, padding=3, fontsize=8)
    axis.set_xlim(0, max(whole) * 1.45)
    axis.set_title("A whole answer (dark: to its first token)", fontsize=10)
    axis.set_xlabel("seconds, median")


def _embedding(axis: Any, figures: dict[str, float]) -> None:
    names = ["sentence-transformers\nfloat32", "CiteWell\n(OpenVINO)"]
    rates = [figures["sentence_transformers_float32_texts_per_s"], figures["texts_per_s"]]
    axis.bar_label(axis.bar(names, rates, color=[OTHERS, OURS], width=0.5), fmt="%.0f")
    axis.set_title("Embedding passages", fontsize=10)
    axis.set_ylabel("passages a second")


def _build(axis: Any, builds: list[dict[str, float]]) -> None:
    rows = [build["rows"] for build in builds]
    labels = {"cold_s": "everything new", "one_percent_changed_s": "1 % of rows changed", "unchanged_s": "unchanged"}
    for (name, label), style in zip(labels.items(), ("o-", "s--", "^:"), strict=True):
        axis.plot(rows, [build[name] for build in builds], style, label=label, color=OURS)
    axis.set_yscale("log")
    axis.set_title("Building the index", fontsize=10)
    axis.set_xlabel("rows")
    axis.set_ylabel("seconds")
    axis.legend(fontsize=8, frameon=False)


PANELS: dict[str, Callable[[Any, Any], None]] = {"generation": _generation, "embedding": _embedding, "build": _build}
