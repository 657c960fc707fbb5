"""What a step of training costs on this machine, reported before the long rest of a run."""

import time
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from core.precision import torch_dtype
from core.processor import processor
from core.progress import log

UNTOLD_S = 60
"""Seconds that a run may take without a report of how long it will take."""


class StepCost(TrainerCallback):
    """Times the first step, and reports what all of them will take if that is more than a minute."""

    def __init__(self, device: str = "cpu") -> None:
        self._device = device
        self._begun = 0.0
        self._told = False

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._begun = self._begun or time.perf_counter()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if self._told or not state.is_world_process_zero:
            return
        self._told = True
        seconds, left = time.perf_counter() - self._begun, state.max_steps - state.global_step
        if seconds * left < UNTOLD_S:
            return
        where = self._device if self._device != "cpu" else processor().label
        number_format = str(torch_dtype(self._device)).removeprefix("torch.")
        log.info(
            f"a step takes some {seconds:.1f} s ({where}, {number_format}): {left} more take {seconds * left / 60:.0f} "
            "minutes; Ctrl-C ends the run with what it has saved, --resume continues"
        )
