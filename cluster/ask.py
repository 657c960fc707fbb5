"""Answer a file of questions on a Ray cluster, as a batch.

citewell ask --ray auto --file questions.txt > answers.jsonl
citewell ask --ray 10.0.0.1:6379 --file questions.txt --workers 16 --to answers
citewell ask --ray auto --file questions.txt --vllm merged/ > answers.jsonl      # on GPUs (docs/scale.md)

Each line of the output is the receipt of an answer, in the order of the questions; a question that cannot be answered
gives its error. The batch runs over Ray Data: each worker opens the index and the model once.
"""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from cluster.batch import answer_all
from cluster.connect import connected, require_gpu, require_ray
from core.command import command_parser
from core.errors import DataError, run_command
from core.files import write_atomic
from core.settings import Settings, load
from rag.opening import open_answerer


def read_questions(file: Path) -> list[str]:
    """The questions of a file, one a line; `-` is standard input.

    Raises:
        DataError: it cannot be read, or holds none.
    """
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read questions from {file}: {error}; expected UTF-8 text, one a line") from error
    if not (questions := [line.strip() for line in text.split("\n") if line.strip()]):
        raise DataError(f"{file} holds no question; expected one a line")
    return questions


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("cluster.ask", __doc__)
    parser.add_argument("--ray", metavar="ADDRESS", required=True, help="auto, or the address of the cluster's head")
    parser.add_argument(
        "--file", metavar="F", type=Path, required=True, help="a question on each line; - is standard input"
    )
    parser.add_argument("--index", metavar="DIR", help="the index folder, on a file system that all nodes share")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="answerers at work (default: 1)")
    parser.add_argument("--cpus", type=int, default=2, metavar="N", help="processors of each (default: 2)")
    parser.add_argument("--vllm", metavar="DIR", help="write on GPUs with vLLM over these merged weights")
    parser.add_argument("--to", type=Path, metavar="F", help="write the lines to F (default: print them)")
    arguments = parser.parse_args(argv)
    require_ray()
    settings = load({"index.dir": arguments.index})
    questions = read_questions(arguments.file)
    with connected(arguments.ray):
        lines = list(_answered(settings, questions, arguments.workers, arguments.cpus, arguments.vllm))
    if arguments.to:
        write_atomic(arguments.to, "".join(f"{line}\n" for line in lines))
    else:
        print("\n".join(lines))
    return 1 if any('"error": ' in line and line.startswith('{"question"') for line in lines) else 0


def _answered(settings: Settings, questions: list[str], workers: int, cpus: int, vllm: str | None) -> Iterator[str]:
    if vllm is None:
        return answer_all(questions, partial(open_answerer, settings), workers, cpus)
    from cluster.vllm import answer_with_vllm

    require_gpu()
    return answer_with_vllm(settings, questions, Path(vllm), workers)


if __name__ == "__main__":
    run_command(main)
