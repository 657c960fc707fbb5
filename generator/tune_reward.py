"""Train a reward model on preference pairs: a number for an answer, which PPO raises and which tells pairs apart.

citewell tune reward --smoke
citewell tune reward --to artifacts/runs/reward                         # on artifacts/preferences
citewell tune reward --set data.dir=artifacts/mine --set lora.r=8 --to artifacts/runs/reward
citewell tune reward --to artifacts/runs/reward --resume                # after Ctrl-C

It is the fine-tuned generator with one number in the place of words. Its accuracy on pairs of topics that it was not
trained on is printed and kept in run.json.
"""

from pathlib import Path

from core.command import command_parser
from core.errors import run_command
from core.files import new_folder
from core.paths import artifacts
from generator.train import REPORTERS, report_line, run_name, set_reporter
from generator.tuning.preference_recipe import SMOKE, read_preference_recipe
from generator.tuning.recipe import read_run


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("generator.tune_reward", __doc__)
    parser.add_argument("--config", metavar="F", type=Path, help="a recipe in TOML (default: the defaults)")
    parser.add_argument("--set", metavar="K=V", action="append", default=[], help="change one entry of the recipe")
    parser.add_argument("--to", metavar="DIR", type=Path, help="the run folder (default: artifacts/runs/NAME)")
    parser.add_argument("--resume", action="store_true", help="resume the run in --to from its last checkpoint")
    parser.add_argument("--smoke", action="store_true", help="two steps on a few pairs of the example CSV")
    parser.add_argument("--report-to", choices=REPORTERS, default="none", help="where metrics go beside metrics.csv")
    arguments = parser.parse_args(argv)
    given = dict(SMOKE) if arguments.smoke else {"train.learning_rate": 1e-4}
    if arguments.resume and arguments.to and not (arguments.config or arguments.set or arguments.smoke):
        given = read_run(arguments.to)["recipe"]
    recipe = read_preference_recipe(arguments.config, arguments.set, given | {"align.method": "reward"})
    target = arguments.to or artifacts("runs") / ("smoke-reward" if arguments.smoke else f"reward-{run_name()}")
    set_reporter(arguments.report_to, target)
    if arguments.smoke and not arguments.to and not arguments.resume:  # nothing in it is worth keeping
        with new_folder(target):
            pass

    from generator.tuning.reward import train_reward

    record = train_reward(recipe, target, resume=arguments.resume, report_to=arguments.report_to)
    print(report_line(target, record))
    if record["status"] == "stopped":
        print(f"resume it: citewell tune reward --to {target} --resume")
        return 130
    if held := record["results"].get("held_out"):
        print(
            f"{held['pairs']} pairs of other topics: the better answer has the greater reward in {held['accuracy']:.1%}"
        )
    print(f"next: citewell align --method ppo --reward {target}")
    return 0


if __name__ == "__main__":
    run_command(main)
