"""From a CSV and its index to a folder of rows, no topic on two sides."""

import dataclasses
import hashlib
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage, convert_to_openai_messages

from core.errors import DataError
from core.files import read_jsonl, sha256_file
from core.progress import bar
from core.settings import GeneratorSettings, Settings
from dataset.by_hand import read_by_hand, rows_by_hand
from dataset.evidence_sets import EvidenceMaker
from dataset.row_maker import RowMaker
from dataset.written import read_written, rows_written
from generator.by_processor import FULL_EVIDENCE
from generator.tuning.rows import SPLITS, Row, Split, read_rows, tokenise, write_folder
from generator.weights import prepare_weights
from index.reader import Index
from index.topics import record_aspect, record_topic
from rag.opening import open_retriever
from rag.search.retriever import IndexRetriever

SHARES = {"train": 0.86, "development": 0.04, "test": 0.10}
"""The share of the topics that each split gets."""
SEARCHED = 10
"""The number of hits among which right passages and distractors are found."""


@dataclass(frozen=True)
class Plan:
    """The numbers of records that rows are made from, and the limits on those rows."""

    records: int = 0
    """The number of records to train on, one set of evidence each; 0 for all."""
    development_records: int = 16
    test_records: int = 320
    refusals: float = 0.3
    """Greatest share of rows to train on that refuse."""
    reworded: bool = False
    """Whether written answers keep their writers' words, or get those of the passages."""
    seed: int = 0


@dataclass(frozen=True)
class WrittenFiles:
    """What people wrote over the file's passages."""

    by_hand: Path | None = None
    """Questions (`dataset.by_hand`)."""
    answers: Path | None = None
    """Answers (`dataset.written`), the first rows to train on."""
    questions: Path | None = None
    """The words of the questions that `answers` names by id."""


def make(
    settings: Settings, plan: Plan, hold_out: Path | None, target: Path, given: WrittenFiles = WrittenFiles()
) -> dict[str, Any]:
    """Write the folder of rows; returns its manifest.

    Args:
        hold_out: judged questions whose topics are kept for the test.

    Raises:
        DataError: the CSV is not the index's, none of its records gives a row, or a file of `given` is not of its form.
        IndexFolderError, WeightsError: the index or the tokenizer cannot be had.
        OSError: the disk is full; `target` is then as it was before.
    """
    hand_written = read_by_hand(given.by_hand) if given.by_hand is not None else []
    answers = read_written(given.answers, given.questions) if given.answers is not None else []
    retriever = _wide(open_retriever(settings))
    index = retriever.index
    csv = Path(settings.index.csv)
    csv_sha256 = sha256_file(csv) if csv.is_file() else "nothing"
    if csv_sha256 != index.manifest.csv_sha256:
        raise DataError(
            f"{csv} has SHA-256 {csv_sha256[:12]}, {settings.index.dir} was built from {index.manifest.csv} "
            f"with {index.manifest.csv_sha256[:12]}; build it: citewell build --csv {csv} "
            f"--index {settings.index.dir}"
        )
    tokenizer = _tokenizer(settings.generator)
    counter = _token_counter(tokenizer)
    evidence_tokens = settings.rag.evidence_tokens or FULL_EVIDENCE
    maker = EvidenceMaker(retriever, counter, evidence_tokens, split_topics(index, hold_out))
    row_maker = RowMaker(maker)
    wanted: dict[Split, int] = {
        "train": plan.records,
        "development": plan.development_records,
        "test": plan.test_records,
    }
    rows: dict[Split, list[Row]] = {}
    for split in SPLITS:
        rows[split] = _rows(maker, row_maker, split, wanted[split], plan)
    rng = random.Random(f"{plan.seed} by hand")  # noqa: S311 - not for secrets
    rows["train"] = [
        *_with_share(list(rows_by_hand(hand_written, maker, rng, row_maker.left_out)), plan.refusals, rng),
        *rows["train"],
    ]
    written = list(rows_written(answers, maker, rng, row_maker.left_out, plan.reworded))
    for split in SPLITS:
        rows[split] = [*(row for side, row in written if side == split), *rows[split]]
    if not rows["train"] or not rows["test"]:
        raise DataError(
            f"{csv} gives {len(rows['train'])} rows to train on and {len(rows['test'])} of unseen topics; expected "
            f"some of both: its answers need whole sentences and more than a few topics (left out: "
            f"{dict(row_maker.left_out)})"
        )
    return write_folder(
        target,
        rows,
        {
            "csv": index.manifest.csv,
            "csv_sha256": csv_sha256,
            "index": index.manifest.build,
            "plan": dataclasses.asdict(plan),
            "by_hand": sha256_file(given.by_hand) if given.by_hand is not None else "",
            "answers": sha256_file(given.answers) if given.answers is not None else "",
            "rows": {split: _counts(rows[split]) for split in SPLITS},
            "left_out": dict(row_maker.left_out),
            "sentences_left_out": dict(row_maker.sentences_left_out),
        },
    )


def _rows(maker: EvidenceMaker, row_maker: RowMaker, split: Split, records: int, plan: Plan) -> list[Row]:
    """Rows over one set of evidence for each of `records` records (0: all) that give some."""
    rng = random.Random(f"{plan.seed} {split}")  # noqa: S311 - not for secrets
    pool = [record for record in maker.records.values() if maker.sides[record_topic(record)] == split]
    rng.shuffle(pool)
    rows: list[Row] = []
    sets = 0
    with bar(f"{split} rows", records or len(pool), " records") as progress:
        for record in pool:
            form, asked = row_maker.first(record, rng)
            wanted = (record_topic(record), record_aspect(record))
            shown = maker.make(record, asked, wanted, split, rng, row_maker.left_out) if asked else None
            made = list(row_maker.rows(shown, form, asked, split, pool, rng)) if shown else []
            if split == "test" and made:  # one of each set: questions of one set are not independent of each other
                made = [rng.choice(made)]
            rows += made
            sets += bool(made)
            progress.update(bool(made) if records else 1)
            if records and sets == records:
                break
    return _with_share(rows, plan.refusals if split == "train" else 1.0, rng)


def _with_share(rows: Sequence[Row], refusals: float, rng: random.Random) -> list[Row]:
    """Rows with refusals dropped at random until they are at most so great a share; nothing twice."""
    different = list({(row.group, row.question): row for row in rows}.values())
    refusing = [row for row in different if not row.answerable]
    allowed = int(refusals / (1 - refusals) * (len(different) - len(refusing))) if refusals < 1 else len(refusing)
    kept = {id(row) for row in rng.sample(refusing, min(allowed, len(refusing)))}
    return [row for row in different if row.answerable or id(row) in kept]


def split_topics(index: Index, hold_out: Path | None) -> dict[str, Split]:
    """The side of each topic, by its hash, so that it stays where it is from file to file; no topic is on two.

    Topics of the judged questions in `hold_out` are on the test's side.
    """
    held: set[str] = set()
    if hold_out is not None and hold_out.is_file():
        for row in read_jsonl(hold_out, "relevant"):
            held.update(record_topic(index.records[key]) for key in row["relevant"] if key in index.records)
    sides: dict[str, Split] = {}
    for name in {record_topic(record) for record in index.records.values()} | {topic for topic, _ in index.topics}:
        place = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 0x100000000
        development = SHARES["train"] + SHARES["development"]
        side: Split = "train" if place < SHARES["train"] else "development" if place < development else "test"
        sides[name] = "test" if name in held else side
    return sides


def _counts(rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "rows": len(rows),
        "groups": len({row.group for row in rows}),
        "topics": len({row.topic for row in rows}),
        "refusals": sum(not row.answerable for row in rows),
        "two_passages": sum(len(row.right) > 1 for row in rows),
        "forms": dict(Counter(row.form for row in rows)),
        "aspects": dict(Counter(row.aspect for row in rows)),
        "positions": dict(Counter(str(number) for row in rows for number in row.right)),
    }


def _wide(retriever: IndexRetriever) -> IndexRetriever:
    """The same search with more hits, and without abstaining, so that rows that refuse can be made."""
    wide = dataclasses.replace(retriever.settings, k=SEARCHED, candidates=2 * SEARCHED, abstain=False)
    return retriever.model_copy(update={"settings": wide, "reader": None})  # rows need passages that do not answer, too


def _tokenizer(settings: GeneratorSettings) -> Any:
    from generator.loading import load_tokenizer

    return load_tokenizer(prepare_weights(settings).folder)


def _token_counter(tokenizer: Any) -> Callable[[list[BaseMessage]], int]:
    def count(prompt: list[BaseMessage]) -> int:
        chat = convert_to_openai_messages(prompt, text_format="string")
        return len(tokenizer.apply_chat_template(chat, add_generation_prompt=True)["input_ids"])

    return count


def shown(folder: Path, count: int, settings: GeneratorSettings, seed: int = 0) -> list[str]:
    """Random rows of the training split as the model reads them, the trained tokens between « and »."""
    rows = read_rows(folder, "train")
    tokenizer = _tokenizer(settings)
    chosen = random.Random(seed).sample(rows, min(count, len(rows)))  # noqa: S311
    return [
        f"{tokenizer.decode(tokens.ids[: tokens.prompt])}«{tokenizer.decode(tokens.ids[tokens.prompt :])}»"
        for tokens in tokenise(chosen, tokenizer)
    ]
