"""Train the reader, which says whether a passage answers a question.

citewell tune reader --to artifacts/readers/mine
citewell tune reader --index artifacts/medquad --questions questions.jsonl --reading r.jsonl --to artifacts/readers/mine
citewell tune reader --to artifacts/readers/mine --resume

Trained on are the indexed file's own questions with passages that answer them and passages that must not be taken for
it, the questions that were written by hand over passages, and the fit half of the labelled questions (data/dev); with
--questions those whose words stand in a file of their own, too, and with --reading passages with marked answers. What
is read and decided by it afterwards: CITEWELL_RAG_READER=artifacts/readers/mine.
"""

import hashlib
import json
import random
from argparse import Namespace
from pathlib import Path

from core.command import command_parser
from core.errors import run_command
from core.libraries import quieten
from core.paths import shipped
from core.progress import log
from core.settings import load
from dataset.by_hand import read_by_hand
from dataset.labelled import LABELS, OWN, LabelledQuestion, read_asked
from dataset.reader.pairs import TrainingPair, from_file, from_hand, from_labels, from_reading
from dataset.reader.recipe import Recipe, add_options, read_options
from dataset.reader.run import Run, csv_facts, train_folder
from index.reader import Index
from index.topics import record_topic
from rag.opening import open_retriever
from rag.reader.folder import CARD, write_card
from rag.search.retriever import IndexRetriever

BY_HAND = shipped("data/train/medquad.jsonl")
TRAINED_ON = shipped("data/train/people.jsonl")
"""Labels of people's questions to train on; none is on a topic of the test half."""
LICENSED = ("meqsum", "kqa", "own")
"""Sets of questions on which weights that are given away may be trained (CC BY 4.0, MIT, our own)."""
HELD_OUT = 5
"""Of so many topics one is not trained on, so that its questions show how sure the reader is of what it never saw."""


def split_labels(questions: Path | None, index: Index) -> tuple[list[LabelledQuestion], list[LabelledQuestion]]:
    """Labelled questions to train on, and people's to decide by; none is of the test half.

    Decided is by questions on topics that are held out of training, since on known ones a reader is surer than it will
    be, and by those whose licence does not let weights be trained on them. People's are there where their words are.
    """
    own = read_asked(OWN, None, "fit")
    people = [*read_asked(TRAINED_ON, questions), *read_asked(LABELS, questions, "fit")] if questions else []
    held = {label.id for label in (*own, *people) if _is_held_out(_topic(label, index))}
    decide = [label for label in people if label.id in held or label.id.partition("-")[0] not in LICENSED]
    not_trained_on = held | {label.id for label in decide}
    return [label for label in (*own, *people) if label.id not in not_trained_on], decide


def _topic(label: LabelledQuestion, index: Index) -> str:
    """What a question is about, as the split by topics sees it: its best passage's topic, or nothing but itself."""
    best = max(label.grades, key=lambda passage: label.grades[passage], default="")
    if not label.answerable or best not in index.by_id:
        return label.id
    return record_topic(index.records[index.by_id[best].record_id])


def _is_held_out(topic: str) -> bool:
    return hashlib.sha256(topic.encode()).digest()[0] % HELD_OUT == 0


def gather(arguments: Namespace, retriever: IndexRetriever, recipe: Recipe) -> list[TrainingPair]:
    """All pairs to train on, in the order of their sources."""
    rng = random.Random(recipe.seed)  # noqa: S311 - which pairs, no secret
    pairs = list(from_labels(split_labels(arguments.questions, retriever.index)[0], retriever))
    pairs += from_hand(read_by_hand(arguments.by_hand), retriever.index, rng)
    pairs += from_file(retriever, recipe.file_questions, rng)
    if arguments.reading:
        pairs += from_reading(arguments.reading, rng)
    return pairs


def tune(arguments: Namespace, recipe: Recipe) -> None:
    """Train a reader and write its folder; raises as `train_folder` does."""
    quieten()
    retriever = open_retriever(load({"index.dir": arguments.index, "rag.reader": ""}))
    pairs = gather(arguments, retriever, recipe)
    plan = Run(arguments.to, arguments.begin, recipe, arguments.resume)
    train_folder(plan, pairs, csv_facts(retriever.index))


def decide(arguments: Namespace) -> None:
    """Fit when to answer by a reader, on people's questions that it was not trained on, and write it on its card.

    Without their words the reader orders, and the search decides.
    """
    from dataset.reader.deciding import fit_decision

    card = arguments.to / CARD
    facts = json.loads(card.read_text(encoding="utf-8"))
    if not arguments.questions:
        log.info("no --questions to decide by: the reader orders, and the search decides")
        return
    retriever = open_retriever(load({"index.dir": arguments.index, "rag.reader": str(arguments.to)}))
    _, labels = split_labels(arguments.questions, retriever.index)
    decision, figures = fit_decision(retriever, labels)
    write_card(arguments.to, {**facts, "decided": figures}, decision)
    log.info(", ".join(f"{name} {value:.3g}" for name, value in figures.items()))


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("dataset.reader.tune", __doc__)
    parser.add_argument("--index", metavar="DIR", help="the index whose file is trained on (default: artifacts/index)")
    parser.add_argument("--questions", metavar="F", type=Path, help="the words of questions that labels name by id")
    parser.add_argument("--reading", metavar="F", type=Path, help="passages with questions and marked answers")
    parser.add_argument("--by-hand", metavar="F", type=Path, default=BY_HAND, help="questions written over passages")
    add_options(parser)
    parser.add_argument("--only-decide", action="store_true", help="only fit when to answer by the reader in --to")
    arguments = parser.parse_args(argv)
    recipe = read_options(arguments)
    if not arguments.only_decide:
        tune(arguments, recipe)
    decide(arguments)
    print(f"{arguments.to}; measure it: CITEWELL_RAG_READER={arguments.to} citewell evaluate people")
    return 0


if __name__ == "__main__":
    run_command(main)
