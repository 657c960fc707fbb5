"""Ask questions on the command line.

citewell ask "What are the signs of a stroke?"
citewell ask "How do vaccines work?" "What is gout?" --k 2
citewell ask --file questions.txt --json > answers.jsonl ; citewell receipt verify answers.jsonl
citewell ask "What is gout?" --compare              # the same evidence, answered with and without the adapter
"""

import shutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from core.command import command_parser
from core.errors import DataError, QuestionError, SettingsError, run_command
from core.settings import load
from rag.answer import Answer, Evidence


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("rag.ask", __doc__)
    parser.add_argument("question", nargs="*", help="one or more questions, each in quotes")
    parser.add_argument(
        "--file", metavar="F", type=Path, help="a file with a question on each line; - is standard input"
    )
    parser.add_argument("--index", metavar="DIR", help="the index folder (default: artifacts/index)")
    parser.add_argument("--k", type=int, metavar="N", help="passages put in front of the model (default: 3)")
    parser.add_argument("--adapter", metavar="NAME", help="adapter that the index was built for; '' for none")
    parser.add_argument("--source", metavar="S", help="only records of this source, where the CSV has the column")
    parser.add_argument("--type", metavar="T", help="only records of this question_type, where the CSV has the column")
    parser.add_argument("--follow", action="store_true", help="each question may follow up on the one before it")
    parser.add_argument("--compare", action="store_true", help="answer with and without the adapter, side by side")
    parser.add_argument("--json", action="store_true", help="print the receipt of each answer, one JSON object a line")
    arguments = parser.parse_args(argv)
    settings = load({"index.dir": arguments.index, "rag.k": arguments.k, "index.adapter": arguments.adapter})
    questions = [*arguments.question, *(_lines(arguments.file) if arguments.file else [])]
    if not questions:
        parser.error("no question; give one in quotes, or --file F")

    from rag.answerer import Request, answer_chain
    from rag.opening import open_answerer, open_untuned_llm

    answerer = open_answerer(settings)
    if arguments.compare and not answerer.model.engine.identity.get("adapter"):
        raise SettingsError(
            "no adapter is in use, so there is nothing to compare; name one: CITEWELL_GENERATOR_ADAPTER=NAME"
        )
    untuned = replace(answerer, llm=open_untuned_llm(settings)) if arguments.compare else None
    chain = answer_chain(answerer)
    filters = {"source": arguments.source, "question_type": arguments.type}
    wanted = {name: value for name, value in filters.items() if value}
    before: list[str] = []
    failed = 0
    for question in questions:
        try:
            answer = chain.invoke(Request(question, tuple(before) if arguments.follow else (), wanted))
            before.append(question)
        except QuestionError as error:  # one bad question does not take the others with it
            print(f"error: {error} (found: {question[:60]!r})", file=sys.stderr)
            failed += 1
            continue
        if untuned is not None:
            *_, plain = untuned.answer_again(answer) if answer.evidence else [answer]
            if arguments.json:
                print(f'{{"tuned": {_json(answer)}, "untuned": {_json(plain)}}}', flush=True)
            else:
                print("\n".join(_beside(answer, plain)), flush=True)
        elif arguments.json:
            print(_json(answer), flush=True)
        else:
            print("\n".join(_lines_of(answer, colour=sys.stdout.isatty())), flush=True)
    return 1 if failed else 0


def _json(answer: Answer) -> str:
    from rag.receipt import receipt

    return receipt(answer).to_json(indent=None).rstrip()


def _lines(file: Path) -> list[str]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot read questions from {file}: {error}; expected UTF-8 text, one question a line"
        ) from error
    return [line.strip() for line in text.split("\n") if line.strip()]


def _lines_of(answer: Answer, colour: bool) -> Iterator[str]:
    """The answer for a reader: its text, then each cited passage with the supporting words marked."""
    yield f"\n{answer.question}\n"
    if answer.notice:
        yield f"! {answer.notice.text}\n"
    for note in answer.notes:
        yield f"({note.text})"
    yield answer.text
    if answer.closest:
        yield "The closest questions that it does answer:"
        yield from (f"  - {question}" for question in answer.closest)
    for sentence in answer.sentences:
        if sentence.verdict != "supported":
            yield f"  ({sentence.verdict}: {sentence.text})"
    for evidence in answer.cited:
        yield f"\n[{evidence.n}] {evidence.question}  (score {evidence.score:.2f})"
        if origin := " ".join(part for part in (evidence.source, evidence.url) if part):
            yield f"    {origin}"
        yield from (f"    {name}: {value}" for name, value in evidence.hit.columns.items())
        yield _marked(evidence, answer, *(("\033[1;33m", "\033[0m") if colour else ("«", "»")))
    yield f"\n{answer.timings.total_s:.1f} s, first words after {answer.timings.first_token_s:.1f} s"


def _beside(tuned: Answer, untuned: Answer) -> Iterator[str]:
    """Two answers over the same evidence, in columns, then the evidence."""
    width = min(shutil.get_terminal_size((120, 40)).columns, 160) // 2 - 2
    columns = [
        [title, "-" * len(title), *_wrapped(answer, width)]
        for title, answer in ((f"with {tuned.model['adapter']}", tuned), ("without", untuned))
    ]
    yield f"\n{tuned.question}\n"
    for left, right in zip_longest(*columns, fillvalue=""):
        yield f"{left:<{width}}  | {right}".rstrip()
    for evidence in tuned.evidence:
        yield f"\n[{evidence.n}] {evidence.question}\n{evidence.text}"


def _wrapped(answer: Answer, width: int) -> list[str]:
    unsure = [
        f"({sentence.verdict}: {sentence.text})" for sentence in answer.sentences if sentence.verdict != "supported"
    ]
    seconds = f"{answer.timings.total_s:.1f} s, {answer.timings.answer_tokens} tokens"
    return [line for part in (answer.text, *unsure, seconds) for line in [*textwrap.wrap(part, width), ""]]


def _marked(evidence: Evidence, answer: Answer, begin: str, end: str) -> str:
    """The passage with every cited span between `begin` and `end`."""
    return "".join(f"{begin}{text}{end}" if cited else text for text, cited in answer.pieces(evidence))


if __name__ == "__main__":
    run_command(main)
