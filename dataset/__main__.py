"""Make rows for training and evaluating the generator from a CSV and its index.

citewell rows --csv data/health_qa.csv --index artifacts/index --to artifacts/examples
citewell rows --csv medquad.csv --index artifacts/medquad --to artifacts/examples --records 800
citewell rows --show 5 --to artifacts/examples       # read some of them, trained tokens between « »

Every record gives one set of evidence, found by the search itself, and several questions over it in the words that
people use: what the record answers, what another passage of the set answers, and what none of them does. So neither the
passages nor their headings alone show whether to answer or to refuse; only reading them does.
"""

from collections import Counter
from pathlib import Path

from core.command import command_parser
from core.errors import run_command
from core.paths import artifacts, shipped
from core.settings import load


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("dataset", __doc__)
    parser.add_argument("--csv", metavar="F", help="the file that the index was built from (default: the settings')")
    parser.add_argument("--index", metavar="DIR", help="the index folder (default: artifacts/index)")
    parser.add_argument("--to", metavar="DIR", type=Path, default=artifacts("examples"), help="where to write")
    parser.add_argument("--records", type=int, default=0, help="records to train on, one evidence set each (0: all)")
    parser.add_argument("--test-records", type=int, default=320, help="records of unseen topics to evaluate on")
    parser.add_argument(
        "--refusals",
        type=float,
        default=0.3,
        help="most of the rows that may refuse, of those by rule and by hand, as a share (default: 0.3)",
    )
    parser.add_argument(
        "--hold-out",
        metavar="F",
        type=Path,
        default=shipped("data/dev/medquad.jsonl"),
        help="judged questions whose topics are kept for the test (default: data/dev/medquad.jsonl)",
    )
    parser.add_argument(
        "--by-hand",
        metavar="F",
        type=Path,
        default=shipped("data/train/medquad.jsonl"),
        help="questions written over the file's passages, to train on first (default: data/train/medquad.jsonl)",
    )
    parser.add_argument(
        "--answers",
        metavar="F",
        type=Path,
        default=shipped("data/train/answers.jsonl"),
        help="answers written over the file's passages, to train on first (default: data/train/answers.jsonl)",
    )
    parser.add_argument("--questions", metavar="F", type=Path, help="the words of questions that --answers names by id")
    parser.add_argument(
        "--reworded",
        action="store_true",
        help="keep the writers' words of --answers, for a bigger model; else they are put in those of the passages",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", metavar="N", type=int, help="print N rows of --to and stop")
    arguments = parser.parse_args(argv)
    if not 0 <= arguments.refusals < 1:
        parser.error(f"--refusals is {arguments.refusals}; expected a share from 0 to below 1")
    settings = load({"index.csv": arguments.csv, "index.dir": arguments.index})
    if arguments.show:
        from dataset.build_rows import shown

        print("\n\n".join(shown(arguments.to, arguments.show, settings.generator)))
        return 0

    from dataset.build_rows import Plan, WrittenFiles, make

    plan = Plan(
        arguments.records,
        test_records=arguments.test_records,
        refusals=arguments.refusals,
        reworded=arguments.reworded,
        seed=arguments.seed,
    )
    given = WrittenFiles(arguments.by_hand, arguments.answers, arguments.questions)
    manifest = make(settings, plan, arguments.hold_out, arguments.to, given)
    for split, counts in manifest["rows"].items():
        forms = ", ".join(f"{count} {form}" for form, count in Counter(counts["forms"]).most_common())
        print(
            f"{split}: {counts['rows']} rows over {counts['groups']} sets of evidence and {counts['topics']} topics; "
            f"{counts['refusals']} refuse; {forms}"
        )
    print("left out: " + ", ".join(f"{count} {why}" for why, count in Counter(manifest["left_out"]).most_common()))
    sentences = Counter(manifest["sentences_left_out"]).most_common()
    print("sentences left out: " + ", ".join(f"{count} {why}" for why, count in sentences))
    print(f"{arguments.to}: data {manifest['data_sha256'][:12]}")
    return 0


if __name__ == "__main__":
    run_command(main)
