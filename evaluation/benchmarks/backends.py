"""What computes a benchmark's requests: OpenVINO with a key-value cache that is kept, or the harness over transformers.

Contexts and continuations become tokens as lm-evaluation-harness's own class for transformers makes them
(`lm_eval.models.huggingface.HFLM`), so that figures can be compared with published ones.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from evaluation.benchmarks.models import CONTEXT_TOKENS, GENERATED_TOKENS, Model, Pair
from evaluation.benchmarks.scorer import Scorer
from generator.engines.openvino import prepare, stop_tokens
from generator.loading import load_model, load_tokenizer


class OpenVino:
    """Scores and generates with a model converted for OpenVINO; raises as its engine does."""

    def __init__(self, model: Model) -> None:
        folder = prepare(model.weights, model.identity["quant"], Path(model.settings.cache))
        self._scorer = Scorer(folder, model.settings.threads)
        self._tokenizer = load_tokenizer(model.weights.folder)
        self._ends = stop_tokens(model.weights.folder)

    def loglikelihood(self, pairs: Sequence[Pair]) -> list[tuple[float, bool]]:
        encoded = [self._pair(*pair) for pair in pairs]
        scored: list[tuple[float, bool]] = []
        for context, group in groupby(encoded, key=lambda each: each[0]):
            scored += self._scorer.score(context, [continuation for _, continuation in group])
        return scored

    def rolling(self, texts: Sequence[str]) -> list[float]:
        """Texts longer than a context are scored window by window, each token once."""
        nats = []
        for text in texts:
            windows = get_rolling_token_windows(self._encode(text), self._start, CONTEXT_TOKENS, context_len=1)
            nats.append(sum(self._scorer.score(*_scored(each))[0][0] for each in map(make_disjoint_window, windows)))
        return nats

    def generate(self, prompts: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
        return [self._written(prompt, arguments) for prompt, arguments in prompts]

    @property
    def _start(self) -> int:
        """The token that stands for an empty context."""
        bos, eos = self._tokenizer.bos_token_id, self._tokenizer.eos_token_id
        return int(eos if bos is None else bos)

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        stripped = context.rstrip()
        continuation = context[len(stripped) :] + continuation  # tokens begin with their space
        before = self._encode(stripped)
        after = self._encode(stripped + continuation)[len(before) :]
        return (before or [self._start])[len(after) - CONTEXT_TOKENS :], after or [self._start]

    def _written(self, prompt: str, arguments: dict[str, Any]) -> str:
        until = arguments.get("until") or []
        until = [until] if isinstance(until, str) else until
        most = int(arguments.get("max_gen_toks", GENERATED_TOKENS))
        tokens = (self._encode(prompt) or [self._start])[most - CONTEXT_TOKENS :]
        text = ""
        for text in self._texts(tokens, most):
            found = [place for stop in until if stop and (place := text.find(stop)) >= 0]
            if found:
                return text[: min(found)]
        return text

    def _texts(self, tokens: list[int], most: int) -> Iterator[str]:
        """The text so far after each further token."""
        written: list[int] = []
        for _ in range(most):
            token = self._scorer.next_token([*tokens, *written])
            if token in self._ends:
                return
            written.append(token)
            yield self._tokenizer.decode(written, skip_special_tokens=True)


class Transformers:
    """lm-evaluation-harness's own class over a model of transformers; raises as `generator.loading` does."""

    def __init__(self, model: Model) -> None:
        import torch
        from lm_eval.models.huggingface import HFLM

        device = model.settings.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        loaded, tokenizer = load_model(model.weights.folder, device).eval(), load_tokenizer(model.weights.folder)
        self._harness: Any = HFLM(loaded, tokenizer=tokenizer, max_length=CONTEXT_TOKENS, batch_size=8)

    def loglikelihood(self, pairs: Sequence[Pair]) -> list[tuple[float, bool]]:
        return list(self._harness.loglikelihood(_instances("loglikelihood", pairs), disable_tqdm=True))

    def rolling(self, texts: Sequence[str]) -> list[float]:
        instances = _instances("loglikelihood_rolling", [(text,) for text in texts])
        return list(self._harness.loglikelihood_rolling(instances, disable_tqdm=True))

    def generate(self, prompts: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
        return list(self._harness.generate_until(_instances("generate_until", prompts), disable_tqdm=True))


def _scored(window: tuple[list[int], list[int]]) -> tuple[list[int], list[list[int]]]:
    """A window of the harness as context and continuation."""
    context, continuation = window
    return context, [continuation]


def _instances(kind: Any, arguments: Sequence[tuple[Any, ...]]) -> list[Instance]:
    return [Instance(kind, {}, each, number) for number, each in enumerate(arguments)]
