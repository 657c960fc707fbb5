"""Training on answers that the model samples while it is trained: trl's PPO with a reward model, and RLOO.

Both begin from a fine-tuned adapter and hold on to a frozen copy of it. They are written for an accelerator; on two
cores they are good for a trial (docs/fine-tuning.md has the times).
"""

import contextlib
import copy
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from core.errors import SettingsError
from core.libraries import quieten
from generator.adapters import Adapter
from generator.tuning.pairs import Pair, enough, read_pairs, read_pairs_manifest
from generator.tuning.preference_recipe import PreferenceRecipe
from generator.weights import Weights

quieten()


import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from transformers import (  # noqa: E402
    PreTrainedModel,
    PrinterCallback,
    ProgressCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from core.step_cost import StepCost  # noqa: E402
from generator.engines.control_tokens import inert, tokens_of  # noqa: E402
from generator.loading import load_tokenizer  # noqa: E402
from generator.tuning.align import begun_from, finish, reporting_memory  # noqa: E402
from generator.tuning.monitor import TrainingMonitor  # noqa: E402
from generator.tuning.reward import load_reward, merged_base, read_reward  # noqa: E402
from generator.tuning.run_folder import begin, new_record  # noqa: E402
from generator.tuning.setup import base_model, common_arguments, lora_config, train_in_float, trained_further  # noqa: E402

REFERENCE = "ref"
"""The name of the frozen copy of the adapter, as trl calls it."""
PPO_LOGGED = ("objective/scores", "objective/kl", "objective/entropy")
RLOO_LOGGED = ("reward", "kl", "completions/mean_length")
Reward = Callable[[Pair, str], float]
"""A pair, for its prompt and its better answer, and a sampled answer -> its reward."""


class Stopped(Exception):  # noqa: N818 - no error
    """Ctrl-C ended a run whose trainer does not look for it; its checkpoint is saved."""


class StopWhenSaved(TrainerCallback):
    """Ends a run that the user stopped, once its checkpoint is saved."""

    def __init__(self, monitor: TrainingMonitor) -> None:
        self._monitor = monitor

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if self._monitor.stopped:
            raise Stopped


class FloatLinear(torch.nn.Linear):
    """A linear layer that stays in float32 over layers in 16 bits."""

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return super().forward(hidden.float())


class ValueHead(torch.nn.Module):
    """A value for each token, read from the reward model's frozen layers, so that no third model is held."""

    base_model_prefix = "model"

    def __init__(self, reward: Any) -> None:
        super().__init__()
        self.model = getattr(reward, reward.base_model_prefix)
        self.config = reward.config
        self.score = FloatLinear(reward.config.hidden_size, 1, bias=False, dtype=torch.float32)
        torch.nn.init.zeros_(self.score.weight)


def ppo(recipe: PreferenceRecipe, folder: Path, *, resume: bool, report_to: str) -> dict[str, Any]:
    """Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347) with a model of rewards, by trl.

    Raises:
        SettingsError: no reward model is named, or the run is to be resumed, which trl's PPO cannot do.
        DataError, EngineError, WeightsError: see `generator.tuning.align.align` and `reward.load_reward`.
    """
    if not recipe.align.reward:
        raise SettingsError(
            "ppo asks a reward model, and none is named; train one and name it: citewell tune reward --to DIR, "
            "--reward DIR"
        )
    if resume:
        raise SettingsError(
            f"trl's PPO keeps no state to resume from; begin a run from the last checkpoint: --set "
            f"base.adapter={folder}/checkpoints/checkpoint-N"
        )
    from trl.experimental.ppo import PPOConfig, PPOTrainer

    merged = merged_base(recipe)
    read_reward(Path(recipe.align.reward), merged)  # before the run folder is made
    run = _Run(recipe, folder, resume)
    common = common_arguments(recipe.train, folder, report_to)
    episodes = recipe.align.answers
    steps = recipe.train.max_steps or max(1, round(recipe.train.epochs * len(run.pairs) / episodes))
    with reporting_memory(recipe):
        reward = load_reward(Path(recipe.align.reward), merged).requires_grad_(False)
        policy = _policy(recipe, run)
        arguments = PPOConfig(
            **common | {"per_device_train_batch_size": 1, "gradient_accumulation_steps": episodes, "max_steps": -1},
            total_episodes=steps * episodes,
            num_ppo_epochs=1,
            num_mini_batches=1,
            num_sample_generations=0,
            local_rollout_forward_batch_size=1,
            response_length=recipe.align.answer_tokens,
            temperature=recipe.align.temperature,
            stop_token="eos",  # noqa: S106 - no password
            missing_eos_penalty=1.0,
            kl_coef=recipe.align.kl,
            model_adapter_name="default",
            ref_adapter_name=REFERENCE,
        )
        run.tokenizer.padding_side = "left"
        prompts = [
            {"input_ids": run.tokenizer.apply_chat_template(chat, add_generation_prompt=True)["input_ids"]}
            for chat in run.prompts
        ]
        trainer = PPOTrainer(
            args=arguments,
            processing_class=run.tokenizer,
            model=policy,
            ref_model=None,
            reward_model=reward,
            value_model=cast(PreTrainedModel, ValueHead(reward)),  # PPO reads its `score` and its base alone
            train_dataset=Dataset.from_list(prompts),
        )
        results = _trained(trainer, folder, PPO_LOGGED, None)
    return finish(folder, run.record, results | {"rows": len(run.pairs)}, policy, run.tokenizer)


def rloo(
    recipe: PreferenceRecipe, folder: Path, make_reward: Callable[[], Reward], *, resume: bool, report_to: str
) -> dict[str, Any]:
    """REINFORCE with a leave-one-out baseline (Ahmadian et al. 2024, arXiv 2402.14740), by trl; no reward model.

    Args:
        make_reward: opens what judges a sampled answer, such as the verifier.

    Raises:
        DataError, EngineError, SettingsError, WeightsError: see `generator.tuning.align.align`.
    """
    from trl import RLOOConfig, RLOOTrainer

    if recipe.align.answers < 2:
        raise SettingsError(
            f"align.answers is {recipe.align.answers}; rloo compares answers with each other: 2 or more"
        )
    run = _Run(recipe, folder, resume)
    reward = make_reward()

    def rewards(completions: Sequence[Any], number: Sequence[int], **_: Any) -> list[float | None]:
        return [reward(run.pairs[n], each[0]["content"]) for each, n in zip(completions, number, strict=True)]

    with reporting_memory(recipe):
        arguments = RLOOConfig(
            **common_arguments(recipe.train, folder, report_to, recipe.align.answers),
            num_generations=recipe.align.answers,
            max_completion_length=recipe.align.answer_tokens,
            temperature=recipe.align.temperature,
            beta=recipe.align.kl,
        )
        policy = trained_further(base_model(recipe, run.weights), run.begun, lora_config(recipe))
        prompts = [{"prompt": chat, "number": number} for number, chat in enumerate(run.prompts)]
        trainer = RLOOTrainer(
            model=policy,
            reward_funcs=rewards,
            args=arguments,
            train_dataset=Dataset.from_list(prompts),
            processing_class=run.tokenizer,
        )
        train_in_float(policy)
        results = _trained(trainer, folder, RLOO_LOGGED, run.checkpoint)
    return finish(folder, run.record, results | {"rows": len(run.pairs)}, policy, run.tokenizer)


class _Run:
    """What a run begins with."""

    def __init__(self, recipe: PreferenceRecipe, folder: Path, resume: bool) -> None:
        data = Path(recipe.data.dir)
        weights, begun = begun_from(recipe)
        assert begun is not None, "begun_from refuses a run without one"
        self.weights: Weights = weights
        self.begun: Adapter = begun
        self.record = new_record(recipe, weights, begun, {"sha256": read_pairs_manifest(data)["data_sha256"]})
        pairs = enough(read_pairs(data, "train"), data)
        self.checkpoint = begin(folder, self.record, resume)
        self.tokenizer = load_tokenizer(weights.folder)
        different = {(pair.question, pair.sources): pair for pair in pairs}  # a prompt is asked once
        self.pairs = list(different.values())[: recipe.data.rows or len(different)]
        control = tokens_of(self.tokenizer)
        self.prompts = [inert(pair.prompt, control) for pair in self.pairs]


def _policy(recipe: PreferenceRecipe, run: _Run) -> Any:
    """The base with the adapter to train and a frozen copy of it."""
    policy = trained_further(base_model(recipe, run.weights), run.begun, lora_config(recipe))
    policy.add_adapter(REFERENCE, copy.deepcopy(policy.peft_config["default"]))
    copied = {name: value for name, value in policy.named_parameters() if f".{REFERENCE}." in name}
    for name, value in copied.items():
        value.data.copy_(policy.get_parameter(name.replace(f".{REFERENCE}.", ".default.")).data)
        value.requires_grad_(False)
    train_in_float(policy)
    return policy


def _trained(trainer: Any, folder: Path, logged: Sequence[str], checkpoint: Path | None) -> dict[str, Any]:
    monitor = TrainingMonitor(folder, trainer, logged)
    quiet = trainer.args.disable_tqdm
    trainer.remove_callback(PrinterCallback if quiet else ProgressCallback)  # TrainingMonitor does it
    for callback in (monitor, StopWhenSaved(monitor), StepCost("cuda" if torch.cuda.is_available() else "cpu")):
        trainer.add_callback(callback)
    begun = time.perf_counter()
    with monitor.stopping_cleanly(), contextlib.suppress(Stopped):
        trainer.train(**({"resume_from_checkpoint": str(checkpoint)} if checkpoint else {}))
    history = [entry for entry in trainer.state.log_history if any(name in entry for name in logged)]
    last = history[-1] if history else {}
    return {
        "stopped": monitor.stopped,
        "steps": trainer.state.global_step,
        "of_steps": trainer.state.max_steps,
        "train_loss": round(float(last.get("loss", last.get("loss/policy_avg", 0.0))), 4),
        "seconds": round(time.perf_counter() - begun, 1),
        "last": {name: round(float(last[name]), 4) for name in logged if name in last},
    }
