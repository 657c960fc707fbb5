"""An OpenVINO model on the CPU, run on several batches at once.

Several inference streams work side by side, in bf16 where the processor has it (https://docs.openvino.ai, "High-level
Performance Hints").
"""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import openvino

from core.precision import openvino_precision
from core.processor import openvino_threads


class Streams:
    """A compiled model with a request for each of its streams. Several threads may use one; their calls take turns.

    Raises:
        RuntimeError: OpenVINO does not run on this processor, or cannot read the model.
    """

    def __init__(self, model: Path) -> None:
        self.model = openvino.Core().compile_model(
            model,
            "CPU",
            {
                "PERFORMANCE_HINT": "THROUGHPUT",
                "INFERENCE_PRECISION_HINT": openvino_precision(),
                **openvino_threads(),
            },
        )
        streams = self.model.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._requests = [self.model.create_infer_request() for _ in range(streams)]
        self._lock = threading.Lock()

    def run(self, batches: Iterable[Mapping[str, np.ndarray]]) -> Iterator[list[np.ndarray]]:
        """The model's outputs for each batch, in the batches' order, as soon as they are there.

        They are buffers that a later batch overwrites: copy what is to stay. Close the iterator (`contextlib.closing`),
        so that whatever ends the loop leaves every request ready for the next call.
        """
        running: deque[openvino.InferRequest] = deque()

        def first() -> list[np.ndarray]:
            running[0].wait()
            return [running[0].get_output_tensor(number).data for number in range(len(self.model.outputs))]

        # Requests are kept, as each holds its buffers, and take turns; waiting for them here needs no callback from
        # OpenVINO's threads, which an interpreter that is ending would abort on.
        with self._lock:
            try:
                for number, batch in enumerate(batches):
                    if len(running) == len(self._requests):
                        yield first()
                        running.popleft()
                    request = self._requests[number % len(self._requests)]
                    request.start_async(batch)
                    running.append(request)
                while running:
                    yield first()
                    running.popleft()
            finally:
                for request in running:
                    request.wait()
