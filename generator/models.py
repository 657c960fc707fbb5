"""Prepare what answering needs: the base weights and the adapter, merged and converted for this machine.

citewell prepare            # the default weights
citewell prepare --model Qwen/Qwen2-0.5B-Instruct
"""

import contextlib
import dataclasses
import json
from pathlib import Path

from core.command import command_parser
from core.errors import EngineError, WeightsError, run_command
from core.settings import load
from generator.adapters import prepare_tuned
from generator.by_processor import chosen_quant
from generator.engines import engine_name
from generator.engines.credentials import Credentials


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("generator.models", __doc__)
    parser.add_argument("--model", help="`default`, a checkpoint folder, or a hub id")
    arguments = parser.parse_args(argv)
    settings = load({"generator.model": arguments.model}).generator
    if engine_name(settings) == "openai":
        print(json.dumps({"base_url": Credentials(settings.base_url).shown, "name": settings.remote_model}))
        return 0
    weights, _ = prepare_tuned(settings)
    if engine_name(settings) == "openvino":
        # The engine reports what it cannot convert, and another engine then takes its place.
        with contextlib.suppress(EngineError, WeightsError, ImportError):
            from generator.engines.openvino import prepare

            prepare(weights, chosen_quant(settings.quant), Path(settings.cache))
    print(json.dumps({**dataclasses.asdict(weights), "folder": str(weights.folder)}))
    return 0


if __name__ == "__main__":
    run_command(main)
