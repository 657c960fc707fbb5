"""Measure what preference training changed: answers, TRUST-score, likelihoods, and whether a run may be shipped.

citewell evaluate preferences --models base,sft,dpo=artifacts/runs/dpo,orpo=artifacts/runs/orpo
citewell evaluate preferences --models sft,dpo=artifacts/runs/dpo --limit 60 --reward artifacts/runs/reward

`base` is the model without an adapter, `sft` with the adapter of the settings; every other name is given an adapter:
name=DIR. All answer the same rows of topics that nobody trained on, and are judged as they stand; differences are those
to sft, over the same questions. Likelihoods are read over the held-out pairs. Writes preferences.json; answers are
kept, so that a second run is quick.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.command import command_parser
from core.errors import DataError, run_command
from core.files import write_atomic
from core.paths import artifacts
from core.settings import Settings, load
from generator.tuning.pairs import Pair, read_pairs, read_pairs_manifest
from generator.tuning.rows import read_manifest, read_rows

REFERENCE = "sft"
"""The model that the others are compared with."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("evaluation.preferences", __doc__)
    parser.add_argument("--models", default="base,sft", help="base, sft, and NAME=DIR of adapters, separated by commas")
    parser.add_argument("--rows", metavar="DIR", type=Path, default=artifacts("examples"), help="held-out rows")
    parser.add_argument("--pairs", metavar="DIR", type=Path, default=artifacts("preferences"), help="held-out pairs")
    parser.add_argument("--reward", metavar="DIR", type=Path, help="a reward model, whose accuracy is measured too")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="most rows and most pairs (default: all)")
    parser.add_argument("--to", metavar="DIR", type=Path, default=artifacts("evaluation"), help="where to write")
    arguments = parser.parse_args(argv)
    adapters = named_models(arguments.models)
    rows = read_rows(arguments.rows, "test")
    pairs = [*read_pairs(arguments.pairs, "test"), *read_pairs(arguments.pairs, "development")]
    if not rows or not pairs:
        raise DataError(
            f"{len(rows)} held-out rows and {len(pairs)} held-out pairs; expected some of both: citewell rows, "
            "citewell preferences"
        )
    rows, pairs = rows[: arguments.limit or len(rows)], pairs[: arguments.limit or len(pairs)]
    settings = load({})

    from evaluation.answer_report import as_json
    from evaluation.preference_report import compare, decide, table_lines

    figures = compare(settings, adapters, rows, pairs)
    result: dict[str, Any] = {
        **as_json(figures),
        "ship": {
            name: decide(figures[f"{name} - {REFERENCE}"], figures[REFERENCE]["words"].mean)
            for name in adapters
            if name not in ("base", REFERENCE)
        },
        "about": {
            "rows": len(rows),
            "answerable": sum(row.answerable for row in rows),
            "topics": len({row.topic for row in rows}),
            "pairs": len(pairs),
            "rows_sha256": read_manifest(arguments.rows)["data_sha256"],
            "pairs_sha256": read_pairs_manifest(arguments.pairs)["data_sha256"],
        },
    }
    if arguments.reward:
        result["reward"] = _reward(settings, arguments.reward, pairs)
    print("\n".join(table_lines(figures)))
    for name, reasons in result["ship"].items():
        print(f"{name}: " + ("may be shipped" if not reasons else "not shipped: " + "; ".join(reasons)))
    if "reward" in result:
        mean = result["reward"]["accuracy"]
        print(f"reward model: {mean['mean']:.3f} ({mean['low']:.3f} to {mean['high']:.3f}) of {len(pairs)} pairs right")
    write_atomic(arguments.to / "preferences.json", json.dumps(result, indent=1) + "\n")
    print(f"\n{arguments.to}/preferences.json")
    return 0


def named_models(given: str) -> dict[str, str]:
    """Model name -> its adapter: empty for `base`, `default` for `sft`.

    Raises:
        DataError: a name is given no adapter, or there is nothing to compare.
    """
    adapters = {}
    for entry in (part.strip() for part in given.split(",")):
        name, _, folder = entry.partition("=")
        if not folder and name not in ("base", REFERENCE):
            raise DataError(f"--models names {name!r} without an adapter; expected base, {REFERENCE}, or NAME=DIR")
        adapters[name] = folder or {"base": "", REFERENCE: "default"}[name]
    if REFERENCE not in adapters:
        raise DataError(f"--models names {', '.join(adapters)}; expected {REFERENCE} among them, to compare with")
    return adapters


def _reward(settings: Settings, folder: Path, pairs: Sequence[Pair]) -> dict[str, Any]:
    from evaluation.stats import mean
    from generator.adapters import prepare_tuned
    from generator.loading import load_tokenizer
    from generator.tuning.reward import load_reward, pair_margins

    weights, _ = prepare_tuned(settings.generator)
    margins = pair_margins(load_reward(folder, weights), load_tokenizer(weights.folder), pairs)
    accuracy = mean((margins > 0).float().numpy())
    by_kind = {
        kind: round(float((margins[[n for n, pair in enumerate(pairs) if pair.kind == kind]] > 0).float().mean()), 3)
        for kind in sorted({pair.kind for pair in pairs})
    }
    return {"accuracy": dataclasses.asdict(accuracy), "by_kind": by_kind}


if __name__ == "__main__":
    run_command(main)
