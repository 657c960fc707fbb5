"""Tune the question encoder to a CSV: a low-rank adapter of some megabytes that index and search use by its name.

citewell tune --csv my.csv --to artifacts/adapters/mine
citewell tune --csv my.csv --to artifacts/adapters/mine --asked artifacts/asked.jsonl --resume
citewell build --csv my.csv --adapter artifacts/adapters/mine

Questions are made from the records by rules, as people ask them; --asked adds those of `citewell paraphrase`. No
question about the topics of the held-out questions is trained on, so that those can judge the result: `citewell
evaluate search`.
"""

import dataclasses
import json
import shutil
import time
from pathlib import Path
from typing import Any

from core.charts import chart
from core.command import command_parser
from core.errors import DataError, run_command
from core.files import new_folder, read_jsonl, write_atomic
from core.paths import shipped
from core.progress import log
from core.settings import IndexSettings, load
from core.training_run import begin_run
from index.build import build
from index.embedders import load_embedder
from index.embedders.weights import ADAPTER_FACTS, ADAPTER_WEIGHTS, find_weights
from index.opening import open_index
from index.tuning.question_forms import LayQuestion

LEAST_QUESTIONS = 200
"""Fewest questions to train on: fewer teach nothing that holds beyond them."""


def tune(
    settings: IndexSettings,
    to: Path,
    recipe: dict[str, Any],
    *,
    asked: Path | None = None,
    held_out: tuple[Path, ...] = (),
    resume: bool = False,
) -> dict[str, Any]:
    """Train an adapter on the CSV that the settings name and write it to the folder `to`; returns its facts.

    The index of the CSV is built first if it does not stand. Checkpoints are kept in `to`.run until the adapter is
    whole; `resume` continues from the last one.

    Raises:
        DataError: too few questions; a file of questions that cannot be read; another run's checkpoints.
    """
    from index.embedders.torch import TorchEmbedder
    from index.tuning.training import Corpus, Recipe, held_out_records, split_questions, train

    build(settings)
    index = open_index(Path(settings.dir))
    embedder = load_embedder(settings)
    trained = Recipe(**recipe)
    out = held_out_records(index, _judged_records(held_out))
    split = split_questions(index, embedder, _asked(asked), out, trained)
    log.info(
        f"{len(split.train):,} questions to train on, {len(split.development):,} of other topics to look at; "
        f"{split.strayed:,} left out as they do not lead back to their record; {len(out):,} records held out"
    )
    if len(split.train) < LEAST_QUESTIONS:
        raise DataError(
            f"{settings.csv} gives {len(split.train)} questions to train on, at least {LEAST_QUESTIONS} are needed; "
            "search it as it is: the untuned embedder needs no training"
        )
    weights = find_weights(settings.embedder)
    facts: dict[str, Any] = {
        "base": weights.label,
        "base_sha256": weights.sha256,
        "csv": index.manifest.csv,
        "csv_sha256": index.manifest.csv_sha256,
        "questions_sha256": split.sha256,
        "trained_on": len(split.train),
        "development": len(split.development),
        "held_out_records": len(out),
        "recipe": dataclasses.asdict(trained),
    }
    run = to.with_name(to.name + ".run")
    begin_run(run, facts, resume)
    model = TorchEmbedder(weights).model
    untuned = embedder.embed([item.question for item in split.train])
    started = time.perf_counter()
    losses = train(model, Corpus(index, out), split, untuned, trained, run, resume=resume)
    facts["minutes"] = round((time.perf_counter() - started) / 60, 1)
    facts["log"] = losses
    with new_folder(to, ADAPTER_FACTS) as folder:
        transformer: Any = model[0]
        transformer.auto_model.save_pretrained(str(folder))
        _scale(folder / ADAPTER_WEIGHTS, trained.scale)
        write_atomic(folder / ADAPTER_FACTS, json.dumps(facts, indent=1) + "\n")
        _draw(losses, folder / "curve.png")
    shutil.rmtree(run, ignore_errors=True)
    return facts


def _judged_records(files: tuple[Path, ...]) -> set[str]:
    """Ids of the records that the questions of these files are judged by."""
    return {record for file in files for row in read_jsonl(file, "question") for record in row.get("relevant", {})}


def _asked(path: Path | None) -> list[LayQuestion]:
    if path is None:
        return []
    rows = read_jsonl(path, "record_id", "question")
    return [LayQuestion(str(row["record_id"]), str(row["question"]), "asked") for row in rows if row["question"]]


def _scale(path: Path, share: float) -> None:
    """Keep a share of the change: the update is B·A, so scaling B averages the weights with the original's."""
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(path)
    scaled = {name: value * share if ".lora_B." in name else value for name, value in tensors.items()}
    save_file({name: value.to(torch.float16).contiguous() for name, value in scaled.items()}, path)


def _draw(losses: list[dict[str, Any]], path: Path) -> None:
    from index.tuning.training import DEVELOPMENT

    curves = (("loss", "Loss"), (DEVELOPMENT, "Mean reciprocal rank, other topics"))
    with chart(path, len(curves), (8, 3)) as (_, panels):
        for axes, (name, title) in zip(panels, curves, strict=True):
            points = [(entry["step"], entry[name]) for entry in losses if name in entry]
            axes.plot([step for step, _ in points], [value for _, value in points], color="#0b6e63")
            axes.set(title=title, xlabel="step")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("index.tune", __doc__)
    parser.add_argument("--csv", metavar="F", help="the CSV to tune to (default: data/health_qa.csv)")
    parser.add_argument("--index", metavar="DIR", help="its index folder (default: artifacts/index)")
    parser.add_argument("--to", metavar="DIR", type=Path, required=True, help="the adapter folder to write")
    parser.add_argument("--asked", metavar="F", type=Path, help="more questions, of citewell paraphrase")
    parser.add_argument(
        "--held-out",
        metavar="F",
        type=Path,
        nargs="*",
        default=[shipped("data/dev/medquad.jsonl"), shipped("data/dev/health_qa.jsonl")],
        help="questions whose topics must stay unseen (default: those of data/dev)",
    )
    parser.add_argument("--resume", action="store_true", help="resume from the last checkpoint")
    recipe = parser.add_argument_group("the recipe")
    recipe.add_argument("--rank", type=int, default=16, help="of the low-rank update (default: 16)")
    recipe.add_argument("--learning-rate", type=float, default=2e-4, help="(default: 0.0002)")
    recipe.add_argument("--epochs", type=float, default=1.0, help="(default: 1)")
    recipe.add_argument("--batch-size", type=int, default=64, help="(default: 64)")
    recipe.add_argument("--questions-per-record", type=int, default=3, help="(default: 3)")
    recipe.add_argument("--scale", type=float, default=0.5, help="share of the change that is kept (default: 0.5)")
    recipe.add_argument("--seed", type=int, default=0, help="(default: 0)")
    arguments = parser.parse_args(argv)
    settings = load({"index.csv": arguments.csv, "index.dir": arguments.index, "index.adapter": ""}).index
    names = ("rank", "learning_rate", "epochs", "batch_size", "questions_per_record", "scale", "seed")
    facts = tune(
        settings,
        arguments.to,
        {name: getattr(arguments, name) for name in names},
        asked=arguments.asked,
        held_out=tuple(arguments.held_out),
        resume=arguments.resume,
    )
    print(f"{arguments.to} is written after {facts['minutes']} minutes; take it up:")
    print(f"citewell build --csv {settings.csv} --adapter {arguments.to}")
    return 0


if __name__ == "__main__":
    run_command(main)
