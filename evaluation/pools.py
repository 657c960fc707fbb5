"""Passages to read for questions that people sent, and the labels that reading gives.

citewell evaluate pool draw --questions questions.jsonl --number 520 --index artifacts/medquad --to artifacts/pool
citewell evaluate pool gather --pool artifacts/pool --labels artifacts/pool/labels*.jsonl --to data/dev/people.jsonl

`draw` takes questions of every set in proportion, pools the ten best passages of each way to search for each, and
writes them in batches that a person reads (`batch_01.txt`), in random order and without a word on which search found
them. The reader writes a line for each question: `id`, `kind`, `state`, `grades` (number of the passage -> 1 to 3),
`sentences` (number of the passage -> numbers of its sentences) and `ideal` (data/dev/README.md says what they mean).
`gather` turns the lines into labels that hold no word of passages or questions: ids in the place of numbers.
"""

import json
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.command import command_parser
from core.errors import DataError, QuestionError, run_command
from core.files import jsonl_lines, read_jsonl, write_atomic
from core.progress import bar
from core.settings import load
from core.text.sentences import sentence_spans
from dataset.labelled import GOOD, is_test_topic
from index.topics import record_topic
from rag.opening import open_retriever
from rag.search.retriever import IndexRetriever

DEPTH = 10
"""Best passages of each way to search that are pooled."""
BATCH = 26
"""Questions of a batch: about an hour's reading."""
LONG = 160
"""Letters of a message from which its last question is searched by itself as well."""
POOL = "pool.json"


@dataclass(frozen=True)
class Pooled:
    """A question, and the passages that are to be read for it."""

    id: str
    set: str
    question: str
    short: str
    """What the message asks, in short; empty for a short one."""
    passages: tuple[str, ...]
    """Ids, in the order in which they are shown."""


def drawn(rows: Sequence[dict[str, Any]], number: int, rng: random.Random) -> list[dict[str, Any]]:
    """Questions of every set (`set`), in proportion to the sets, in random order."""
    sets: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        sets.setdefault(str(row.get("set", "")), []).append(row)
    share = min(1.0, number / len(rows))
    chosen = [row for each in sets.values() for row in rng.sample(each, round(share * len(each)))]
    rng.shuffle(chosen)
    return chosen


def pooled(row: dict[str, Any], retriever: IndexRetriever, rng: random.Random) -> Pooled:
    """The passages that each way to search finds best for a question, each text once, in random order."""
    question, short = str(row["question"]), short_of(row)
    passages: dict[str, str] = {}
    for ranked in (*_ways(question, retriever), *(_ways(short, retriever)[:1] if short else ())):
        for passage in list(dict.fromkeys(ranked))[:DEPTH]:
            passages.setdefault(_plain(retriever.index.by_id[passage].text), passage)
    order = list(passages.values())
    rng.shuffle(order)
    return Pooled(str(row["id"]), str(row.get("set", "")), question, short, tuple(order))


def short_of(row: dict[str, Any]) -> str:
    """What a long message asks: its `summary` where it has one, else its last sentence that ends in a question mark."""
    question = str(row["question"])
    asks = [question[start:end] for start, end in sentence_spans(question) if question[start:end].endswith("?")]
    return str(row.get("summary") or "") or (asks[-1] if asks and len(question) > LONG else "")


def _ways(question: str, retriever: IndexRetriever) -> list[list[str]]:
    """Passage ids, best first, of the fusion and of each of its stages by itself."""
    index = retriever.index
    try:
        query = retriever.read(question[: retriever.settings.max_question_chars])
    except QuestionError:
        return []
    if query.reply:
        return []
    candidates = retriever.find(query).candidates
    stages = [
        sorted((each for each in candidates if stage in each.ranks), key=lambda each, stage=stage: each.ranks[stage])  # type: ignore[misc]
        for stage in ("headed", "question", "lexical")
    ]
    return [[index.passages[each.passage_row].id for each in ranked] for ranked in (candidates, *stages)]


def batches(pool: Sequence[Pooled], retriever: IndexRetriever, size: int = BATCH) -> Iterable[str]:
    """The texts that a reader is given: each question with its passages, their sentences numbered from 0."""
    for first in range(0, len(pool), size):
        yield "".join(_shown(each, retriever) for each in pool[first : first + size])


def _shown(each: Pooled, retriever: IndexRetriever) -> str:
    lines = [f"##### QUESTION id={each.id}", each.question]
    lines += [f"(in short: {each.short})"] * bool(each.short)
    for number, passage_id in enumerate(each.passages, start=1):
        passage = retriever.index.by_id[passage_id]
        heading = retriever.index.records[passage.record_id].question
        sentences = [" ".join(passage.text[start:end].split()) for start, end in sentence_spans(passage.text)]
        lines += [f"[{number}] {heading}", " ".join(f"({place}) {text}" for place, text in enumerate(sentences))]
    return "\n".join(lines) + "\n\n"


def labelled(
    line: dict[str, Any], each: Pooled, retriever: IndexRetriever, same: dict[str, list[str]]
) -> dict[str, Any]:
    """A reader's line as a label: passages by their ids, and passages of the same words with them.

    Args:
        same: passages by their words (`same_texts`).

    Raises:
        DataError: the line names a passage or a grade that there is not, or its state and its grades disagree.
    """
    try:
        grades = {each.passages[int(number) - 1]: int(grade) for number, grade in line["grades"].items()}
        sentences = {each.passages[int(number) - 1]: list(map(int, at)) for number, at in line["sentences"].items()}
    except (IndexError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{each.id}: a passage or a grade that there is not ({error}); read its line again") from error
    best = max(grades, key=lambda passage: grades[passage], default="")
    answers = bool(best) and grades[best] >= GOOD
    if answers == (line["state"] == "none") or not set(grades.values()) <= {1, 2, 3}:
        found = f"state {line['state']!r} over grades {sorted(grades.values())}"
        raise DataError(f"{each.id}: {found} do not go together; read its line again")
    ideal, sources = _with_sources(str(line.get("ideal", "")) if answers else "", each)
    topic = record_topic(retriever.index.records[retriever.index.by_id[best].record_id]) if answers else each.id
    words = {passage: _plain(retriever.index.by_id[passage].text) for passage in grades}
    spread = {other: grade for passage, grade in grades.items() for other in same[words[passage]]}
    return {
        "id": each.id,
        "set": each.set,
        "kind": line["kind"],
        "urgent": line.get("urgent", ""),
        "split": "test" if is_test_topic(topic) else "fit",
        "state": line["state"],
        "grades": spread,
        "read": [passage for passage in each.passages if passage not in spread],
        "sentences": sentences,
        "ideal": ideal,
        "sources": sources,
    }


def _with_sources(ideal: str, each: Pooled) -> tuple[str, list[str]]:
    """An ideal answer whose markers count its sources, and these sources' ids."""
    order: list[int] = []

    def marker(match: re.Match[str]) -> str:
        numbers = [int(number) for number in re.findall(r"\d+", match[0]) if 0 < int(number) <= len(each.passages)]
        order.extend(number for number in numbers if number not in order)
        return "".join(f"[{order.index(number) + 1}]" for number in numbers)

    text = re.sub(r"\[\d+(?:[,\s]+\d+)*\]", marker, ideal)
    return text, [each.passages[number - 1] for number in order]


def same_texts(retriever: IndexRetriever) -> dict[str, list[str]]:
    """Text without signs and case -> the ids of the passages that have it."""
    same: dict[str, list[str]] = {}
    for passage in retriever.index.passages:
        same.setdefault(_plain(passage.text), []).append(passage.id)
    return same


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text).casefold().strip()


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("evaluation.pools", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    draw = commands.add_parser("draw", help="pool passages for questions, and write them in batches to be read")
    draw.add_argument("--questions", metavar="F", type=Path, required=True, help="JSON Lines of id, question, set")
    draw.add_argument("--number", metavar="N", type=int, default=520, help="questions to draw (default: 520)")
    draw.add_argument("--seed", type=int, default=9)
    draw.add_argument("--to", metavar="DIR", type=Path, required=True, help="where the pool and the batches go")
    gather = commands.add_parser("gather", help="turn readers' lines into labels without words")
    gather.add_argument("--pool", metavar="DIR", type=Path, required=True, help="the folder that draw wrote")
    gather.add_argument("--labels", metavar="F", type=Path, nargs="+", required=True, help="the readers' lines")
    gather.add_argument("--to", metavar="F", type=Path, required=True, help="the labels to write")
    for each in (draw, gather):
        each.add_argument("--index", metavar="DIR", help="the index whose passages are read (default: artifacts/index)")
    arguments = parser.parse_args(argv)
    retriever = open_retriever(load({"index.dir": arguments.index}))
    if arguments.command == "draw":
        return _draw(arguments.questions, arguments.number, arguments.seed, arguments.to, retriever)
    pool = {row["id"]: Pooled(**{**row, "passages": tuple(row["passages"])}) for row in _read_pool(arguments.pool)}
    lines = [row for path in arguments.labels for row in read_jsonl(path, "id", "kind", "state", "grades", "sentences")]
    if unknown := sorted({str(line["id"]) for line in lines} - pool.keys()):
        raise DataError(f"the labels name {unknown[0]!r}, which {arguments.pool} does not hold; give its own pool")
    same = same_texts(retriever)
    labels = {line["id"]: labelled(line, pool[line["id"]], retriever, same) for line in lines}
    write_atomic(arguments.to, "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in labels.values()))
    print(f"{arguments.to}: {len(labels)} questions; next: citewell evaluate people --labels {arguments.to}")
    return 0


def _draw(questions: Path, number: int, seed: int, to: Path, retriever: IndexRetriever) -> int:
    rng = random.Random(seed)  # noqa: S311
    rows = drawn(read_jsonl(questions, "id", "question"), number, rng)
    pool = []
    with bar("pooling", len(rows), " questions") as progress:
        for row in rows:
            pool.append(pooled(row, retriever, rng))
            progress.update()
    write_atomic(to / POOL, "".join(json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in pool))
    for place, text in enumerate(batches(pool, retriever), start=1):
        write_atomic(to / f"batch_{place:02}.txt", text)
    passages = sum(len(each.passages) for each in pool)
    print(f"{to}: {len(pool)} questions in batches of {BATCH}, {passages:,} passages to read")
    return 0


def _read_pool(folder: Path) -> list[dict[str, Any]]:
    path = folder / POOL
    if not path.is_file():
        raise DataError(f"no {POOL} in {folder}; make one: citewell evaluate pool draw --questions F --to {folder}")
    return [json.loads(line) for line in jsonl_lines(path.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    run_command(main)
