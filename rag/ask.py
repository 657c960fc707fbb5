"""Ask questions on the command line.

python -m rag.ask "What are the signs of a stroke?"
python -m rag.ask "How do vaccines work?" "What is gout?" --k 2
python -m rag.ask --file questions.txt --json > answers.jsonl
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from core.errors import DataError, QuestionError, run_command
from core.settings import load
from rag.answer import Answer, Evidence


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m rag.ask", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
    parser.add_argument("--json", action="store_true", help="print one answer a line, as JSON, with all it rests on")
    arguments = parser.parse_args(argv)
    settings = load({"index.dir": arguments.index, "rag.k": arguments.k, "index.adapter": arguments.adapter})
    questions = [*arguments.question, *(_lines(arguments.file) if arguments.file else [])]
    if not questions:
        parser.error("no question; give one in quotes, or --file F")

    from rag.chain import Asked, open_chain

    chain = open_chain(settings, say=lambda line: print(line, file=sys.stderr, flush=True))
    filters = {"source": arguments.source, "question_type": arguments.type}
    wanted = {name: value for name, value in filters.items() if value}
    searched: list[str] = []
    failed = 0
    for question in questions:
        try:
            answer = chain.invoke(Asked(question, tuple(searched) if arguments.follow else (), wanted))
            searched.append(answer.search_query)
        except QuestionError as error:  # one bad question does not take the others with it
            print(f"error: {error} (found: {question[:60]!r})", file=sys.stderr)
            failed += 1
            continue
        if arguments.json:
            print(answer.to_json(), flush=True)
        else:
            print("\n".join(_lines_of(answer, colour=sys.stdout.isatty())), flush=True)
    return 1 if failed else 0


def _lines(file: Path) -> list[str]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot read questions from {file}: {error}; expected UTF-8 text, one question a line"
        ) from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _lines_of(answer: Answer, colour: bool) -> Iterator[str]:
    """The answer for a reader: its text, then each cited passage with the supporting words marked."""
    yield f"\n{answer.question}\n"
    for note in answer.notes:
        yield f"({note})"
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
        yield _marked(evidence, answer, *(("\033[1;33m", "\033[0m") if colour else ("«", "»")))
    yield f"\n{answer.timings.total_s:.1f} s, first words after {answer.timings.first_token_s:.1f} s"


def _marked(evidence: Evidence, answer: Answer, begin: str, end: str) -> str:
    """The passage with every cited span between `begin` and `end`; overlapping spans are joined."""
    cited = {
        position
        for sentence in answer.sentences
        for citation in sentence.citations
        if citation.n == evidence.n
        for position in range(citation.start, citation.end)
    }
    marked = ""
    for position, char in enumerate(evidence.text):
        if position in cited and position - 1 not in cited:
            marked += begin
        marked += char
        if position in cited and position + 1 not in cited:
            marked += end
    return marked


if __name__ == "__main__":
    run_command(main)
