"""Lm-evaluation-harness's interface over the project's engines, which keeps every answer that was computed."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from core.errors import DataError
from core.files import jsonl_lines
from core.progress import bar, log
from evaluation.benchmarks.models import Backend, Model, Pair

CHUNK = 16
"""Requests between two writes of what was computed."""


def open_backend(model: Model) -> Backend:
    """OpenVINO on a CPU, transformers (by the harness's own class) elsewhere; raises as `generator.llm` does."""
    from evaluation.benchmarks import backends

    return backends.OpenVino(model) if model.identity["engine"] == "openvino" else backends.Transformers(model)


class KeptAnswers(LM):  # type: ignore[misc]  # the harness has no types
    """A model of lm-evaluation-harness that keeps what it computed, request by request: an interrupted run continues.

    Args:
        model: the model that answers.
        folder: where answers are kept, in a file for each identity of a model.
        opened: opens what computes; called once something is asked that is not kept.

    Raises:
        DataError: the file of kept answers is another's.
    """

    def __init__(self, model: Model, folder: Path, opened: Callable[[Model], Backend] = open_backend) -> None:
        super().__init__()
        self.model, self._opened = model, opened
        self._backend: Backend | None = None
        key = hashlib.sha256(json.dumps(model.identity, sort_keys=True).encode()).hexdigest()[:16]
        title = re.sub(r"[^\w.-]+", "-", Path(model.name).name)
        self._file = folder / f"{title}-{key}.jsonl"
        self._kept = _read_kept(self._file, model.identity)

    @property
    def backend(self) -> Backend:
        if self._backend is None:
            log.info(f"{self.model.name}: loading the model")
            self._backend = self._opened(self.model)
        return self._backend

    @property
    def tokenizer_name(self) -> str:
        return self.model.weights.name

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        answers = self._answers("loglikelihood", requests, lambda each: self.backend.loglikelihood(each))
        return [(float(nats), bool(greedy)) for nats, greedy in answers]

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float]:
        return self._answers("rolling", requests, lambda each: self.backend.rolling([text for (text,) in each]))

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        return self._answers("generate", requests, lambda each: self.backend.generate(each))

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        rendered = self._tokenizer.apply_chat_template(
            chat_history, add_generation_prompt=add_generation_prompt, tokenize=False
        )
        return str(rendered)

    @cached_property
    def _tokenizer(self) -> Any:
        from generator.loading import load_tokenizer

        return load_tokenizer(self.model.weights.folder)

    def pairs(self, pairs: Sequence[Pair]) -> list[tuple[float, bool]]:
        """Score pairs of context and continuation that are no task's of the harness."""
        return self.loglikelihood([Instance("loglikelihood", {}, pair, number) for number, pair in enumerate(pairs)])

    def _answers(self, kind: str, requests: list[Instance], compute: Callable[[Any], list[Any]]) -> list[Any]:
        """Kept answers, and the missing ones, which are computed in order of their contexts: what begins alike is then
        read once."""
        keys = [_key(kind, request.args) for request in requests]
        missing = {key: request.args for key, request in zip(keys, requests, strict=True) if key not in self._kept}
        if missing:
            ordered = sorted(missing, key=lambda key: json.dumps(missing[key], default=str))
            self._file.parent.mkdir(parents=True, exist_ok=True)
            new = not self._file.is_file()
            # An empty line first: a line that a killed process left unfinished must not swallow the next one.
            with (
                self._file.open("a", encoding="utf-8") as file,
                bar(f"{self.model.name}, {kind}", len(keys), " requests", done=len(keys) - len(missing)) as progress,
            ):
                file.write(json.dumps({"identity": self.model.identity}) + "\n" if new else "\n")
                for start in range(0, len(ordered), CHUNK):
                    chunk = ordered[start : start + CHUNK]
                    answers = compute([missing[key] for key in chunk])
                    for key, answer in zip(chunk, answers, strict=True):
                        self._kept[key] = answer
                        file.write(json.dumps({"key": key, "answer": answer}) + "\n")
                    file.flush()
                    progress.update(len(chunk))
        return [self._kept[key] for key in keys]


def _key(kind: str, arguments: Any) -> str:
    return hashlib.sha256(json.dumps([kind, arguments], sort_keys=True, default=str).encode()).hexdigest()


def _read_kept(file: Path, identity: dict[str, str]) -> dict[str, Any]:
    """Answers of earlier runs; lines that a killed process left unfinished are computed again."""
    if not file.is_file():
        return {}
    kept: dict[str, Any] = {}
    found: object = None
    damaged = 0
    for line in jsonl_lines(file.read_text(encoding="utf-8", errors="replace")):
        try:
            entry = json.loads(line) if line else {}
            if "identity" in entry:
                found = entry["identity"]
            elif entry:
                kept[entry["key"]] = entry["answer"]
        except (ValueError, KeyError, TypeError):
            damaged += 1
    if found != identity:
        raise DataError(f"{file} holds no answers of {identity['model']}; move it away, then run it again")
    if damaged:
        log.warning(f"notice: {file} has {damaged} damaged line(s); what they held is computed again")
    return kept
