"""Fine-tune the generator on rows of `citewell rows` (QLoRA by default).

citewell train --smoke                                   # a minute: does it all work here?
citewell train --to artifacts/runs/first --set lora.r=8 --set train.epochs=2
citewell train --config cpu --to artifacts/runs/cpu
citewell train --to artifacts/runs/first --resume        # after Ctrl-C
accelerate launch --num_processes 4 -m generator.train --to artifacts/runs/gpus          # several GPUs
torchrun --nproc-per-node 2 -m generator.train --to artifacts/runs/two                   # or several processes

Afterwards: citewell runs (compare runs), citewell merge --adapter RUN/adapter --to DIR.
"""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from core.command import command_parser
from core.errors import SettingsError, run_command
from core.files import new_folder
from core.paths import artifacts
from core.progress import log
from generator.tuning.recipe import SMOKE, read_recipe, read_run

REPORTERS = ("none", "tensorboard", "wandb")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("generator.train", __doc__)
    add_run_options(
        parser, "a recipe in TOML, or `cpu` (default: the defaults)", "four steps on a few rows of the example CSV"
    )
    arguments = parser.parse_args(argv)
    main_process = os.environ.get("RANK", "0") == "0"
    recipe = read_recipe(arguments.config, arguments.set, begun_with(arguments, SMOKE))
    target = run_folder(arguments, "smoke", f"{run_name()}-r{recipe.lora.r}")

    from generator.tuning.training import train

    record = train(recipe, target, resume=arguments.resume, report_to=arguments.report_to)
    if not main_process:
        return 0
    print(report_line(target, record))
    if record["status"] == "stopped":
        print(f"resume it: citewell train --to {target} --resume")
        return 130
    print(f"next: citewell merge --adapter {target}/adapter --to {artifacts('merged')}")
    return 0


def add_run_options(parser: argparse.ArgumentParser, config: str, smoke: str) -> None:
    """Add the options of every command that trains; `config` and `smoke` are the help of two of them."""
    parser.add_argument("--config", metavar="F", type=Path, help=config)
    parser.add_argument("--set", metavar="K=V", action="append", default=[], help="change one entry of the recipe")
    parser.add_argument("--to", metavar="DIR", type=Path, help="the run folder (default: artifacts/runs/NAME)")
    parser.add_argument("--resume", action="store_true", help="resume the run in --to from its last checkpoint")
    parser.add_argument("--smoke", action="store_true", help=smoke)
    parser.add_argument("--report-to", choices=REPORTERS, default="none", help="where metrics go beside metrics.csv")


def begun_with(
    arguments: argparse.Namespace, smoke: Mapping[str, Any], otherwise: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """The entries that a recipe begins with: those of the run to resume where nothing else is named, or of a smoke run.

    Raises:
        DataError: there is no run to resume.
    """
    if arguments.resume and arguments.to and not (arguments.config or arguments.set or arguments.smoke):
        return dict(read_run(arguments.to)["recipe"])
    return dict(smoke if arguments.smoke else otherwise)


def run_folder(arguments: argparse.Namespace, smoke: str, name: str) -> Path:
    """The folder of a run, its reporter set up; it is called `smoke` or `name` where no option names it."""
    target: Path = arguments.to or artifacts("runs") / (smoke if arguments.smoke else name)
    set_reporter(arguments.report_to, target)
    if arguments.smoke and not arguments.to and not arguments.resume:  # nothing in it is worth keeping
        with new_folder(target):
            pass
    return target


def run_name() -> str:
    """A name for a run: the time at which it begins."""
    from datetime import datetime

    return f"{datetime.now():%Y%m%d-%H%M%S}"


def report_line(target: Path, record: dict[str, Any]) -> str:
    """The line that says how a run ended."""
    results = record["results"]
    read = f", {rate:.0f} tokens/s read" if (rate := results.get("tokens_per_second")) else ""
    if rate := results.get("row_tokens_per_second"):
        read += f" for {rate:.0f} of the rows"
    last = "".join(f", {name.replace('_', ' ')} {value:.3f}" for name, value in results.get("last", {}).items())
    perplexity = results.get("development_perplexity")
    return (
        f"{target}: {record['status']} after {results['steps']} of {results['of_steps']} steps, "
        f"{results['seconds']:.0f} s{read}; loss {results['train_loss']:.4f}{last}"
        + (f", development perplexity {perplexity:.3f}" if perplexity is not None else "")
    )


def set_reporter(name: str, target: Path) -> None:
    """Set up the reporter: its package is there, its files go to the run folder, and it never asks for a key."""
    import importlib.util

    if name == "none":
        return
    if importlib.util.find_spec(name) is None:
        raise SettingsError(f"--report-to {name} needs the package {name}; install it: pip install {name}")
    if name == "tensorboard":
        os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(target / "tensorboard"))
        return
    os.environ.setdefault("WANDB_PROJECT", "citewell")
    os.environ.setdefault("WANDB_DIR", str(target))
    target.mkdir(parents=True, exist_ok=True)
    if not os.environ.get("WANDB_API_KEY"):
        os.environ.setdefault("WANDB_MODE", "offline")
        log.info(
            "notice: no WANDB_API_KEY, so the run is logged offline; send it later: wandb sync " + str(target / "wandb")
        )


if __name__ == "__main__":
    run_command(main)
