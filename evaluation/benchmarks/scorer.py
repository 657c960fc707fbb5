"""How likely a model finds a continuation, computed with OpenVINO; greedy generation comes with it.

Benchmarks ask for several continuations of one context, and for contexts that begin alike (the examples above a
question). The key-value cache is therefore kept between calls and cut back to what the next context shares with it, so
that a shared beginning is read once. The output head is computed at scored positions alone, and the log-softmax inside
the model: of 151,936 logits a token, one number leaves it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from openvino import opset13 as ops

from core.errors import EngineError
from core.precision import openvino_precision
from core.processor import openvino_threads
from generator.engines.openvino import MODEL_FILE

Scored = tuple[float, bool]
"""Log-likelihood of a continuation in nats, and whether greedy decoding would write it."""
READ_TOKENS = 512
"""Tokens that are read at once: more of them hardly gain speed, and need memory."""


class Scorer:
    """A converted model (`generator.engines.openvino.prepare`) that scores tokens. Not for several threads.

    Args:
        folder: the converted model's folder.
        threads: the cores to use; 0 leaves it to the machine.

    Raises:
        EngineError: OpenVINO cannot run the model, or it does not end in an output head.
    """

    def __init__(self, folder: Path, threads: int = 0) -> None:
        try:
            model = openvino.Core().read_model((folder / MODEL_FILE).with_suffix(".xml"))
            compiled = openvino.Core().compile_model(
                _with_scores(model),
                "CPU",
                {
                    "INFERENCE_PRECISION_HINT": openvino_precision(),
                    "KV_CACHE_PRECISION": openvino_precision(),  # by default eight bits, which costs precision
                    "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,  # activations stay as they are, for the same reason
                    **({"INFERENCE_NUM_THREADS": threads} if threads else openvino_threads()),
                },
            )
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot score with {folder}: {str(error).strip().splitlines()[-1]}") from error
        self._request = compiled.create_infer_request()
        self._held: list[int] = []
        """The tokens that the key-value cache holds."""

    def score(self, context: Sequence[int], continuations: Sequence[Sequence[int]]) -> list[Scored]:
        """Score continuations of one context, both as tokens; neither the context nor a continuation is empty."""
        firsts = [each[0] for each in continuations]
        nats, best = self._read(context, firsts)
        scored = [(float(nat), bool(best == first)) for nat, first in zip(nats, firsts, strict=True)]
        longer = [number for number, each in enumerate(continuations) if len(each) > 1]
        if not longer:
            return scored
        rest = [continuations[number] for number in longer]
        width = max(map(len, rest)) - 1
        tokens = np.zeros((len(rest), width), np.int64)
        places: list[int] = []
        for row, each in enumerate(rest):
            tokens[row, : len(each) - 1] = each[:-1]
            places += range(row * width, row * width + len(each) - 1)
        self._spread(len(rest))
        targets = [token for each in rest for token in each[1:]]
        later, bests = self._infer(tokens, len(self._held), places, targets)
        self._spread(0)
        start = 0
        for number, each in zip(longer, rest, strict=True):
            end = start + len(each) - 1
            nat, greedy = scored[number]
            same = bool((bests[start:end] == np.array(each[1:])).all())
            scored[number] = nat + float(later[start:end].sum(dtype=np.float64)), greedy and same
            start = end
        return scored

    def next_token(self, tokens: Sequence[int]) -> int:
        """The most likely token after these."""
        return self._read(tokens, [0])[1]

    def _read(self, context: Sequence[int], targets: Sequence[int]) -> tuple[np.ndarray, int]:
        """Read a context as far as the cache does not hold it; log-likelihoods of tokens after it, and the best."""
        self._cut(_shared(self._held, context[:-1]))
        nats, best = np.empty(0), np.empty(0)
        while len(self._held) < len(context):
            past = len(self._held)
            piece = np.array([context[past : past + READ_TOKENS]], np.int64)
            last = piece.shape[1] - 1
            nats, best = self._infer(piece, past, [last] * len(targets), targets)
            self._held += piece[0].tolist()
        return nats, int(best[0])

    def _infer(
        self, tokens: np.ndarray, past: int, places: Sequence[int], targets: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Run tokens of shape (rows, columns) after those that are held.

        Args:
            places: scored positions among the flattened tokens, shape (scored,).
            targets: the token whose likelihood is asked for after each of them, shape (scored,).

        Returns:
            Log-likelihoods in nats and most likely tokens, each of shape (scored,).
        """
        rows, columns = tokens.shape
        inputs = {
            "input_ids": tokens,
            "attention_mask": np.ones((rows, past + columns), np.int64),
            "position_ids": np.broadcast_to(np.arange(past, past + columns, dtype=np.int64), (rows, columns)).copy(),
            "beam_idx": np.arange(rows, dtype=np.int32),
            "places": np.array(places, np.int64),
            "targets": np.array(targets, np.int64)[:, None],
        }
        outputs = self._request.infer(inputs)
        return outputs["nats"][:, 0].copy(), outputs["best"][:, 0].copy()

    def _cut(self, length: int) -> None:
        """Keep so many tokens in the cache."""
        if length == len(self._held):
            return
        if not length:
            self._request.reset_state()
        else:
            self._set(lambda state: state[:1, :, :length])
        self._held = self._held[:length]

    def _spread(self, rows: int) -> None:
        """Repeat the one row of the cache; with 0 rows, go back to one, without what was read since."""
        if rows:
            self._set(lambda state: np.repeat(state[:1], rows, axis=0))
        else:
            length = len(self._held)
            self._set(lambda state: state[:1, :, :length])

    def _set(self, change: Any) -> None:
        for state in self._request.query_state():
            state.state = openvino.Tensor(np.ascontiguousarray(change(state.state.data)))


def _shared(held: Sequence[int], wanted: Sequence[int]) -> int:
    """The number of tokens that both begin with."""
    count = 0
    for one, other in zip(held, wanted, strict=False):
        if one != other:
            break
        count += 1
    return count


def _with_scores(model: openvino.Model) -> openvino.Model:
    """A language model whose one output, all logits, is replaced by the scores at given positions.

    Raises:
        EngineError: its output is not that of a product with the output head's weights.
    """
    result = model.output(0).get_node()
    head = result.input_value(0).get_node()
    if head.get_type_name() != "MatMul":
        raise EngineError(f"the converted model ends in {head.get_type_name()}, expected MatMul; convert it again")
    places = ops.parameter([-1], np.int64, name="places")
    targets = ops.parameter([-1, 1], np.int64, name="targets")
    for parameter, name in ((places, "places"), (targets, "targets")):
        parameter.output(0).set_names({name})
    hidden = head.input_value(0)
    width = hidden.get_partial_shape()[2].get_length()
    flat = ops.reshape(hidden, np.array([-1, width], np.int64), special_zero=False)
    scored = ops.gather(flat, places, np.array(0, np.int64))
    logits = ops.matmul(scored, head.input_value(1), False, bool(head.get_attributes()["transpose_b"]))
    nats = ops.gather_elements(ops.log_softmax(logits, 1), targets, 1)
    best = ops.topk(logits, np.array(1, np.int64), 1, "max", "none", index_element_type="i64").output(1)
    outputs = [ops.result(nats), ops.result(best)]
    for output, name in zip(outputs, ("nats", "best"), strict=True):
        output.output(0).set_names({name})
    return openvino.Model(outputs, model.get_sinks(), [*model.get_parameters(), places, targets], "scorer")
