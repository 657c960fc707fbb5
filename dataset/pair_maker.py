"""Preference pairs made without people: sampled answers judged, good ones edited, and refusals mirrored.

The recipe is Trust-Align's (Song et al. 2025, arXiv 2409.11242): the chosen answer is right, the rejected one is the
model's own where it fails, and the severest half is kept.
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Sequence

from dataset.edits import EDITS, edited
from dataset.faults import LENGTHS_ALIKE, MIRRORED, WEIGHTS, faults, worst
from generator.prompt import REFUSAL
from generator.tuning.pairs import Pair
from generator.tuning.rows import Row
from rag.checks.citations import SupportJudge

MOST_OF_A_PROMPT = 4
"""Most pairs over one prompt."""
LONGER = 0.3
"""How much longer one side may be than the other where lengths should be alike."""
EDITED = (*EDITS, "cut short")


def sampled_pairs(row: Row, texts: Sequence[str], support: SupportJudge) -> list[Pair]:
    """Pairs of a sampled answer with a fault and a right one: a sampled one without any, or the reference."""
    different = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
    judged = {text: faults(row, text, support) for text in different}
    right = [*(text for text, found in judged.items() if not found), row.completion]
    pairs = []
    for text, found in judged.items():
        if not found:
            continue
        kind = worst(found)
        chosen = min(right, key=lambda good: abs(_words(good) - _words(text)))
        if kind not in LENGTHS_ALIKE or _alike(chosen, text):
            pairs.append(_pair(row, chosen, text, kind, found[kind], "sampled"))
    return pairs


def edited_pairs(row: Row, support: SupportJudge, rng: random.Random) -> list[Pair]:
    """Pairs of a row's reference and the same with one fault, for each kind that can be made of it.

    An edit counts only if the verifier finds the fault that was put in; a reference that it faults itself gives none.
    """
    if not row.completion or faults(row, row.completion, support):
        return []
    pairs = []
    for kind in EDITED:
        text = edited(row, kind, rng)
        if text and text != row.completion and (severity := faults(row, text, support).get(kind)):
            pairs.append(_pair(row, row.completion, text, kind, severity, "edited"))
    return pairs


def mirrored_pairs(rows: Sequence[Row], rng: random.Random) -> list[Pair]:
    """Two pairs of each group that has a question with an answer and one without: over the same sources, the refusal is
    the worse answer to the one and the better answer to the other."""
    pairs = []
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    for members in groups.values():
        answered = [row for row in members if row.answerable]
        refused = [row for row in members if not row.answerable]
        if answered and refused:
            one, other = rng.choice(answered), rng.choice(refused)
            without, with_ = MIRRORED
            pairs.append(_pair(other, REFUSAL, one.completion, without, WEIGHTS[without], "mirrored"))
            pairs.append(_pair(one, one.completion, REFUSAL, with_, WEIGHTS[with_], "mirrored"))
    return pairs


def balanced(pairs: Sequence[Pair], most: int, rng: random.Random) -> list[Pair]:
    """The severest half of sampled pairs and all others, with kinds in like numbers and few pairs a prompt.

    Args:
        most: pairs that are kept; 0 keeps as many of each kind as the median kind has.
    """
    own = sorted((pair for pair in pairs if pair.made == "sampled"), key=lambda pair: -pair.severity)
    pool = [*own[: math.ceil(len(own) / 2)], *(pair for pair in pairs if pair.made != "sampled")]
    by_kind: dict[str, list[Pair]] = defaultdict(list)
    for pair in rng.sample(pool, len(pool)):
        by_kind[pair.kind].append(pair)
    if not by_kind:
        return []
    counts = sorted(len(members) for members in by_kind.values())
    share = math.ceil(most / len(by_kind)) if most else counts[len(counts) // 2]
    mirrored = min(share, *(len(by_kind[kind]) for kind in MIRRORED))
    kept: list[Pair] = []
    of_prompt: Counter[tuple[object, ...]] = Counter()
    for kind, members in sorted(by_kind.items()):
        members.sort(key=lambda pair: (pair.made != "sampled", -pair.severity))  # the model's own faults come first
        room = mirrored if kind in MIRRORED else share
        for pair in members:
            prompt = (pair.question, pair.sources)
            if room and of_prompt[prompt] < MOST_OF_A_PROMPT:
                kept.append(pair)
                of_prompt[prompt] += 1
                room -= 1
    return rng.sample(kept, len(kept))


def _pair(row: Row, chosen: str, rejected: str, kind: str, severity: float, made: str) -> Pair:
    return Pair(row.question, row.sources, chosen, rejected, kind, round(severity, 3), row.group, row.topic, made)


def _words(text: str) -> int:
    return len(text.split())


def _alike(one: str, other: str) -> bool:
    shorter, longer = sorted((_words(one), _words(other)))
    return longer <= (1 + LONGER) * shorter
