"""Average adapters of which one was trained further from the other.

citewell average --adapters artifacts/runs/mine medquad --weights 3 1 --to artifacts/averaged
citewell evaluate answers --models base,tuned --adapter artifacts/averaged --rows artifacts/examples   # measure

What a model gains on new rows and what it was before often both stay when the two are averaged, and nothing is slower
for it (WiSE-FT, Wortsman et al., arXiv 2109.01903; of several models, "soups", arXiv 2203.05482).
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.command import command_parser
from core.errors import WeightsError, run_command
from core.files import new_folder
from generator.adapters import CONFIG, TENSORS, Adapter, hashes_of, named_adapter, read_facts
from generator.tuning.recipe import RUN

if TYPE_CHECKING:
    from torch import Tensor

SHAPE = ("r", "lora_alpha", "use_rslora", "use_dora", "target_modules")
"""The settings that adapters must have in common in their peft configuration."""


def average(adapters: Sequence[Adapter], weights: Sequence[float], target: Path) -> None:
    """Write an adapter whose matrices are the weighted means of the others' to an empty folder.

    A and B are averaged each by itself: of adapters that lie near one another that is close to the mean of their
    products, and the rank stays. (peft's `add_weighted_adapter` either adds their ranks or, with "linear", takes the
    roots of the weights, which doubles the update of two adapters that are alike.)

    Args:
        adapters: at least two; the first one's configuration and run file are kept.
        weights: one an adapter, above zero; they are divided by their sum.

    Raises:
        WeightsError: too few, weights that do not fit, a damaged file, or adapters of another base, shape or set of
            matrices.
        OSError: the disk is full.
    """
    import torch
    from safetensors.torch import save_file

    if len(adapters) < 2 or len(adapters) != len(weights) or min(weights) <= 0:
        raise WeightsError(
            f"found {len(adapters)} adapters and the weights {list(weights)}; expected two or more, each with a weight "
            "above zero: --adapters A B --weights 3 1"
        )
    first, *others = adapters
    for other in others:
        _check_alike(first, other)
    shares = [weight / sum(weights) for weight in weights]
    files = [_tensors(adapter) for adapter in adapters]
    if any(_shapes(file) != _shapes(files[0]) for file in files):
        raise WeightsError(f"{first.name} and another one hold other matrices; average adapters of one recipe")
    means = {
        name: torch.stack([share * file[name].float() for share, file in zip(shares, files, strict=True)])
        .sum(0)
        .to(matrix.dtype)
        for name, matrix in files[0].items()
    }
    save_file(means, target / TENSORS, metadata={"format": "pt"})
    shutil.copyfile(first.folder / CONFIG, target / CONFIG)
    run = read_facts(first.folder / RUN)
    run["averaged"] = {adapter.identity: round(share, 4) for adapter, share in zip(adapters, shares, strict=True)}
    run["files"] = hashes_of(target)
    (target / RUN).write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")


def _tensors(adapter: Adapter) -> "dict[str, Tensor]":
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(adapter.folder / TENSORS)
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{adapter.folder / TENSORS} cannot be read: {error}; copy the adapter's folder again"
        ) from error


def _shapes(file: "dict[str, Tensor]") -> dict[str, object]:
    return {name: each.shape for name, each in file.items()}


def _check_alike(first: Adapter, other: Adapter) -> None:
    if first.base_sha256 != other.base_sha256:
        raise WeightsError(
            f"{first.name} was trained over {first.base_name} ({first.base_sha256[:12]}), {other.name} over "
            f"{other.base_name} ({other.base_sha256[:12]}); average adapters of one base"
        )
    ours, theirs = read_facts(first.folder / CONFIG), read_facts(other.folder / CONFIG)
    for key in SHAPE:
        mine, its = (sorted(value) if isinstance(value, list) else value for value in (ours.get(key), theirs.get(key)))
        if mine != its:
            raise WeightsError(
                f"{key} is {mine} in {first.name} and {its} in {other.name}; average adapters of one recipe, "
                "the second trained on from the first: citewell train --set base.adapter=FIRST"
            )


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("generator.average", __doc__)
    parser.add_argument("--adapters", metavar="DIR", nargs="+", required=True, help="folders, or names of shipped ones")
    parser.add_argument("--weights", metavar="W", type=float, nargs="+", help="one an adapter (default: all alike)")
    parser.add_argument("--to", metavar="DIR", type=Path, required=True, help="where to write the averaged adapter")
    arguments = parser.parse_args(argv)
    adapters = [named_adapter(name) for name in arguments.adapters]
    with new_folder(arguments.to, TENSORS) as folder:
        average(adapters, arguments.weights or [1.0] * len(adapters), folder)
    print(f"{arguments.to}: the average of {', '.join(adapter.identity for adapter in adapters)}")
    print(f"next: citewell evaluate answers --models base,tuned --adapter {arguments.to} --rows DIR")
    return 0


if __name__ == "__main__":
    run_command(main)
