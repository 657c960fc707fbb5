"""What the faults hit: the operations of CiteWell that write, and those that read what was written.

Every function runs in a process of its own (`faults.processes`). The heavy modules are imported here, once.
"""

import csv
import json
from pathlib import Path
from typing import Any

import torch  # noqa: F401 - imported for the processes that are forked from here
import transformers  # noqa: F401

from core.settings import IndexSettings, Settings
from generator import export, merge, train
from generator.adapters import read_adapter
from index import build
from index.keeping import Keeping, publish, rollback
from index.opening import open_index
from index.published import pointed
from rag import feedback
from rag.answer import Answer
from rag.database import EARLIER
from rag.exports import to_json
from rag.history import History, StoredTurn
from rag.opening import open_retriever

QUESTION = "how is gout treated"
ONE = "0" * 32
"""The id of the one conversation."""

# Operations that write


def build_index(settings: IndexSettings) -> bool:
    """Build and publish."""
    return build.build(settings)


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


def merge_adapter(adapter: Path, model: Path, target: Path) -> None:
    """Merge an adapter."""
    merge.main(["--adapter", str(adapter), "--model", str(model), "--to", str(target), "--limit", "0"])


def export_model(model: Path, target: Path) -> None:
    """Write a checkpoint as GGUF."""
    export.main(["--model", str(model), "--quant", "f16", "--to", str(target)])


def train_adapter(rows: Path, model: Path, target: Path) -> None:
    """Train for a few steps, from the last checkpoint where there is one."""
    recipe = {
        "base.quantization": "none",
        "base.model": str(model),
        "data.dir": str(rows),
        "lora.r": "2",
        "train.pack_tokens": "2600",
        "train.accumulate": "1",
        "train.epochs": "3",
        "train.save_steps": "2",
    }
    words = [word for key, value in recipe.items() for word in ("--set", f"{key}={value}")]
    resume = ["--resume"] if (target / "run.json").is_file() else []
    train.main(["--to", str(target), *words, *resume])


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


def checkpoint_is_whole(folder: Path) -> bool:
    """Load a merged checkpoint."""
    from transformers import AutoModelForCausalLM

    return sum(each.numel() for each in AutoModelForCausalLM.from_pretrained(folder).parameters()) > 0


def gguf_is_whole(file: Path) -> int:
    """Read every tensor's place in a GGUF file."""
    import gguf

    return sum(int(tensor.data.size) for tensor in gguf.GGUFReader(file).tensors)


def run_is_done(folder: Path) -> bool:
    """Read the adapter of a finished run."""
    read_adapter(folder / "adapter")
    status: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return bool(status["status"] == "done")
