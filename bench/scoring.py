"""Score the same requests with OpenVINO and with transformers, side by side: seconds, and how far they differ.

python -m bench.scoring                 # eight bits a weight, as answering uses them
python -m bench.scoring --quant f16     # as in the checkpoint: what differs then is rounding

The requests are those of the tests' local questions (hellaswag, medqa, gsm8k with five examples). Prints a JSON object.
"""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from core.command import command_parser
from core.errors import run_command
from core.processor import processor
from core.progress import log
from core.settings import load

FILES = Path(__file__).parent.parent / "tests/data/benchmarks"
TASKS = ("hellaswag", "medqa", "gsm8k")
GENERATED = 40
"""Tokens to generate at most after each prompt."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("bench.scoring", __doc__)
    parser.add_argument("--quant", default="q8_0", help="how OpenVINO's weights are stored (default: q8_0)")
    arguments = parser.parse_args(argv)

    from evaluation.benchmarks.backends import OpenVino, Transformers
    from evaluation.benchmarks.models import find_model

    pairs, prompts = _requests(FILES)
    settings = dataclasses.replace(load().generator, quant=arguments.quant, engine="openvino")
    model = find_model("sft", settings)
    results: dict[str, dict[str, Any]] = {}
    for name, opened in (("openvino", OpenVino), ("transformers", Transformers)):
        log.info(f"{name}: {len(pairs)} continuations, {len(prompts)} prompts")
        backend = opened(model)
        backend.loglikelihood(pairs[:4])  # the first call compiles
        started = time.perf_counter()
        scored = backend.loglikelihood(pairs)
        between = time.perf_counter()
        backend.generate(prompts)
        ended = time.perf_counter()
        results[name] = {"scored": scored, "scoring_s": between - started, "generating_s": ended - between}
    tokens = [max(1, len(continuation.encode()) // 4) for _, continuation in pairs]
    ours, theirs = (results[name].pop("scored") for name in ("openvino", "transformers"))
    apart = [abs(one - other) for (one, _), (other, _) in zip(ours, theirs, strict=True)]
    result = {
        "processor": processor().name,
        "quant": arguments.quant,
        "continuations": len(pairs),
        "prompts": len(prompts),
        **results,
        "apart_nats": {"mean": sum(apart) / len(apart), "most": max(apart)},
        "apart_nats_per_four_bytes": max(each / count for each, count in zip(apart, tokens, strict=True)),
        "same_greedy": sum(one[1] == other[1] for one, other in zip(ours, theirs, strict=True)) / len(pairs),
    }
    print(json.dumps(result, indent=1))
    return 0


def _requests(folder: Path) -> tuple[list[tuple[str, str]], list[tuple[str, dict[str, Any]]]]:
    """Pairs of context and continuation, and prompts to generate after, in the order in which a benchmark asks them."""
    from evaluation.benchmarks.tasks import Source, find_tasks

    pairs: list[tuple[str, str]] = []
    prompts: list[tuple[str, dict[str, Any]]] = []
    for tasks in find_tasks(TASKS, Source(folder)).values():
        for task in tasks.values():
            task.build_all_requests()
            for request in task.instances:
                if request.request_type == "loglikelihood":
                    pairs.append(request.args)
                else:
                    prompts.append((request.args[0], {**request.args[1], "max_gen_toks": GENERATED}))
    return sorted(pairs), sorted(prompts, key=lambda prompt: prompt[0])


if __name__ == "__main__":
    run_command(main)
