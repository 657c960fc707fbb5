"""Train a reward model on preference pairs: a number for an answer, which PPO raises and which tells pairs apart.

citewell tune reward --smoke
citewell tune reward --to artifacts/runs/reward                         # on artifacts/preferences
citewell tune reward --set data.dir=artifacts/mine --set lora.r=8 --to artifacts/runs/reward
citewell tune reward --to artifacts/runs/reward --resume                # after Ctrl-C

It is the fine-tuned generator with one number in the place of words. Its accuracy on pairs of topics that it was not
trained on is printed and kept in run.json.
"""

from core.command import command_parser
from core.errors import run_command
from generator.train import add_run_options, begun_with, report_line, run_folder, run_name
from generator.tuning.preference_recipe import SMOKE, read_preference_recipe


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("generator.tune_reward", __doc__)
    add_run_options(parser, "a recipe in TOML (default: the defaults)", "two steps on a few pairs of the example CSV")
    arguments = parser.parse_args(argv)
    given = begun_with(arguments, SMOKE, {"train.learning_rate": 1e-4})
    recipe = read_preference_recipe(arguments.config, arguments.set, given | {"align.method": "reward"})
    target = run_folder(arguments, "smoke-reward", f"reward-{run_name()}")

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
