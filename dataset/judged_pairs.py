"""Preference pairs from people: their judgements of answers in the page, and files of pairs written by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from core.errors import DataError
from core.files import read_jsonl
from core.text.aspects import topic as topic_of
from generator.prompt import Source
from generator.tuning.pairs import Pair, check_pair
from index.reader import Index
from index.topics import record_topic
from rag.feedback import Feedback

SEVERITY = 1.0
"""How bad an answer is that a person called bad."""


@dataclass(frozen=True)
class FromFeedback:
    """The pairs of people's judgements, and the number of judgements that gave none, by reason."""

    pairs: tuple[Pair, ...]
    left_out: dict[str, int]


def feedback_pairs(judged: Sequence[Feedback], index: Index | None) -> FromFeedback:
    """Pairs over one prompt: every answer that was called good, or written as the better one, before every bad one.

    Left out are judgements of answers that no model wrote, those over passages that the index holds no longer (what
    was deleted must not be taught), and those that nothing stands against.
    """
    left_out = {"not written by the model": 0, "over passages that the index lacks": 0, "without a counterpart": 0}
    prompts: dict[tuple[str, tuple[Source, ...]], list[Feedback]] = {}
    for each in judged:
        answer = each.receipt.answer
        if not answer.prompt:
            left_out["not written by the model"] += 1
        elif index is not None and any(item.passage_id not in index.by_id for item in answer.evidence):
            left_out["over passages that the index lacks"] += 1
        else:
            key = (answer.search_query, tuple(item.as_source() for item in answer.evidence))
            prompts.setdefault(key, []).append(each)
    pairs: list[Pair] = []
    for (question, sources), members in prompts.items():
        good = dict.fromkeys(_said(each) for each in members if each.good)
        good |= dict.fromkeys(each.better for each in members if each.better)
        bad = {_said(each): each.reason for each in members if not each.good}
        made = [
            Pair(
                question,
                sources,
                chosen,
                rejected,
                bad[rejected],
                SEVERITY,
                _group(members),
                _topic(members, index),
                "feedback",
            )
            for chosen, rejected in product(good, bad)
            if chosen != rejected
        ]
        left_out["without a counterpart"] += 0 if made else len(members)
        pairs += made
    return FromFeedback(tuple(pairs), left_out)


def file_pairs(path: Path, index: Index) -> list[Pair]:
    """Pairs of a file of JSON Lines: question, passages (ids of the index), chosen, rejected.

    Raises:
        DataError: the file is missing, a line lacks a key, a side is empty or equal to the other one, or the index has
            no such passage.
    """
    pairs = []
    for number, entry in enumerate(read_jsonl(path, "question", "passages", "chosen", "rejected"), start=1):
        where = f"{path}, line {number}"
        ids = [str(name) for name in entry["passages"]]
        missing = [name for name in ids if name not in index.by_id]
        if missing or not ids:
            raise DataError(
                f"{where} names the passages {', '.join(missing) or 'none'}, which the index lacks; expected "
                "ids of the index that is searched (citewell ask --json shows them), or name its folder: --index DIR"
            )
        chosen, rejected = str(entry["chosen"]).strip(), str(entry["rejected"]).strip()
        check_pair(chosen, rejected, where)
        found = [index.by_id[name] for name in ids]
        records = [index.records[passage.record_id] for passage in found]
        sources = tuple(Source(record.question, each.text) for record, each in zip(records, found, strict=True))
        about = (str(entry.get("kind", "by hand")), SEVERITY, ids[0], record_topic(records[0]), "file")
        pairs.append(Pair(str(entry["question"]), sources, chosen, rejected, *about))
    return pairs


def _said(judged: Feedback) -> str:
    answer = judged.receipt.answer
    return (answer.generated or answer.text).strip()


def _group(members: Sequence[Feedback]) -> str:
    evidence = members[0].receipt.answer.evidence
    return evidence[0].record_id if evidence else ""


def _topic(members: Sequence[Feedback], index: Index | None) -> str:
    evidence = members[0].receipt.answer.evidence
    if not evidence:
        return ""
    record = index.records.get(evidence[0].record_id) if index is not None else None
    return record_topic(record) if record is not None else topic_of(evidence[0].question)
