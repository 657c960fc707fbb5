"""Ask many judged questions as a user would, through every check, and measure the answers.

citewell evaluate audit --questions data/dev/medquad.jsonl data/dev/unanswerable.jsonl --index artifacts/medquad
citewell evaluate audit --questions data/dev/medquad.jsonl --limit 50 --to artifacts/audit
citewell receipt verify artifacts/audit/*.json    # afterwards, in a process of its own: do all quotes stand?

`evaluation.search` judges the search and `evaluation.answers` the model; this judges the two with everything between
and after them: the bar for abstaining, verdicts, and quoting where the model declines. Refusals are counted twice: by
what the file holds, and by what the search shows of it (`..._shown`). Writes a receipt of every answer, and figures to
artifacts/evaluation/audit.json, which the Quality page shows. Figures are means with 95 % intervals.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from core.command import command_parser
from core.errors import run_command
from core.files import new_folder, write_atomic
from core.paths import artifacts
from core.progress import bar
from core.settings import load
from evaluation.judged_questions import Question, read_questions
from evaluation.stats import Figure, mean
from rag.answer import Answer
from rag.answerer import answer_chain
from rag.opening import open_answerer
from rag.receipt import receipt

FIGURES = artifacts("evaluation/audit.json")
RECEIPTS = "[0-9][0-9][0-9].json"
SECONDS = {"whole_answer_s": "total_s", "first_token_s": "first_token_s", "search_s": "search_s"}


def audit(questions: Sequence[Question], answers: Sequence[Answer], shown: Sequence[bool | None]) -> dict[str, Figure]:
    """The outcomes of the questions, as shares of those that each measure is about; seconds are means.

    Args:
        shown: whether the hits of each question's search answer it; None where that is not known.
    """
    pairs = list(zip(questions, answers, strict=True))
    refused = [(answer.abstained, holds) for answer, holds in zip(answers, shown, strict=True)]
    answered = [(question, answer) for question, answer in pairs if not answer.abstained and answer.sentences]
    sentences = [sentence for _, answer in answered for sentence in answer.sentences]
    written = [answer for _, answer in pairs if answer.timings.answer_tokens]
    values: dict[str, list[float]] = {
        "false_refusals": [answer.abstained for question, answer in pairs if question.answerable],
        "right_refusals": [answer.abstained for question, answer in pairs if not question.answerable],
        "false_refusals_shown": [abstained for abstained, holds in refused if holds],
        "right_refusals_shown": [abstained for abstained, holds in refused if holds is False],
        "precise_refusals_shown": [not holds for abstained, holds in refused if abstained and holds is not None],
        "quoted": [answer.noted("quoted") for _, answer in answered],
        "caveat_added": [answer.noted("caveat") for _, answer in answered],
        "restated": [answer.noted("restated") for _, answer in answered],
        "cites_a_right_record": [
            any(item.record_id in question.relevant for item in answer.cited)
            for question, answer in answered
            if question.answerable
        ],
        "cited_sentences": [bool(sentence.citations) for sentence in sentences],
        **{
            f"{verdict}_sentences": [sentence.verdict == verdict for sentence in sentences]
            for verdict in ("supported", "weak")
        },
        **{name: [getattr(answer.timings, key) for answer in written] for name, key in SECONDS.items()},
    }
    return {name: mean(np.array(each, dtype=float)) for name, each in values.items() if each}


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("evaluation.audit", __doc__)
    parser.add_argument("--questions", metavar="F", type=Path, nargs="+", required=True, help="judged, as in data/dev")
    parser.add_argument("--index", metavar="DIR", help="the index to ask (default: artifacts/index)")
    parser.add_argument("--split", default="", help="only questions of this split (default: all)")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="ask N, drawn at random (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--to", metavar="DIR", type=Path, default=artifacts("audit"), help="folder of receipts, which is replaced"
    )
    arguments = parser.parse_args(argv)
    settings = load({"index.dir": arguments.index})
    questions = read_questions(arguments.questions, arguments.split)
    if 0 < arguments.limit < len(questions):
        questions = random.Random(arguments.seed).sample(questions, arguments.limit)  # noqa: S311

    answerer = open_answerer(settings)
    chain = answer_chain(answerer)
    wide = replace(answerer.retriever.settings, abstain=False)
    barless = replace(answerer, retriever=answerer.retriever.model_copy(update={"settings": wide}))
    answers: list[Answer] = []
    shown: list[bool | None] = []
    with new_folder(arguments.to, RECEIPTS) as folder, bar("audit", len(questions), " questions") as progress:
        for number, question in enumerate(questions):
            answers.append(chain.invoke(question.text))
            # a question that the bar kept from the model is searched once more; other answers hold their evidence
            right = question.shown_in(
                answers[-1].evidence or barless.evidence(barless.retriever.search(question.text))[0]
            )
            shown.append(None if right is None else bool(right))
            (folder / f"{number:03}.json").write_text(receipt(answers[-1]).to_json(), encoding="utf-8")
            progress.update()
    figures = audit(questions, answers, shown)
    for name, each in figures.items():
        print(f"{name:<23}{each.mean:>7.3f}  ({each.low:.3f} to {each.high:.3f})  of {each.n:,}")
    about = {
        "questions": len(questions),
        "answerable": sum(question.answerable for question in questions),
        "model": answers[-1].model if answers else {},
        "index": answers[-1].index if answers else {},
    }
    write_atomic(
        FIGURES, json.dumps({**{name: asdict(each) for name, each in figures.items()}, "about": about}, indent=1) + "\n"
    )
    print(f"{FIGURES}; check the quotes: citewell receipt verify {arguments.to}/*.json")
    return 0


if __name__ == "__main__":
    run_command(main)
