"""Monitoring of a training run: its metrics on disk, lines for the user, and a clean stop at Ctrl-C."""

import contextlib
import csv
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from core.charts import chart
from core.progress import log
from generator.tuning.run_folder import seal_checkpoint

METRICS = "metrics.csv"
CURVE = "loss.png"


class TrainingMonitor(TrainerCallback):
    """Writes metrics.csv and a line for the user at each logged step, counts tokens, and stops cleanly at Ctrl-C.

    Args:
        more: what the trainer logs beside the loss, each a column of metrics.csv.
    """

    def __init__(self, folder: Path, trainer: Trainer, more: Sequence[str] = ()) -> None:
        self._metrics = folder / METRICS
        self._more = tuple(more)
        self._begun = time.perf_counter()
        self.stopped = False
        self.read = 0
        self.seconds = 0.0
        self._count_tokens(trainer)

    def _count_tokens(self, trainer: Trainer) -> None:
        step = trainer.training_step

        def counted(model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> Any:
            if "input_ids" in inputs:  # trainers that sample are handed prompts
                self.read += inputs["input_ids"].numel()
            return step(model, inputs, *rest, **named)

        trainer.training_step = counted  # type: ignore[method-assign]

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._begun = time.perf_counter()
        self._first = state.global_step
        if state.is_world_process_zero and (state.global_step == 0 or not self._metrics.is_file()):
            columns = ("step", "epoch", "loss", "learning_rate", "grad_norm", "tokens", "seconds", *self._more)
            self._metrics.write_text(",".join(columns) + "\n", encoding="utf-8")

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        if logs and "lr" in logs:
            logs = {"loss": logs["loss/policy_avg"], "learning_rate": logs["lr"], **logs}
        if not logs or "loss" not in logs or not state.is_world_process_zero:
            return
        seconds = time.perf_counter() - self._begun
        with self._metrics.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(
                [
                    state.global_step,
                    f"{state.epoch:.4f}",
                    logs["loss"],
                    logs["learning_rate"],
                    logs.get("grad_norm", ""),
                    self.read,
                    round(seconds, 1),
                    *(round(logs[name], 5) if name in logs else "" for name in self._more),
                ]
            )
        left = seconds / max(state.global_step - self._first, 1) * (state.max_steps - state.global_step)
        shown = "".join(f", {name.replace('_', ' ')} {logs[name]:.3f}" for name in self._more if name in logs)
        log.info(
            f"step {state.global_step} of {state.max_steps}: loss {logs['loss']:.4f}{shown}, "
            + (f"{self.read / seconds:.0f} tokens/s, " if self.read else "")
            + f"{left / 60:.0f} min left"
        )

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.seconds = time.perf_counter() - self._begun
        if self.stopped:
            control.should_save = True
            control.should_training_stop = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if args.world_size == 1:  # of several processes, others still write into it
            seal_checkpoint(Path(str(args.output_dir), f"checkpoint-{state.global_step}"))

    @contextlib.contextmanager
    def stopping_cleanly(self) -> Iterator[None]:
        """Inside the block, the first Ctrl-C asks the run to save and stop; the second one stops it at once."""

        def ask(number: int, frame: object) -> None:
            if self.stopped:
                raise KeyboardInterrupt
            self.stopped = True
            log.info("stopping after this step, with a checkpoint; Ctrl-C again stops at once")

        before = signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def draw_curve(folder: Path, what: str = "loss on completions (nats per token)") -> None:
    """The loss curve of metrics.csv."""
    with (folder / METRICS).open(encoding="utf-8", newline="") as file:
        logged = list(csv.DictReader(file))
    with chart(folder / CURVE, 1, (6.0, 3.6)) as (_, (axis,)):
        axis.plot([int(row["step"]) for row in logged], [float(row["loss"]) for row in logged], marker="o", ms=3)
        axis.set_xlabel("optimizer step")
        axis.set_ylabel(what)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
