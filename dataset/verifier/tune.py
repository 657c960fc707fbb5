"""Train the verifier, which says whether a passage supports a sentence.

citewell tune verifier --index artifacts/medquad --to artifacts/readers/verifier
citewell tune verifier --inference inference.jsonl --to DIR
citewell tune verifier --to artifacts/readers/verifier --resume

Trained on are sentences of the indexed file's passages, as they are and altered by rule; the answers that were written
over its passages (data/train/answers.jsonl), each with a sentence that says more and one that is wrong; statements
about its passages in other words (data/train/statements.jsonl); and with --inference pairs of sentences for natural
language inference. What was written about one passage in six is kept back: the judge is fitted to it (citewell evaluate
verdicts fit). It begins with the shipped reader. Its use: CITEWELL_RAG_NLI=artifacts/readers/verifier.
"""

import random
from pathlib import Path

from core.command import command_parser
from core.errors import run_command
from core.libraries import quieten
from core.settings import load
from dataset.labelled import is_test_topic
from dataset.reader.recipe import add_options, read_options
from dataset.reader.run import Run, csv_facts, train_folder
from dataset.verifier.pairs import STATEMENTS, about_passages, from_inference, from_passages
from dataset.written import ANSWERS
from index.topics import record_topic
from rag.opening import open_retriever
from rag.reader.folder import SHIPPED


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("dataset.verifier.tune", __doc__)
    parser.add_argument("--index", metavar="DIR", help="the index whose file is trained on (default: artifacts/index)")
    parser.add_argument("--answers", metavar="F", type=Path, default=ANSWERS, help="answers written over passages")
    parser.add_argument(
        "--statements", metavar="F", type=Path, default=STATEMENTS, help="statements about passages, true and false"
    )
    parser.add_argument("--inference", metavar="F", type=Path, help="pairs of premise and hypothesis with their labels")
    add_options(parser)
    parser.set_defaults(begin=SHIPPED, file_questions=7000, people=1.0, epochs=1.0)
    arguments = parser.parse_args(argv)
    recipe = read_options(arguments)
    quieten()
    index = open_retriever(load({"index.dir": arguments.index, "rag.reader": ""})).index
    rng = random.Random(recipe.seed)  # noqa: S311 - which pairs, no secret
    topics = [topic for topic in map(record_topic, index.records.values()) if not is_test_topic(topic)]
    pairs = [pair for _, pair in about_passages(arguments.answers, arguments.statements, index, kept_back=False)]
    pairs += from_passages(index, topics, recipe.file_questions, rng)
    if arguments.inference:
        pairs += from_inference(arguments.inference)
    train_folder(Run(arguments.to, arguments.begin, recipe, arguments.resume), pairs, csv_facts(index))
    print(f"{arguments.to}; measure it: CITEWELL_RAG_NLI={arguments.to} citewell evaluate verdicts")
    return 0


if __name__ == "__main__":
    run_command(main)
