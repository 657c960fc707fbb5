"""Measure how fast the generator is trained on rows of an index, one way or another.

python -m bench.training "rows joined, NF4" --csv data/health_qa.csv --index artifacts/index
"""

import json
import tempfile
from pathlib import Path

from bench.process import memory_mib
from core.command import command_parser
from core.errors import run_command
from core.settings import load
from generator.tuning.recipe import read_recipe

RECORDS = 5
TRAINERS = {
    "trl as it comes, NF4": ("train.share_prefixes=false", "train.gradient_checkpointing=on"),
    "trl, no checkpointing, NF4": ("train.share_prefixes=false", "train.gradient_checkpointing=off"),
    "rows joined, NF4": (),
    "rows joined, 16 bits": ("base.quantization=none",),
}
"""Ways to train: completions alone are scored in each, and the rows, their tokens and the adapter are the same."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("bench.training", __doc__)
    parser.add_argument("way", choices=TRAINERS)
    parser.add_argument("--csv", metavar="F")
    parser.add_argument("--index", metavar="DIR")
    arguments = parser.parse_args(argv)
    settings = load({"index.csv": arguments.csv, "index.dir": arguments.index})
    from dataset.build_rows import Plan, make
    from generator.tuning.training import train

    with tempfile.TemporaryDirectory() as scratch:
        rows = Path(scratch) / "rows"
        make(settings, Plan(RECORDS, development_records=1, test_records=1), None, rows)
        changes = [f"data.dir={rows}", "lora.dropout=0", "train.log_steps=1000", "train.save_steps=1000"]
        recipe = read_recipe(None, [*changes, *TRAINERS[arguments.way]], {})
        done = train(recipe, Path(scratch) / "run", resume=False, report_to="none")
    results = done["results"]
    print(
        json.dumps(
            {
                "rows": results["rows"],
                "row_tokens": results["row_tokens"],
                "seconds": results["seconds"],
                "row_tokens_per_s": results["row_tokens_per_second"],
                "read_tokens_per_s": results["tokens_per_second"],
                "peak_memory_mib": memory_mib("VmHWM"),
            }
        )
    )
    return 0


if __name__ == "__main__":
    run_command(main)
