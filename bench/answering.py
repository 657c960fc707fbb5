"""Time searches and whole answers, and write the prompts that engines are compared on.

python -m bench.answering --index artifacts/index --prompts prompts.json
"""

import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from langchain_core.messages import convert_to_openai_messages
from langchain_core.runnables import Runnable

from bench.questions import QUESTIONS
from core.command import command_parser
from core.errors import DataError, run_command
from core.settings import load
from generator.prompt import messages
from rag.answer import Answer
from rag.answerer import Answerer, Request, answer_chain
from rag.opening import open_checks, open_llm, open_retriever
from rag.search.retriever import IndexRetriever

SEARCHES = 200
READ, READ_WORDS = 12, 100
"""Passages that are read in one measurement, and the words of each."""


def _search_ms(retriever: IndexRetriever) -> dict[str, float | int]:
    times = []
    for number in range(-len(QUESTIONS), SEARCHES):  # the first round warms up
        started = time.perf_counter()
        retriever.search(QUESTIONS[number % len(QUESTIONS)])
        times.append((time.perf_counter() - started) * 1000)
    p50, p95 = np.percentile(times[len(QUESTIONS) :], [50, 95])
    return {
        "passages": len(retriever.index.passages),
        "searches": SEARCHES,
        "p50_ms": round(float(p50), 1),
        "p95_ms": round(float(p95), 1),
    }


def _reading_ms(retriever: IndexRetriever) -> dict[str, float | int]:
    """Milliseconds in which the reader reads twelve passages of some 160 tokens, question and heading included."""
    if retriever.reader is None:
        return {}
    times = []
    for question in QUESTIONS:
        query = retriever.read(question)
        found = retriever.read_through(query).hits[:READ]
        hits = [replace(hit, text=" ".join(hit.text.split()[:READ_WORDS])) for hit in found]
        if len(hits) < READ:
            continue
        retriever.reader.read(query.searched, hits)  # prepares the kernels of these shapes
        started = time.perf_counter()
        retriever.reader.read(query.searched, hits)
        times.append((time.perf_counter() - started) * 1000)
    return {"read_12_ms": round(statistics.median(times), 1)} if times else {}


@contextlib.contextmanager
def _one_core_busy() -> Iterator[None]:
    """Another process computes without a pause until the block ends."""
    spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        spinning.kill()
        spinning.wait()


def _seconds(answers: Sequence[Answer]) -> tuple[float, float]:
    """Median seconds to the first words and to the end, of those that the model wrote."""
    written = [answer.timings for answer in answers if answer.timings.first_token_s]
    first = statistics.median(each.first_token_s for each in written)
    return round(first, 3), round(statistics.median(each.total_s for each in written), 3)


def _evidence_ms(chain: Runnable[str | Request, Answer]) -> dict[str, float]:
    """Milliseconds from a question to the snapshot that holds its evidence and leads, before the model is asked."""
    times = []
    for question in QUESTIONS:
        started = time.perf_counter()
        with contextlib.closing(chain.stream(question)) as snapshots:  # type: ignore[type-var]
            next(snapshots)
            times.append((time.perf_counter() - started) * 1000)
    return {"evidence_ms": round(statistics.median(times), 1), "evidence_max_ms": round(max(times), 1)}


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("bench.answering", __doc__)
    parser.add_argument("--index", metavar="DIR", help="the index to search")
    parser.add_argument("--prompts", metavar="F", type=Path, help="write the prompts of the answers to F, as JSON")
    arguments = parser.parse_args(argv)
    settings = load({"index.dir": arguments.index})
    retriever = open_retriever(settings)
    search = {**_search_ms(retriever), **_reading_ms(retriever)}

    checks = open_checks(settings, retriever.of_passages)
    chain = answer_chain(Answerer(retriever, open_llm(settings), checks, settings.generator.context_tokens))
    chain.invoke("what is a fever")  # warms up
    evidence = _evidence_ms(chain)
    answers = [answer for question in QUESTIONS if (answer := chain.invoke(question)).prompt]
    if not answers:
        raise DataError("the file answers none of the questions; name a health file: --csv data/health_qa.csv")
    if arguments.prompts:
        prompts = [
            convert_to_openai_messages(messages(answer.search_query, [item.as_source() for item in answer.evidence]))
            for answer in answers
        ]
        arguments.prompts.write_text(json.dumps(prompts))
    with _one_core_busy():
        busy_first_s, busy_whole_s = _seconds([chain.invoke(f"{question} please") for question in QUESTIONS])
    first_s, whole_s = _seconds(answers)
    sentences = [sentence for answer in answers for sentence in answer.sentences]
    timings = [answer.timings for answer in answers]
    print(
        json.dumps(
            {
                "search": search,
                "answer": {
                    "questions": len(QUESTIONS),
                    "written": len(answers),
                    **evidence,
                    "first_token_s": first_s,
                    "whole_answer_s": whole_s,
                    "whole_answer_max_s": round(max(t.total_s for t in timings), 3),
                    "busy_first_token_s": busy_first_s,
                    "busy_whole_answer_s": busy_whole_s,
                    "supported_sentences": round(
                        sum(sentence.verdict == "supported" for sentence in sentences) / max(1, len(sentences)), 3
                    ),
                },
            }
        )
    )
    return 0


if __name__ == "__main__":
    run_command(main)
