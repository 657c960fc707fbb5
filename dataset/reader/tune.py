"""Train the reader, which says whether a passage answers a question.

citewell tune reader --to artifacts/readers/mine
citewell tune reader --index artifacts/medquad --questions questions.jsonl --reading r.jsonl --to artifacts/readers/mine
citewell tune reader --to artifacts/readers/mine --resume

Trained on are the indexed file's own questions with passages that answer them and passages that must not be taken for
it, the questions that were written by hand over passages, and the fit half of the labelled questions (data/dev); with
--questions those whose words stand in a file of their own, too, and with --reading passages with marked answers. What
is read and decided by it afterwards: CITEWELL_RAG_READER=artifacts/readers/mine.
"""

import dataclasses
import hashlib
import json
import random
import shutil
import time
from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import Any

from core.command import command_parser
from core.errors import run_command
from core.files import new_folder
from core.libraries import quieten
from core.paths import shipped
from core.progress import log
from core.settings import load
from core.training_run import begin_run
from dataset.by_hand import read_by_hand
from dataset.labelled import LABELS, OWN, LabelledQuestion, read_asked
from dataset.reader.pairs import TrainingPair, from_file, from_hand, from_labels, from_reading
from dataset.reader.recipe import Recipe
from index.embedders.weights import find_weights
from index.reader import Index
from index.topics import record_topic
from rag.opening import open_retriever
from rag.reader.folder import CARD, TENSORS, read_folder, write_card
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
    counts = Counter(each.source for each in pairs)
    log.info(f"{len(pairs):,} pairs: {', '.join(f'{source} {count:,}' for source, count in counts.items())}")
    return pairs


def tune(arguments: Namespace, recipe: Recipe) -> Path:
    """Train a reader and write its folder; returns it.

    Raises:
        DataError: a file cannot be read, or another run's checkpoints stand in the way.
        WeightsError: the folder to begin with is no reader, or one over other weights.
    """
    from safetensors.torch import save_file

    from dataset.reader.training import digest, mixed, train
    from rag.reader.network import ReaderNetwork, load_network
    from rag.reader.openvino import tokenizer_of

    quieten()
    retriever = open_retriever(load({"index.dir": arguments.index, "rag.reader": ""}))
    base = find_weights()
    begun = read_folder(arguments.begin) if arguments.begin else None
    network = load_network(begun, base) if begun else ReaderNetwork(base.folder)
    pairs = gather(arguments, retriever, recipe)
    facts: dict[str, Any] = {
        "name": arguments.to.name,
        "base": base.label,
        "base_sha256": base.sha256,
        "begun_from": begun.identity if begun else "",
        "csv": retriever.index.manifest.csv,
        "csv_sha256": retriever.index.manifest.csv_sha256,
        "pairs": dict(Counter(each.source for each in pairs)),
        "pairs_sha256": digest(pairs),
        "recipe": dataclasses.asdict(recipe),
    }
    run = arguments.to.with_name(arguments.to.name + ".run")
    begin_run(run, facts, arguments.resume)
    started = time.perf_counter()
    facts["log"] = train(
        network,
        mixed(pairs, recipe),
        tokenizer_of(base),
        recipe,
        run,
        resume=arguments.resume,
    )
    facts["minutes"] = round((time.perf_counter() - started) / 60, 1)
    with new_folder(arguments.to, CARD) as folder:
        trained = {name: value.half().contiguous() for name, value in network.trained().items()}
        save_file(trained, folder / TENSORS)
        write_card(folder, facts)
    shutil.rmtree(run, ignore_errors=True)
    return Path(arguments.to)


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
    parser.add_argument("--to", metavar="DIR", type=Path, required=True, help="where to write the reader")
    parser.add_argument("--index", metavar="DIR", help="the index whose file is trained on (default: artifacts/index)")
    parser.add_argument("--questions", metavar="F", type=Path, help="the words of questions that labels name by id")
    parser.add_argument("--reading", metavar="F", type=Path, help="passages with questions and marked answers")
    parser.add_argument("--by-hand", metavar="F", type=Path, default=BY_HAND, help="questions written over passages")
    parser.add_argument("--begin", metavar="DIR", type=Path, help="a reader to go on from (default: the embedder)")
    parser.add_argument(
        "--resume", action="store_true", help="continue from the last checkpoint of a run that broke off"
    )
    for entry in dataclasses.fields(Recipe):
        option = f"--{entry.name.replace('_', '-')}"
        parser.add_argument(
            option, type=type(entry.default), default=entry.default, metavar="N", help=f"default: {entry.default}"
        )
    parser.add_argument("--only-decide", action="store_true", help="only fit when to answer by the reader in --to")
    arguments = parser.parse_args(argv)
    recipe = Recipe(**{entry.name: getattr(arguments, entry.name) for entry in dataclasses.fields(Recipe)})
    if not arguments.only_decide:
        tune(arguments, recipe)
    decide(arguments)
    print(f"{arguments.to}; measure it: CITEWELL_RAG_READER={arguments.to} citewell evaluate people")
    return 0


if __name__ == "__main__":
    run_command(main)
