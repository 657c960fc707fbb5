"""How a reader is trained."""

import dataclasses
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Recipe:
    """What a training is made with; recorded on the reader's card."""

    learning_rate: float = 1.2e-4
    epochs: float = 2.0
    batch_size: int = 24
    weight_decay: float = 0.01
    warmup: float = 0.06
    """Share of the steps in which the learning rate rises."""
    file_questions: int = 6500
    """Questions of the file that pairs are made of."""
    people: float = 3.0
    """How often a pair from people's questions is seen for each other pair."""
    seed: int = 0


def add_options(parser: ArgumentParser) -> None:
    """The options of every training: where it goes, what it begins with, and its recipe."""
    parser.add_argument("--to", metavar="DIR", type=Path, required=True, help="where to write what is trained")
    parser.add_argument("--begin", metavar="DIR", type=Path, help="a reader to go on from (default: the embedder)")
    parser.add_argument(
        "--resume", action="store_true", help="continue from the last checkpoint of a run that broke off"
    )
    for entry in dataclasses.fields(Recipe):
        option = f"--{entry.name.replace('_', '-')}"
        parser.add_argument(
            option, type=type(entry.default), default=entry.default, metavar="N", help=f"default: {entry.default}"
        )


def read_options(arguments: Namespace) -> Recipe:
    """The recipe that the options come to."""
    return Recipe(**{entry.name: getattr(arguments, entry.name) for entry in dataclasses.fields(Recipe)})
