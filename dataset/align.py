"""Train the generator further on preference pairs of `citewell preferences`.

citewell align --method dpo --smoke                                     # minutes: does it all work here?
citewell align --method dpo --to artifacts/runs/dpo                     # from the shipped adapter, with a term of SFT
citewell align --method orpo --set base.adapter= --to artifacts/runs/orpo            # in one step from the base
citewell align --method ppo --reward artifacts/runs/reward --to artifacts/runs/ppo   # with a model of rewards
citewell align --method rloo --to artifacts/runs/rloo                   # the verifier itself is the reward
citewell align --to artifacts/runs/dpo --resume                         # after Ctrl-C

DPO and ORPO read a prompt once for all its answers. PPO and RLOO sample answers while they train, which takes an
accelerator for more than a trial. Whether it helped: citewell evaluate preferences.
"""

import argparse
from pathlib import Path

from core.command import command_parser
from core.errors import run_command
from generator.train import add_run_options, begun_with, report_line, run_folder, run_name
from generator.tuning.preference_recipe import METHODS, SMOKE, PreferenceRecipe, read_preference_recipe


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("dataset.align", __doc__)
    parser.add_argument("--method", choices=METHODS, help="how to learn from pairs (default: dpo)")
    parser.add_argument("--reward", metavar="DIR", help="the reward model that ppo asks (citewell tune reward)")
    add_run_options(parser, "a recipe in TOML (default: the defaults)", "two steps on a few pairs of the example CSV")
    arguments = parser.parse_args(argv)
    recipe = _recipe(arguments)
    method = recipe.align.method
    target = run_folder(arguments, f"smoke-{method}", f"{method}-{run_name()}")
    record = _run(recipe, target, resume=arguments.resume, report_to=arguments.report_to)
    print(report_line(target, record))
    if record["status"] == "stopped":
        print(f"resume it: citewell align --to {target} --resume")
        return 130
    print(f"next: citewell evaluate preferences --models sft,{method}={target}")
    return 0


def _recipe(arguments: argparse.Namespace) -> PreferenceRecipe:
    given = begun_with(arguments, SMOKE)
    if arguments.method:
        given["align.method"] = arguments.method
    if arguments.reward:
        given["align.reward"] = arguments.reward
    return read_preference_recipe(arguments.config, arguments.set, given)


def _run(recipe: PreferenceRecipe, target: Path, *, resume: bool, report_to: str) -> dict[str, object]:
    if recipe.align.method == "ppo":
        from generator.tuning.rollouts import ppo

        return ppo(recipe, target, resume=resume, report_to=report_to)
    if recipe.align.method == "rloo":
        from dataset.verifier_reward import verifier_reward
        from generator.tuning.rollouts import rloo

        return rloo(recipe, target, verifier_reward, resume=resume, report_to=report_to)
    from generator.tuning.align import align

    return align(recipe, target, resume=resume, report_to=report_to)


if __name__ == "__main__":
    run_command(main)
