"""Preference pairs: two answers to one prompt, of which one is better; a folder of them in trl's preference format.

pairs.json                                     what they were made from, counts, SHA-256 of the files
train.jsonl, development.jsonl, test.jsonl     prompt, chosen, rejected (messages), and what the pair is about
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import DataError
from core.files import jsonl_lines, new_folder, sha256_file
from generator.prompt import Source
from generator.tuning.rows import SPLITS, Split, Tokens, chat, manifest_of, tokenise, unaltered

MANIFEST = "pairs.json"
LEAST_PAIRS = 8
"""Fewest pairs to train on: fewer teach nothing, and are most likely a mistake."""
_MAKE = "make them: citewell preferences --to {folder}"


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt, and why one of them is the worse one."""

    question: str
    sources: tuple[Source, ...]
    chosen: str
    rejected: str
    kind: str
    """The fault of the rejected answer (`dataset.faults`), or a reason that a person gave."""
    severity: float
    """How bad that fault is, from 0 to 1."""
    group: str
    """Pairs of one group are over the same sources."""
    topic: str
    made: str
    """How it was made: sampled, edited, mirrored, feedback, or file."""

    @property
    def prompt(self) -> list[dict[str, str]]:
        """The prompt as messages, exactly as it is built when answering."""
        return chat(self.question, self.sources)


@dataclass(frozen=True)
class Answered:
    """One side of a pair with its prompt, as `tokenise` takes it."""

    pair: Pair
    completion: str

    def chat(self) -> list[dict[str, str]]:
        return self.pair.prompt


def check_pair(chosen: str, rejected: str, where: str) -> None:
    """Refuse a pair that nothing can be learned from.

    Raises:
        DataError: a side is empty, or both are equal.
    """
    if not chosen.strip() or not rejected.strip():
        side = "chosen" if not chosen.strip() else "rejected"
        raise DataError(f"{where}: the {side} answer is empty; expected two answers, of which one is better")
    if chosen.strip() == rejected.strip():
        raise DataError(f"{where}: chosen and rejected are the same answer; expected two that differ")


def write_pairs(target: Path, pairs: Mapping[Split, Sequence[Pair]], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write the splits and a manifest with their `facts`; returns the manifest.

    Raises:
        OSError: the disk is full; `target` is then as it was before.
    """
    with new_folder(target, MANIFEST) as folder:
        for split in SPLITS:
            lines = [json.dumps(_as_json(pair), ensure_ascii=False) + "\n" for pair in pairs[split]]
            (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
        files = {f"{split}.jsonl": sha256_file(folder / f"{split}.jsonl") for split in SPLITS}
        data = hashlib.sha256("".join(files[name] for name in sorted(files)).encode()).hexdigest()
        counts = {split: counted(pairs[split]) for split in SPLITS}
        manifest = {**facts, "pairs": counts, "files": files, "data_sha256": data}
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def counted(pairs: Sequence[Pair]) -> dict[str, Any]:
    """The number of pairs, of their topics and prompts, and of each kind, sampled or edited."""
    words = [(len(pair.chosen.split()), len(pair.rejected.split())) for pair in pairs]
    return {
        "pairs": len(pairs),
        "prompts": len({(pair.question, pair.sources) for pair in pairs}),
        "topics": len({pair.topic for pair in pairs}),
        "kinds": dict(Counter(pair.kind for pair in pairs).most_common()),
        "made": dict(Counter(pair.made for pair in pairs).most_common()),
        "words_chosen": round(sum(chosen for chosen, _ in words) / max(len(words), 1), 1),
        "words_rejected": round(sum(rejected for _, rejected in words) / max(len(words), 1), 1),
    }


def read_pairs(folder: Path, split: Split) -> list[Pair]:
    """The pairs of one split, their file's hash checked.

    Raises:
        DataError: the folder or the file is missing, the file is not the one that was written, or a side of a pair is
            empty or equal to the other one.
    """
    files = read_pairs_manifest(folder)["files"]
    path = unaltered(folder / f"{split}.jsonl", MANIFEST, files, _MAKE.format(folder=folder))
    pairs = []
    for number, line in enumerate(jsonl_lines(path.read_text(encoding="utf-8")), start=1):
        pair = _from_json(json.loads(line))
        check_pair(pair.chosen, pair.rejected, f"{path}, line {number}")
        pairs.append(pair)
    return pairs


def read_pairs_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder of pairs.

    Raises:
        DataError: no such folder, or it is not whole.
    """
    return manifest_of(folder / MANIFEST, ("files", "data_sha256"), _MAKE.format(folder=folder))


def enough(pairs: Sequence[Pair], folder: Path) -> Sequence[Pair]:
    """The pairs, if there are enough to train on.

    Raises:
        DataError: there are fewer than `LEAST_PAIRS`.
    """
    if len(pairs) < LEAST_PAIRS:
        raise DataError(
            f"{folder} has {len(pairs)} pairs to train on; expected {LEAST_PAIRS} or more: judge more answers in the "
            "page, or let the model make some: citewell preferences --prompts 200"
        )
    return pairs


def tokenise_pairs(pairs: Sequence[Pair], tokenizer: Any) -> list[tuple[Tokens, Tokens]]:
    """The chosen and the rejected side of each pair; raises as `tokenise` does."""
    chosen = tokenise([Answered(pair, pair.chosen) for pair in pairs], tokenizer)
    rejected = tokenise([Answered(pair, pair.rejected) for pair in pairs], tokenizer)
    return list(zip(chosen, rejected, strict=True))


def _as_json(pair: Pair) -> dict[str, Any]:
    sides = {name: [{"role": "assistant", "content": getattr(pair, name)}] for name in ("chosen", "rejected")}
    headings, texts = [each.heading for each in pair.sources], [each.text for each in pair.sources]
    about = {name: value for name, value in vars(pair).items() if name not in ("sources", *sides)}
    return {"prompt": pair.prompt, **sides, **about, "headings": headings, "texts": texts}


def _from_json(entry: dict[str, Any]) -> Pair:
    sources = tuple(Source(*each) for each in zip(entry["headings"], entry["texts"], strict=True))
    chosen, rejected = (str(entry[name][0]["content"]) for name in ("chosen", "rejected"))
    about = {name: entry[name] for name in ("question", "kind", "severity", "group", "topic", "made")}
    return Pair(sources=sources, chosen=chosen, rejected=rejected, **about)
