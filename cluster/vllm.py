"""A batch whose answers vLLM writes on GPUs, through ray.data.llm; search, evidence and checks are those of any answer.

Three passes over Ray Data: find the evidence and make the prompts (CPUs), write (GPUs), check and finish (CPUs). The
written texts are given to an `Answerer` as an engine gives them, so that everything after the model is one code.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from cluster.batch import answer_all
from core.errors import WeightsError
from core.settings import Settings
from generator.engines.base import Chat, Chunk
from generator.llm import QwenChat
from rag.answerer import Answerer
from rag.opening import open_answerer


class Prompts:
    """An engine that writes nothing and keeps what it was asked, or gives what was written for it."""

    def __init__(self, engine: Any, written: dict[str, str] | None = None) -> None:
        self._engine, self._written = engine, written
        self.identity = {**engine.identity, "engine": "vllm"}
        self.asked: list[Chat] = []

    def render(self, chat: Chat) -> str:
        return str(self._engine.render(chat))

    def count_tokens(self, chat: Chat) -> int:
        return int(self._engine.count_tokens(chat))

    def warm(self, chat: Chat) -> None:
        """Nothing is to be warmed."""

    def stream(self, chat: Chat, *, max_new_tokens: int, temperature: float) -> Iterator[Chunk]:
        self.asked.append(chat)
        text = (self._written or {}).get(self.render(chat), "")
        yield Chunk(text, self.count_tokens(chat), len(text.split()))


def open_with(settings: Settings, written: dict[str, str]) -> Answerer:
    """An answerer whose model is what was written for its prompts."""
    answerer = open_answerer(settings)
    return Answerer(
        answerer.retriever,
        QwenChat(engine=Prompts(answerer.model.engine, written), max_tokens=answerer.model.max_tokens),
        answerer.checks,
        answerer.context_tokens,
    )


def answer_with_vllm(settings: Settings, questions: list[str], merged: Path, workers: int) -> Iterator[str]:
    """A line of JSON for each question, in their order; the cluster has a GPU (`cluster.connect.require_gpu`).

    Raises:
        WeightsError: there are no merged weights.
    """
    if not (merged / "config.json").is_file():
        raise WeightsError(f"no weights at {merged}; merge an adapter into its base: citewell merge --to {merged}")
    import ray
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig

    answerer = open_with(settings, {})
    engine = answerer.model.engine
    assert isinstance(engine, Prompts)
    for question in questions:
        for _ in answerer.answer(answerer.search(question)):
            pass
    prompts = list(dict.fromkeys(engine.render(chat) for chat in engine.asked))
    config = vLLMEngineProcessorConfig(
        model_source=str(merged),
        engine_kwargs={"enable_prefix_caching": True, "max_model_len": settings.generator.context_tokens},
        concurrency=workers,
        batch_size=64,
    )
    sampling = {"max_tokens": settings.generator.max_new_tokens, "temperature": settings.generator.temperature}
    write = build_processor(
        config,
        preprocess=lambda row: {"prompt": row["prompt"], "sampling_params": sampling},
        postprocess=lambda row: {"prompt": row["prompt"], "text": row["generated_text"]},
    )
    written = {
        row["prompt"]: row["text"] for row in write(ray.data.from_items([{"prompt": p} for p in prompts])).iter_rows()
    }
    return answer_all(questions, partial(open_with, settings, written), workers)
