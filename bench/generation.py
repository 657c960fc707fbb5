"""Measure one engine on prompts in a file.

python -m bench.generation openvino prompts.json
python -m bench.generation llama.cpp prompts.json
"""

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from bench.llama_cpp import LlamaCppEngine
from bench.process import memory_mib
from core.command import command_parser
from core.errors import CiteWellError, run_command
from core.settings import GeneratorSettings, load
from generator.engines import load_engine
from generator.engines.base import Chat, Chunk


class Writer(Protocol):
    """The part of `generator.engines.base.Engine` that is measured."""

    def warm(self, chat: Chat) -> None: ...

    def stream(self, chat: Chat, *, max_new_tokens: int, temperature: float) -> Iterator[Chunk]: ...


def measure(engine: Writer, chats: list[Chat], max_new_tokens: int) -> dict[str, Any]:
    """Answer each prompt, after one that warms up; medians over the prompts, and the answers.

    Raises:
        CiteWellError: the engine wrote nothing.
    """
    engine.warm(chats[0][:-1])
    for _ in engine.stream(chats[0], max_new_tokens=8, temperature=0.0):
        pass
    rows: list[dict[str, float]] = []
    texts: list[str] = []
    for chat in chats:
        started = time.perf_counter()
        first, text = 0.0, ""
        for chunk in engine.stream(chat, max_new_tokens=max_new_tokens, temperature=0.0):
            if chunk.text and not first:
                first = time.perf_counter() - started
            text += chunk.text
        whole = time.perf_counter() - started
        if not first:
            raise CiteWellError(f"the engine wrote nothing for prompt {len(texts) + 1}; a speed cannot be measured")
        texts.append(text)
        rows.append(
            {
                "first_token_s": first,
                "whole_answer_s": whole,
                "prompt_tokens": chunk.prompt_tokens,
                "answer_tokens": chunk.answer_tokens,
                "prefill_tokens_per_s": chunk.prompt_tokens / first,
                "decode_tokens_per_s": (chunk.answer_tokens - 1) / (whole - first) if chunk.answer_tokens > 1 else 0.0,
            }
        )
    medians = {name: round(statistics.median(row[name] for row in rows), 3) for name in rows[0]}
    return {**medians, "prompts": len(chats), "peak_memory_mib": memory_mib("VmHWM"), "texts": texts}


def _load(name: str, settings: GeneratorSettings, scratch: Path) -> Writer:
    return LlamaCppEngine(settings, scratch) if name == "llama.cpp" else load_engine(settings)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("bench.generation", __doc__)
    parser.add_argument("engine", choices=["openvino", "transformers", "llama.cpp"])
    parser.add_argument("prompts", type=Path, help="a JSON list of lists of {role, content}")
    arguments = parser.parse_args(argv)
    chats: list[Chat] = json.loads(arguments.prompts.read_text())
    named = {} if arguments.engine == "llama.cpp" else {"generator.engine": arguments.engine}
    settings = load(named).generator
    with tempfile.TemporaryDirectory() as scratch:
        engine = _load(arguments.engine, settings, Path(scratch))
        print(json.dumps(measure(engine, chats, settings.max_new_tokens)))
    return 0


if __name__ == "__main__":
    run_command(main)
