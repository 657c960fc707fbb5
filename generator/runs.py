"""Compare training runs: the settings that differ between them, and their results.

citewell runs                       # every run in artifacts/runs
citewell runs artifacts/runs/a artifacts/runs/b
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.command import command_parser
from core.errors import DataError, run_command
from core.paths import artifacts
from generator.tuning.recipe import RUN, read_run

RESULTS = ("rows", "steps", "seconds", "row_tokens_per_second", "train_loss", "development_perplexity")
ALWAYS = ("lora.r", "lora.alpha", "lora.modules", "train.learning_rate", "train.epochs")
"""Settings that are shown even where all runs have the same."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("generator.runs", __doc__)
    parser.add_argument("folder", nargs="*", type=Path, help="runs, or folders of them (default: artifacts/runs)")
    arguments = parser.parse_args(argv)
    folders = find_runs(arguments.folder or [artifacts("runs")])
    if not folders:
        raise DataError("no runs there; make one: citewell train --smoke")
    print("\n".join(runs_table({folder.name: read_run(folder) for folder in folders})))
    return 0


def find_runs(places: Sequence[Path]) -> list[Path]:
    """The run folders among places and their children, in order of name."""
    found = {path for place in places for path in [place, *place.glob("*/")] if (path / RUN).is_file()}
    return sorted(path for path in found if not (path / "adapter_config.json").is_file())  # its record lies there too


def runs_table(runs: dict[str, dict[str, Any]]) -> list[str]:
    """Lines of a table: a run a line, its settings where runs differ, its results."""
    keys = sorted({key for run in runs.values() for key in run["recipe"]})
    differ = [key for key in keys if len({str(run["recipe"].get(key)) for run in runs.values()}) > 1]
    shown = [*(key for key in keys if key in ALWAYS or key in differ)]
    header = ["run", "status", *shown, *RESULTS]
    lines = [header]
    for name, run in runs.items():
        recipe = {**run["recipe"]}
        recipe["lora.alpha"] = recipe.get("lora.alpha") or f"{2 * recipe['lora.r']} (2r)"
        results = run.get("results", {})
        cells = [
            name,
            run["status"],
            *(recipe.get(key, "") for key in shown),
            *(results.get(key, "") for key in RESULTS),
        ]
        lines.append([str(cell) for cell in cells])
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


if __name__ == "__main__":
    run_command(main)
