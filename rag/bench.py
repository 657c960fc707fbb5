"""Measure building, searching and answering on this machine, in one run.

python -m rag.bench
python -m rag.bench --csv data/health_qa.csv --questions 10
"""

import argparse
import json
import os
import platform
import resource
import statistics
import time
from pathlib import Path

import numpy as np

from core.errors import DataError, run_command
from core.files import write_atomic
from core.settings import Settings, load

RESULTS = Path("artifacts/bench.json")

QUESTIONS = (
    "how do i know if i am having a stroke",
    "what should i eat if my cholesterol is high",
    "why do i get heartburn after dinner",
    "can you catch shingles from somebody",
    "my child has an ear infection, does she need antibiotics",
    "what happens when you stop smoking",
    "why am i so tired and cold all the time",
    "is it dangerous to stop drinking all at once",
    "how can i sleep better at night",
    "what are the signs of a kidney stone",
)
"""As people ask, in none of the CSVs' words."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m rag.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--csv", metavar="F", help="the file to build and search (default: the settings' file)")
    parser.add_argument(
        "--index", metavar="DIR", help="the index to search; built if it does not stand (default: artifacts/index)"
    )
    parser.add_argument("--questions", type=int, default=10, metavar="N", help="questions to answer (default: 10)")
    parser.add_argument("--searches", type=int, default=200, metavar="N", help="searches to time (default: 200)")
    arguments = parser.parse_args(argv)
    settings = load({"index.csv": arguments.csv, "index.dir": arguments.index})

    results: dict[str, object] = {"machine": _machine()}
    results["build"] = _build(settings)
    results["search"] = _search(settings, arguments.searches)
    results["answer"] = _answer(settings, QUESTIONS[: arguments.questions])
    results["peak_memory_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    for part, figures in results.items():
        print(f"{part}: {json.dumps(figures)}")
    write_atomic(RESULTS, json.dumps(results, indent=2) + "\n")
    print(f"written to {RESULTS}")
    return 0


def _machine() -> dict[str, object]:
    import torch
    import transformers

    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "cuda": torch.cuda.is_available(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def _build(settings: Settings) -> dict[str, object]:
    """Passages a second of a fresh build of (at most) the first 1,000 records of the file."""
    from index.corpus import read_corpus
    from index.embedding import load_embedder
    from index.passages import headed_text, split_record

    corpus = read_corpus(Path(settings.index.csv), settings.index.question_column, settings.index.answer_column)
    embedder = load_embedder(settings.index.embedder, settings.index.batch_size)
    embedder.embed(["warm up"])
    started = time.perf_counter()
    texts = [
        headed_text(record, passage)
        for record in corpus.records[:1000]
        for passage in split_record(record, embedder.token_spans, settings.index.passage_tokens)
    ]
    embedder.embed(texts)
    seconds = time.perf_counter() - started
    return {"passages": len(texts), "seconds": round(seconds, 1), "passages_per_s": round(len(texts) / seconds, 1)}


def _search(settings: Settings, searches: int) -> dict[str, object]:
    """Milliseconds of a search, the question's embedding included."""
    from index.build import build
    from rag.chain import open_retriever

    build(settings.index, say=lambda line: print(line, flush=True))
    retriever = open_retriever(settings)
    times = []
    for number in range(-5, searches):  # the first five warm up
        question = QUESTIONS[number % len(QUESTIONS)]
        started = time.perf_counter()
        retriever.search(question)
        if number >= 0:
            times.append((time.perf_counter() - started) * 1000)
    p50, p95 = np.percentile(times, [50, 95])
    return {
        "passages": len(retriever.index.passages),
        "searches": searches,
        "p50_ms": round(float(p50), 1),
        "p95_ms": round(float(p95), 1),
    }


def _answer(settings: Settings, questions: tuple[str, ...]) -> dict[str, object]:
    """Seconds to the first token and to the whole answer."""
    from rag.chain import open_chain

    chain = open_chain(settings)
    chain.invoke("what is a fever")  # warms up
    written = []
    for question in questions:
        answer = chain.invoke(question)
        timings = answer.timings
        print(
            f"  {timings.first_token_s:5.1f} s to the first token, {timings.total_s:5.1f} s in all, "
            f"{timings.prompt_tokens:4d} + {timings.answer_tokens:3d} tokens: {answer.question}",
            flush=True,
        )
        if timings.answer_tokens:  # an abstention without the model says nothing of its speed
            written.append(timings)
    if not written:
        raise DataError(
            "the file answers none of the benchmark's questions; name a health file: --csv data/health_qa.csv"
        )
    return {
        "questions": len(questions),
        "written": len(written),
        "first_token_s_median": round(statistics.median(t.first_token_s for t in written), 2),
        "whole_answer_s_median": round(statistics.median(t.total_s for t in written), 2),
    }


if __name__ == "__main__":
    run_command(main)
