"""Merge an adapter into its base's 16-bit weights.

citewell merge --adapter artifacts/runs/first/adapter --to artifacts/merged
citewell export --model artifacts/merged --to artifacts/merged.gguf                # then one file of it

The folder is a normal checkpoint with its tokenizer and chat template. To see that nothing was lost, the perplexity of
held-out completions is printed for the adapter over 4-bit weights, over 16-bit weights, and for the merged weights.
"""

import json
from functools import partial
from pathlib import Path

from core.command import command_parser
from core.errors import DataError, run_command
from core.files import new_folder
from core.progress import log
from core.settings import load
from generator.adapters import Adapter, merge, read_adapter
from generator.tuning.recipe import RUN
from generator.tuning.rows import Row, read_rows
from generator.weights import Weights, prepare_weights


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("generator.merge", __doc__)
    parser.add_argument("--adapter", metavar="DIR", type=Path, required=True, help="an adapter's or a run's folder")
    parser.add_argument("--to", metavar="DIR", type=Path, required=True, help="where to write the merged checkpoint")
    parser.add_argument("--model", help="the base: `default`, a folder, or a hub id (default: the settings')")
    parser.add_argument("--rows", metavar="DIR", type=Path, help="rows to compare on (default: those of the run)")
    parser.add_argument("--limit", metavar="N", type=int, default=60, help="rows to compare on; 0: do not compare")
    arguments = parser.parse_args(argv)
    adapter = read_adapter(arguments.adapter)
    weights = prepare_weights(load({"generator.model": arguments.model}).generator)
    with new_folder(arguments.to, "config.json") as folder:
        merge(weights, adapter, folder)
    print(f"{arguments.to}: {weights.name} with {adapter.name} merged in")
    rows = _rows(adapter, arguments.rows, arguments.limit) if arguments.limit else []
    if rows:
        figures = compare(weights, adapter, arguments.to, rows)
        first = next(iter(figures.values()))
        for name, perplexity in figures.items():
            print(f"{name:24} perplexity {perplexity:.4f}  ({perplexity / first - 1:+.2%})")
        spread = max(figures.values()) / min(figures.values()) - 1
        print(f"{len(rows)} held-out completions; the furthest two differ by {spread:.2%}")
    print(f"next: citewell export --model {arguments.to}, or CITEWELL_GENERATOR_MODEL={arguments.to}")
    return 0


def _rows(adapter: Adapter, folder: Path | None, limit: int) -> list[Row]:
    """Held-out rows; none, with a notice, where those of the run are no longer there."""
    if folder is not None:
        return read_rows(folder, "development")[:limit]
    try:
        recipe = json.loads((adapter.folder / RUN).read_text(encoding="utf-8"))["recipe"]
        return read_rows(Path(recipe["data.dir"]), "development")[:limit]
    except (OSError, ValueError, KeyError, DataError) as error:
        log.warning(f"notice: perplexities are not compared: {error}; name rows with --rows DIR")
        return []


def compare(weights: Weights, adapter: Adapter, merged: Path, rows: list[Row]) -> dict[str, float]:
    """Perplexity of the rows' completions under the adapter over NF4, over 16 bits, and merged."""
    from generator.loading import load_model, load_tokenizer
    from generator.tuning.perplexity import likelihood

    tokenizer = load_tokenizer(weights.folder)
    models = {
        "adapter over NF4": partial(load_model, weights.folder, in_4bit=True, adapter=adapter.folder),
        "adapter over 16 bits": partial(load_model, weights.folder, adapter=adapter.folder),
        "merged, 16 bits": partial(load_model, merged),
    }
    return {name: likelihood(load().eval(), tokenizer, rows).perplexity for name, load in models.items()}


if __name__ == "__main__":
    run_command(main)
