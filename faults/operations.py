"""What the faults hit: the operations of CiteWell that write, and those that read what was written.

Every function runs in a process of its own (`faults.processes`); `faults.models` has those that need torch.
"""

import csv
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from core.settings import IndexSettings, Settings
from faults.clock import step
from faults.stand_ins import stand_in
from index import build
from index.again import again_settings
from index.keeping import Keeping, publish, rollback
from index.opening import open_index
from index.published import pointed
from index.sharded.build import InThisProcess, build_shards
from rag import feedback
from rag.answer import Answer
from rag.database import EARLIER
from rag.exports import to_json
from rag.history import History, StoredTurn
from rag.opening import open_retriever
from tests.fakes import WordEmbedder

QUESTION = "how is gout treated"
ONE = "0" * 32
"""The id of the one conversation."""

# Operations that write


def build_index(settings: IndexSettings) -> bool:
    """Build and publish."""
    return build.build(settings)


def build_words(settings: IndexSettings, force: bool) -> bool:
    """Build and publish with the embedder of words."""
    stand_in()
    return build.build(settings, force=force)


def build_in_shards(settings: IndexSettings, force: bool) -> str:
    """The same in two shards."""
    embedder = WordEmbedder()
    return build_shards(settings, [settings.csv], 2, embedder, InThisProcess(embedder), force)


def build_again_at(seconds: float, settings: IndexSettings) -> bool:
    """Build what the published index was made from again (`--again`), with the clock so many seconds off."""
    stand_in()
    step(seconds)
    chosen = again_settings(settings)
    assert chosen is not None, "the index counts as rolled back"
    return build.build(chosen)


def keep_turn_at(seconds: float, file: Path) -> None:
    """Keep a turn and forget what is older than a month, with the clock so many seconds off."""
    step(seconds)
    keep_turns(file, 1)
    History(file).forget(30)


def build_for_ever(files: Sequence[IndexSettings]) -> None:
    """Build from one file after the other."""
    stand_in()
    for settings in cycle(files):
        build.build(settings, force=True)


def questions_of(csv_path: Path) -> list[str]:
    """The questions of a file."""
    with csv_path.open(encoding="utf-8", newline="") as file:
        return [row["question"] for row in csv.DictReader(file)]


def change_rows(settings: IndexSettings, generation: int) -> None:
    """Change every fifth row of the CSV, so that a build has something to do."""
    path = Path(settings.csv)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows[::5]:
        row["answer"] = f"{row['answer'].partition(' Checked ')[0]} Checked {generation} times."
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def publish_for_ever(folder: Path, sign: Path) -> None:
    """Publish the two complete builds of a folder in turn."""
    for n in range(1 << 30):
        publish(folder, folder / "builds" / pointed(folder / "previous"), Keeping()) if n % 2 else rollback(folder)
        sign.touch()


def roll_back(folder: Path) -> str:
    """Publish the build before."""
    return rollback(folder)


def keep_turns(file: Path, count: int) -> None:
    """Keep some turns, all in one conversation."""
    history = History(file)
    for number in range(count):
        turn = StoredTurn(f"{QUESTION} ({number})", Answer(QUESTION, QUESTION, text="Gout is treated with ice."))
        history.finish(ONE, history.add(ONE, turn), turn)


def judge(file: Path, count: int) -> None:
    """Keep some judgements."""
    for number in range(count):
        feedback.give(file, Answer(f"question {number}", QUESTION, text="Ice."), good=True)


def keep_turns_for_ever(file: Path, acknowledged: Path, sign: Path) -> None:
    """Keep one turn after another, and write down each one that was kept."""
    history = History(file)
    with acknowledged.open("a", encoding="utf-8", buffering=1) as kept:
        while True:
            turn = StoredTurn(QUESTION, Answer(QUESTION, QUESTION, text="Gout is treated with ice."))
            number = history.add(ONE, turn)
            history.finish(ONE, number, turn)
            kept.write(f"{number}\n")
            sign.touch()


def judge_for_ever(file: Path, acknowledged: Path, sign: Path) -> None:
    """Keep one judgement of an answer after another, and write down each one that was kept."""
    with acknowledged.open("a+", encoding="utf-8", buffering=1) as kept:
        kept.seek(0)
        first = len(kept.readlines())
        for n in range(first, 1 << 30):
            feedback.give(file, Answer(f"question {n}", QUESTION, text="Ice."), good=True)
            kept.write(f"{n}\n")
            sign.touch()


# Operations that read


def search(settings: Settings) -> list[str]:
    """The passages that the published index finds."""
    return [hit.passage_id for hit in open_retriever(settings).search(QUESTION).hits]


def index_is_whole(folder: Path) -> int:
    """Open the published index, every hash checked; returns its number of passages."""
    return len(open_index(folder).passages)


def kept_turns(file: Path) -> list[str]:
    """The turns that can be read of the one conversation, as text; an error of one of them is part of it."""
    history = History(file)
    history.conversations()
    to_json(file, ONE, EARLIER)
    return [f"{turn.question}|{turn.answer.text if turn.answer else ''}|{turn.error}" for turn in history.turns(ONE)]


def judgements(file: Path) -> int:
    """The number of judgements that can be read."""
    return len(feedback.given(file))
