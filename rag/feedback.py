"""Judgements of answers, and the preference pairs that the next training can learn from.

citewell feedback list
citewell feedback export --to pairs.jsonl       # trl's preference format: prompt, chosen, rejected
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from langchain_core.messages import convert_to_openai_messages

from core.command import command_parser
from core.errors import DataError, run_command
from core.files import write_atomic
from core.settings import load
from generator.prompt import messages
from rag.answer import Answer
from rag.database import EARLIER, as_kept, database
from rag.receipt import Receipt, read_receipt, receipt, sealed_receipt

REASONS = ("wrong", "not supported", "wrong evidence", "incomplete", "unclear")
"""Reasons for which an answer is judged bad."""


@dataclass(frozen=True)
class Feedback:
    """One judgement of one answer."""

    receipt: Receipt
    good: bool
    reason: str = ""
    """One of `REASONS` where the answer is not good."""
    better: str = ""
    """The answer as it should have been; may be empty."""
    created: str = ""
    """Time in UTC, ISO 8601."""


def give(path: Path, answer: Answer, good: bool, reason: str = "", better: str = "", owner: str = EARLIER) -> None:
    """Store a judgement; a later one of the same answer by the same owner takes its place.

    Raises:
        DataError: the reason is none of `REASONS`.
        HistoryError: see `rag.database.database`.
    """
    if not good and reason not in REASONS:
        raise DataError(f"unknown reason {reason!r}; expected one of: {', '.join(REASONS)}")
    made = receipt(answer)
    row = {
        "owner": owner,
        "seal": sealed_receipt(answer, "").sha256,  # of the answer alone: the same one is judged once
        "created": made.created,
        "good": int(good),
        "reason": "" if good else reason,
        "better": better.strip(),
        "receipt": made.to_json(),
    }
    with database(path, erases=True) as db:
        db.table("feedback").insert(row, replace=True)


def given(path: Path) -> list[Feedback]:
    """All judgements, the oldest first; raises as `give` does, and DataError where a receipt was altered."""
    with database(path, writes=False) as db:
        rows = as_kept(db.table("feedback").rows_where(order_by="created, rowid"))
    return [
        Feedback(
            read_receipt(row["receipt"], f"a receipt in {path}"),
            bool(row["good"]),
            row["reason"],
            row["better"],
            row["created"],
        )
        for row in rows
    ]


def pairs(judged: Sequence[Feedback]) -> list[dict[str, Any]]:
    """Preference pairs in trl's conversational format.

    Over one prompt every answer that somebody called good or wrote as the better one is preferred to every answer that
    somebody called bad. An answer that stands alone gives no pair.
    """
    prompts: dict[str, tuple[list[str], list[str]]] = {}
    for each in judged:
        answer = each.receipt.answer
        if not answer.prompt:  # the model was not asked
            continue
        sources = [item.as_source() for item in answer.evidence]
        prompt = json.dumps(convert_to_openai_messages(messages(answer.search_query, sources), text_format="string"))
        chosen, rejected = prompts.setdefault(prompt, ([], []))
        (chosen if each.good else rejected).append(answer.generated or answer.text)
        if each.better:
            chosen.append(each.better)
    return [
        {"prompt": json.loads(prompt), "chosen": _said(good), "rejected": _said(bad)}
        for prompt, (chosen, rejected) in prompts.items()
        for good, bad in product(dict.fromkeys(chosen), dict.fromkeys(rejected))
        if good != bad
    ]


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def by_day(judged: Sequence[Feedback]) -> list[dict[str, Any]]:
    """Judgements counted by day and reason ("good" among them), for a chart."""
    counts = Counter((each.created[:10], "good" if each.good else each.reason) for each in judged)
    return [{"day": day, "reason": reason, "answers": count} for (day, reason), count in sorted(counts.items())]


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("rag.feedback", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="judgements by day and reason")
    export = commands.add_parser("export", help="write preference pairs, one JSON object a line")
    export.add_argument("--to", metavar="F", type=Path, required=True, help="the JSONL file to write")
    for each in commands.choices.values():
        each.add_argument("--history", metavar="F", help="the database (default: artifacts/history.sqlite)")
    arguments = parser.parse_args(argv)
    judged = given(Path(load({"history.file": arguments.history}).history.file))
    if arguments.command == "list":
        for row in by_day(judged):
            print(f"{row['day']}  {row['answers']:4}  {row['reason']}")
        return 0
    made = pairs(judged)
    if not made:
        raise DataError(
            f"{len(judged)} judgements give no pair; a pair needs a bad answer, and a better one written to it or "
            "another answer over the same passages that was called good"
        )
    write_atomic(arguments.to, "".join(json.dumps(pair, ensure_ascii=False) + "\n" for pair in made))
    print(f"{len(made)} pairs from {len(judged)} judgements, {datetime.now(UTC):%Y-%m-%d}: {arguments.to}")
    return 0


if __name__ == "__main__":
    run_command(main)
