"""Make preference pairs: from people's judgements of answers, and from the model's own answers, judged by the verifier.

citewell preferences --rows artifacts/examples --prompts 200         # 4 answers to each of 200 prompts, and edited ones
citewell preferences --prompts 0                                     # edited answers alone: no model writes
citewell preferences --only feedback --to artifacts/preferences      # what people judged in the page, and nothing else
citewell preferences --pairs mine.jsonl        # with pairs of yours: question, passages, chosen, rejected, one a line
citewell preferences --show 5                                        # read some of them

Sampled answers are kept, so that a command that was stopped continues where it was. Pairs are split by topic as rows
are: no topic is on two sides. Train on them: citewell align, citewell tune reward.
"""

import random
from argparse import Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from core.command import command_parser
from core.errors import DataError, IndexFolderError, run_command
from core.paths import artifacts, shipped
from core.progress import bar, log
from core.settings import Settings, load
from dataset.build_rows import split_topics
from dataset.judged_pairs import feedback_pairs, file_pairs
from dataset.pair_maker import balanced, edited_pairs, mirrored_pairs, sampled_pairs
from dataset.sampling import Sample, open_sampler, sampled
from generator.tuning.pairs import Pair, read_pairs, write_pairs
from generator.tuning.rows import SPLITS, Row, Split, read_manifest, read_rows
from index.reader import Index
from rag.checks.citations import SupportJudge

SOURCES = ("feedback", "model")
PROMPTS = {"train": 1.0, "development": 0.1, "test": 0.25}
"""Prompts that are sampled to in each split, as a share of --prompts."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("dataset.preferences", __doc__)
    parser.add_argument("--rows", metavar="DIR", type=Path, default=artifacts("examples"), help="rows of citewell rows")
    parser.add_argument("--to", metavar="DIR", type=Path, default=artifacts("preferences"), help="where to write")
    parser.add_argument(
        "--only", choices=SOURCES, help="pairs of people's judgements, or of the model's answers, alone"
    )
    parser.add_argument("--pairs", metavar="F", type=Path, help="pairs of yours, over passages of the index")
    parser.add_argument("--prompts", metavar="N", type=int, default=100, help="prompts to sample answers to (0: none)")
    parser.add_argument("--answers", metavar="N", type=int, default=4, help="answers to each prompt")
    parser.add_argument(
        "--edited", metavar="N", type=int, default=60, help="rows whose right answers are edited into worse ones"
    )
    parser.add_argument("--temperature", metavar="T", type=float, default=1.0, help="of the sampled answers")
    parser.add_argument("--most", metavar="N", type=int, default=0, help="most pairs to train on (0: by their kinds)")
    parser.add_argument("--adapter", metavar="NAME", help="the adapter that answers (default: the settings')")
    parser.add_argument("--index", metavar="DIR", help="the index that feedback and --pairs are about")
    parser.add_argument("--history", metavar="F", help="the database of judgements (default: artifacts/history.sqlite)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", metavar="N", type=int, help="print N pairs of --to and stop")
    arguments = parser.parse_args(argv)
    if arguments.show:
        print("\n\n".join(shown(read_pairs(arguments.to, "train"), arguments.show, arguments.seed)))
        return 0
    for name in ("prompts", "most", "edited"):
        if getattr(arguments, name) < 0:
            parser.error(f"--{name} is {getattr(arguments, name)}; expected 0 or more")
    if arguments.answers < 2 or arguments.temperature <= 0:
        parser.error("--answers needs 2 or more, --temperature more than 0: equal answers give no pair")
    chosen = {"index.dir": arguments.index, "generator.adapter": arguments.adapter, "history.file": arguments.history}
    manifest = make(load(chosen), arguments)
    print("\n".join(report(manifest)))
    print(f"{arguments.to}: data {manifest['data_sha256'][:12]}")
    print(f"next: citewell align --method dpo --set data.dir={arguments.to}")
    return 0


def make(settings: Settings, arguments: Namespace, sampler: Sample | None = None) -> dict[str, Any]:
    """Write the folder of pairs; returns its manifest.

    Args:
        sampler: samples answers in the place of the settings' model.

    Raises:
        DataError: there are no rows, the file of pairs cannot be used, or nothing gives a pair.
        IndexFolderError: --pairs needs an index, and there is none.
        WeightsError, EngineError, HistoryError, OSError: see `dataset.sampling`, `rag.feedback` and `write_pairs`.
    """
    pairs: dict[Split, list[Pair]] = {split: [] for split in SPLITS}
    facts: dict[str, Any] = {"seed": arguments.seed}
    if arguments.only != "model" or arguments.pairs:
        given, facts["left_out"] = _from_people(settings, arguments)
        sides = _sides_of(given, settings)
        for pair in given:
            pairs[sides[pair.topic]].append(pair)
    if arguments.only != "feedback":
        manifest = read_manifest(arguments.rows)
        facts |= {"csv": manifest["csv"], "csv_sha256": manifest["csv_sha256"], "rows_sha256": manifest["data_sha256"]}
        facts["sampled"] = {
            "prompts": arguments.prompts,
            "answers": arguments.answers,
            "temperature": arguments.temperature,
        }
        from rag.opening import open_judge

        support = open_judge(settings)
        for split in SPLITS:
            rows = read_rows(arguments.rows, split)
            pairs[split] += _from_model(settings, arguments, split, rows, support, sampler)
    if not any(pairs.values()):
        raise DataError(
            "no pair was made: nobody judged two answers over one prompt, or wrote a better one; expected "
            f"judgements in {settings.history.file}, rows (--rows DIR), or a file of pairs (--pairs F)"
        )
    return write_pairs(arguments.to, pairs, facts)


def _from_people(settings: Settings, arguments: Namespace) -> tuple[list[Pair], dict[str, int]]:
    from rag.feedback import given

    index = _index(settings, needed=bool(arguments.pairs))
    made: list[Pair] = []
    left_out: dict[str, int] = {}
    if arguments.only != "model":
        judged = given(Path(settings.history.file)) if Path(settings.history.file).is_file() else []
        found = feedback_pairs(judged, index)
        made += found.pairs
        left_out = {why: count for why, count in found.left_out.items() if count}
        log.info(f"{len(judged)} judgements give {len(found.pairs)} pairs")
    if arguments.pairs and index is not None:
        made += file_pairs(arguments.pairs, index)
    return made, left_out


def _index(settings: Settings, needed: bool) -> Index | None:
    from index.opening import open_index

    try:
        return open_index(Path(settings.index.dir))
    except IndexFolderError:
        if needed:
            raise
        log.warning(f"notice: no index in {settings.index.dir}, so judgements over deleted passages are not left out")
        return None


def _sides_of(pairs: Iterable[Pair], settings: Settings) -> dict[str, Split]:
    """The side of each topic: as rows have it, so that nothing that is tested was trained on."""
    topics = {pair.topic for pair in pairs}
    if not topics:
        return {}
    index = _index(settings, needed=False)
    known = split_topics(index, shipped("data/dev/medquad.jsonl")) if index is not None else {}
    return {topic: known.get(topic, "train") for topic in topics}


def _from_model(
    settings: Settings,
    arguments: Namespace,
    split: Split,
    rows: Sequence[Row],
    support: SupportJudge,
    sampler: Sample | None,
) -> list[Pair]:
    rng = random.Random(f"{arguments.seed} {split}")  # noqa: S311 - not for secrets
    shuffled = rng.sample(list(rows), len(rows))
    asked = shuffled[: round(arguments.prompts * PROMPTS[split])]
    pairs: list[Pair] = []
    if asked:
        identity = {
            "adapter": settings.generator.adapter,
            "model": settings.generator.model,
            "quant": settings.generator.quant,
            "answers": arguments.answers,
            "temperature": arguments.temperature,
        }
        opened = lambda: sampler or open_sampler(settings.generator, arguments.answers, arguments.temperature)  # noqa: E731
        texts = sampled(asked, identity, arguments.seed, opened)
        for row, written in zip(asked, texts, strict=True):
            pairs += sampled_pairs(row, written, support)
    wanted = round(arguments.edited * PROMPTS[split])
    with bar(f"editing {split} rows", len(shuffled[:wanted]), " rows") as progress:
        for row in shuffled[:wanted]:
            pairs += edited_pairs(row, support, rng)
            progress.update()
    pairs += mirrored_pairs(rows, rng)
    return balanced(pairs, arguments.most if split == "train" else round(arguments.most * PROMPTS[split]), rng)


def report(manifest: dict[str, Any]) -> list[str]:
    """A table: kinds of fault by split, how the pairs were made, and the lengths of their sides."""
    counts = manifest["pairs"]
    kinds = sorted({kind for split in SPLITS for kind in counts[split]["kinds"]})
    width = max([len(kind) for kind in kinds] + [24])
    lines = [f"{'rejected because':<{width}}" + "".join(f"{split:>13}" for split in SPLITS)]
    lines += [
        f"{kind:<{width}}" + "".join(f"{counts[split]['kinds'].get(kind, 0):>13}" for split in SPLITS) for kind in kinds
    ]
    for name in ("pairs", "prompts", "topics", "words_chosen", "words_rejected"):
        lines.append(f"{name.replace('_', ' '):<{width}}" + "".join(f"{counts[split][name]:>13}" for split in SPLITS))
    made = sorted({name for split in SPLITS for name in counts[split]["made"]})
    for name in made:
        lines.append(f"{name:<{width}}" + "".join(f"{counts[split]['made'].get(name, 0):>13}" for split in SPLITS))
    if left := manifest.get("left_out"):
        lines.append("left out: " + ", ".join(f"{count} {why}" for why, count in left.items()))
    return lines


def shown(pairs: Sequence[Pair], count: int, seed: int) -> list[str]:
    """Random pairs, as a person reads them."""
    chosen = random.Random(seed).sample(list(pairs), min(count, len(pairs)))  # noqa: S311 - not for secrets
    return [
        f"{pair.question}   ({pair.kind}, {pair.made}, {pair.severity})\n"
        f"  better: {pair.chosen}\n  worse:  {pair.rejected}"
        for pair in chosen
    ]


if __name__ == "__main__":
    run_command(main)
