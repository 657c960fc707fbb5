"""The reward model: the fine-tuned generator with one number in the place of words, trained on preference pairs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import WeightsError
from core.libraries import quieten
from core.settings import GeneratorSettings
from generator.adapters import Adapter, prepare_tuned, read_adapter, read_facts
from generator.tuning.pairs import Pair, enough, read_pairs, read_pairs_manifest, tokenise_pairs
from generator.tuning.preference_recipe import PreferenceRecipe
from generator.tuning.recipe import RUN
from generator.weights import Weights

quieten()

import torch  # noqa: E402

from generator.loading import load_model, load_tokenizer  # noqa: E402
from generator.tuning.align import LOGGED, begun_from, finish, reporting_memory, train_pairs  # noqa: E402
from generator.tuning.log_probs import read_once  # noqa: E402
from generator.tuning.objectives import reward_losses, scores  # noqa: E402
from generator.tuning.preference_training import pair_packs  # noqa: E402
from generator.tuning.run_folder import begin, new_record  # noqa: E402
from generator.tuning.setup import lora_config  # noqa: E402

METHOD = "reward"
"""What `align.method` is in the record of a reward model."""


def merged_base(recipe: PreferenceRecipe) -> Weights:
    """The fine-tuned generator that rewards are read from: its adapter merged in, made once.

    Raises:
        SettingsError, WeightsError: see `begun_from`.
    """
    begun_from(recipe)
    weights, _ = prepare_tuned(GeneratorSettings(model=recipe.base.model, adapter=recipe.base.adapter))
    return weights


def train_reward(recipe: PreferenceRecipe, folder: Path, *, resume: bool, report_to: str) -> dict[str, Any]:
    """Train a reward model; raises as `generator.tuning.align.align` does. The record holds its accuracy on the pairs
    of topics that it was not trained on."""
    weights = merged_base(recipe)
    data = Path(recipe.data.dir)
    record = new_record(recipe, weights, None, {"sha256": read_pairs_manifest(data)["data_sha256"]})
    pairs = enough(read_pairs(data, "train"), data)
    checkpoint = begin(folder, record, resume)
    tokenizer = load_tokenizer(weights.folder)
    pairs = pairs[: recipe.data.rows or len(pairs)]
    packs = pair_packs(
        tokenise_pairs(pairs, tokenizer), [pair.group for pair in pairs], recipe.train.pack_tokens, recipe.train.seed
    )
    with reporting_memory(recipe):
        from peft import get_peft_model

        base = load_model(weights.folder, 0 if torch.cuda.is_available() else "cpu", scores=True)
        base.config.pad_token_id = tokenizer.pad_token_id
        torch.nn.init.zeros_(base.score.weight)  # every answer begins with the reward 0
        model = get_peft_model(base, lora_config(recipe, "SEQ_CLS"))
        results = train_pairs(
            recipe, folder, model, (reward_losses, LOGGED[METHOD]), packs, None, checkpoint, report_to
        )
        held = [*read_pairs(data, "development"), *read_pairs(data, "test")]
        if held and not results["stopped"]:
            margins = pair_margins(model, tokenizer, held)
            results["held_out"] = {
                "pairs": len(held),
                "accuracy": round(float((margins > 0).float().mean()), 4),
                "margin": round(float(margins.mean()), 4),
            }
    return finish(folder, record, results | {"rows": len(pairs)}, model, tokenizer)


@torch.no_grad()
def pair_margins(model: Any, tokenizer: Any, pairs: Sequence[Pair]) -> torch.Tensor:
    """The reward of each chosen answer less that of the rejected one, of shape (pairs,)."""
    model.eval()
    margins = []
    for chosen, rejected in tokenise_pairs(pairs, tokenizer):
        batch = {name: value.to(model.device) for name, value in read_once([chosen, rejected]).items()}
        better, worse = scores(model, batch).tolist()
        margins.append(better - worse)
    return torch.tensor(margins)


def read_reward(folder: Path, weights: Weights) -> Adapter:
    """The facts of a reward model over this fine-tuned generator.

    Raises:
        WeightsError: it is none, it was not written whole, or it is of another base.
    """
    adapter = read_adapter(folder)
    method = read_facts(adapter.folder / RUN).get("recipe", {}).get("align.method", "")
    if method != METHOD:
        raise WeightsError(
            f"{folder} is no reward model (its method is {method or 'sft'}); train one: citewell tune reward --to DIR"
        )
    if adapter.base_sha256 != weights.sha256:
        raise WeightsError(
            f"the reward model {adapter.name} was trained over {adapter.base_name} ({adapter.base_sha256[:12]}), and "
            f"the run begins from {weights.name} ({weights.sha256[:12]}); train one over it: citewell tune reward, or "
            "name the adapter that it was trained over: --set base.adapter=NAME"
        )
    return adapter


def load_reward(folder: Path, weights: Weights) -> Any:
    """A reward model, merged, over the generator that it was trained over; raises as `read_reward` does."""
    from peft import PeftModel

    adapter = read_reward(folder, weights)
    base = load_model(weights.folder, 0 if torch.cuda.is_available() else "cpu", scores=True)
    return PeftModel.from_pretrained(base, str(adapter.folder)).merge_and_unload()
