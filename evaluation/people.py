"""Ask the questions that people really sent, and compare the answers with passages that were read and graded.

citewell evaluate people --labels data/dev/people.jsonl --questions questions.jsonl --index artifacts/medquad
citewell evaluate people --labels data/dev/people.jsonl --questions questions.jsonl --split fit --limit 40

A labels file holds for each question the passages that were read for it, the grade of each (0 to 3, as in TREC), the
sentences that answer, and whether the passages answer all, a part or nothing of it. It names passages by their ids
and holds no word of them; the words of questions that may not be copied stand in a file of their own, found by id.
An answer is "misleading" if the best passage that it cites was graded 0, or was not read by anybody.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from core.command import command_parser
from core.errors import DataError, run_command
from core.files import write_atomic
from core.paths import artifacts
from core.progress import bar
from core.settings import load
from dataset.labelled import GOOD, LABELS, LabelledQuestion, read_asked
from evaluation.gate import report
from evaluation.stats import Figure, mean
from rag.answer import Answer
from rag.answerer import answer_chain
from rag.opening import open_answerer

FIGURES = artifacts("evaluation/people.json")
LESS_IS_BETTER = ("misleading", "cites_an_unread_passage")
DEPTHS = (3, 20)
"""Numbers of passages within which a good one is looked for."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a question."""

    answered: bool
    written: bool
    """Whether the model wrote the answer; it did not if the answer is a quotation."""
    cited: tuple[str, ...]
    """Ids of the passages that the answer cites."""
    found: tuple[str, ...]
    """Ids of the passages that the search found, best first, whether it then abstained or not."""
    fused: tuple[str, ...] = ()
    """The same in the order of the fused score alone: as they were before the reader read them."""


def outcome(answer: Answer) -> Outcome:
    """Read an outcome off an answer."""
    answered = not answer.abstained and bool(answer.sentences)
    hits = [*(item.hit for item in answer.evidence), *(each.hit for each in answer.dropped)]
    fused = sorted(hits, key=lambda hit: -hit.score)
    return Outcome(
        answered,
        answered and not answer.noted("quoted"),
        tuple(item.passage_id for item in answer.cited) if answered else (),
        tuple(dict.fromkeys(hit.passage_id for hit in hits)),
        tuple(dict.fromkeys(hit.passage_id for hit in fused)),
    )


def measures(asked: Sequence[LabelledQuestion], outcomes: Sequence[Outcome]) -> dict[str, Figure]:
    """Shares of the questions that each measure is about, with 95 % intervals."""
    pairs = list(zip(asked, outcomes, strict=True))
    answered = [(question, each) for question, each in pairs if each.answered]
    right = [(question, each) for question, each in pairs if question.answerable]
    reachable = [(question, each) for question, each in right if question.grade(each.found[: DEPTHS[1]]) >= GOOD]
    values: dict[str, list[float]] = {
        "answered_of_answerable": [each.answered for _, each in right],
        "refused_of_others": [not each.answered for question, each in pairs if not question.answerable],
        "cites_a_good_passage": [question.grade(each.cited) >= GOOD for question, each in answered],
        "misleading": [question.grade(each.cited) == 0 for question, each in answered],
        "cites_an_unread_passage": [any(p not in question.grades for p in each.cited) for question, each in answered],
        "written_by_the_model": [each.written for _, each in answered],
        **{
            f"good_passage_in_{depth}": [question.grade(each.found[:depth]) >= GOOD for question, each in right]
            for depth in DEPTHS
        },
        "good_passage_in_3_of_20": [question.grade(each.found[: DEPTHS[0]]) >= GOOD for question, each in reachable],
        "ndcg_at_10": [_ndcg(question.grades, each.found[:10]) for question, each in right],
        "ndcg_gained_by_reading": [
            _ndcg(question.grades, each.found[:10]) - _ndcg(question.grades, each.fused[:10])
            for question, each in right
        ],
    }
    return {name: mean(np.array(each, dtype=float)) for name, each in values.items() if each}


def _ndcg(grades: Mapping[str, int], ranked: Sequence[str]) -> float:
    """nDCG with gains 2^grade - 1 (Burges et al. 2005) at the length of `ranked`."""

    def gained(ordered: Sequence[int]) -> float:
        return sum((2**grade - 1) / np.log2(place + 1) for place, grade in enumerate(ordered, start=1))

    best = gained(sorted(grades.values(), reverse=True)[: max(len(ranked), 10)])
    return gained([grades.get(passage, 0) for passage in ranked]) / best if best else 0.0


def by_kind(asked: Sequence[LabelledQuestion], outcomes: Sequence[Outcome]) -> dict[str, dict[str, Figure]]:
    """The measures of each kind of question, the most frequent kind first."""
    kinds = sorted({each.kind for each in asked}, key=lambda kind: -sum(each.kind == kind for each in asked))
    pairs = list(zip(asked, outcomes, strict=True))
    return {kind: measures(*zip(*[pair for pair in pairs if pair[0].kind == kind], strict=True)) for kind in kinds}


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("evaluation.people", __doc__)
    parser.add_argument("--labels", metavar="F", type=Path, default=LABELS, help="what was read for each question")
    parser.add_argument("--questions", metavar="F", type=Path, help="the words of questions that labels name by id")
    parser.add_argument("--index", metavar="DIR", help="the index to ask (default: artifacts/index)")
    parser.add_argument("--split", default="test", help="questions of this split; '' for all (default: test)")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="ask N, drawn at random (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--to", metavar="F", type=Path, default=FIGURES, help="where to write the figures (.json)")
    parser.add_argument("--gate", metavar="F", type=Path, help="fail where a figure is worse than its interval in F")
    arguments = parser.parse_args(argv)
    asked = read_asked(arguments.labels, arguments.questions, arguments.split)
    if 0 < arguments.limit < len(asked):
        asked = random.Random(arguments.seed).sample(asked, arguments.limit)  # noqa: S311
    if not asked:
        raise DataError(f"{arguments.labels} has no question of split {arguments.split!r}; expected fit or test")

    chain = answer_chain(open_answerer(load({"index.dir": arguments.index})))
    answers: list[Answer] = []
    with bar("asking", len(asked), " questions") as progress:
        for question in asked:
            answers.append(chain.invoke(question.text))
            progress.update()
    outcomes = [outcome(answer) for answer in answers]
    figures = measures(asked, outcomes)
    print("\n".join(_lines(figures)))
    kinds = by_kind(asked, outcomes)
    for kind, each in kinds.items():
        print(f"\n{kind}, {sum(question.kind == kind for question in asked)} questions")
        print("\n".join(_lines(each)))
    result: dict[str, Any] = {
        "figures": {name: asdict(each) for name, each in figures.items()},
        "by_kind": {kind: {name: asdict(each) for name, each in named.items()} for kind, named in kinds.items()},
        "about": {
            "split": arguments.split,
            "questions": len(asked),
            "answerable": sum(question.answerable for question in asked),
            "measured": date.today().isoformat(),
            "model": answers[-1].model,
            "index": answers[-1].index,
        },
    }
    write_atomic(arguments.to, json.dumps(result, indent=1) + "\n")
    rows = [
        {"id": question.id, **asdict(each), "answerable": answer.answerable, "text": answer.text}
        for question, each, answer in zip(asked, outcomes, answers, strict=True)
    ]
    write_atomic(arguments.to.with_suffix(".jsonl"), "".join(json.dumps(row) + "\n" for row in rows))
    print(f"\n{arguments.to}; each answer: {arguments.to.with_suffix('.jsonl')}")
    return _gate(figures, arguments.gate) if arguments.gate else 0


def _gate(figures: Mapping[str, Figure], file: Path) -> int:
    """Compare with the figures of an earlier run; 1 if one is worse than its interval there."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))["figures"]
        committed = {name: Figure(**each) for name, each in kept.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{file} holds no figures ({error}); write them: citewell evaluate people --to {file}"
        ) from error
    return report(figures, committed, file, LESS_IS_BETTER)


def _lines(figures: Mapping[str, Figure]) -> list[str]:
    return [
        f"  {name:<25}{each.mean:>7.3f}  ({each.low:.3f} to {each.high:.3f})  of {each.n:,}"
        for name, each in figures.items()
    ]


if __name__ == "__main__":
    run_command(main)
