"""Build an index of several shards: every step of `index.sharded.steps` in order, wherever a runner runs it.

A build that was killed leaves what its steps made below DIR/work; the same command takes it up. What is published
depends on the input and the number of shards alone: `content_hash` is the same on one process and on many machines.
"""

import dataclasses
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from core.errors import CiteWellError, IndexFolderError
from core.files import new_folder, remove_leftovers
from core.progress import bar, log
from core.settings import IndexSettings
from index.builds import OF_SHARDS, SCHEMA_VERSION, check_build, content_hash, read_manifest
from index.embedders.base import Embedder
from index.keeping import Keeping, publish
from index.lexical import TermStatistics, telling_words
from index.published import EMBEDDING, build_lock, published_build
from index.reader import SAMPLE, Index, Manifest
from index.recipe import recipe_of
from index.sharded.plan import Plan, find_files, plan_key
from index.sharded.steps import block_count, cut_shard, embed_block, hash_file, read_file, write_shard
from index.single import open_single
from index.store import build_name, seal
from index.tables import read_counts, read_statistics, write_counts, write_statistics

Result = TypeVar("Result")
MOST_SHARDS = 1000


class Runner(Protocol):
    """Runs a step once for each of several arguments; results come in the order of the arguments."""

    def run(
        self, plan: Plan, step: Callable[..., Result], arguments: Sequence[tuple[int, ...]], done: Callable[[], object]
    ) -> list[Result]:
        """Call `step(plan, embedder, *each)` for each; `done` is called after each."""


@dataclasses.dataclass(frozen=True)
class InThisProcess:
    """Runs one step after the other."""

    embedder: Embedder

    def run(
        self, plan: Plan, step: Callable[..., Result], arguments: Sequence[tuple[int, ...]], done: Callable[[], object]
    ) -> list[Result]:
        results = []
        for each in arguments:
            results.append(step(plan, self.embedder, *each))
            done()
        return results


def build_shards(
    settings: IndexSettings, files: Sequence[str], shards: int, embedder: Embedder, runner: Runner, force: bool = False
) -> str:
    """Build and publish an index of so many shards over files, folders and patterns; returns its content's hash.

    Raises:
        DataError: a file cannot be used.
        IndexFolderError: another build holds the folder for too long, or a shard was not written whole.
        OSError: the disk is full; what was published before is untouched.
    """
    check_shards(shards)
    folder = Path(settings.dir).absolute()
    waiting = f"another build of {folder} is running; waiting for it to end"
    with build_lock(folder, lambda: log.info(waiting), name=EMBEDDING):
        plan = _planned(settings, folder, files, shards, embedder, runner)
        if not force and (built := _up_to_date(folder, plan)):
            log.info(f"{folder} is up to date with its {len(plan.files)} files; --force builds it anyway")
            return built
        if force:
            shutil.rmtree(plan.work, ignore_errors=True)
        plan.work.mkdir(parents=True, exist_ok=True)
        made = _made(plan, runner)
        with build_lock(folder, lambda: log.info(waiting)):
            build = _assembled(folder, plan, made)
            publish(folder, build, Keeping(settings.keep_builds))
        shutil.rmtree(folder / "work", ignore_errors=True)
    content = content_hash(read_manifest(build))
    log.info(f"published {folder}: {shards} shards, content {content[:16]}")
    return content


def _planned(
    settings: IndexSettings, folder: Path, files: Sequence[str], shards: int, embedder: Embedder, runner: Runner
) -> Plan:
    """The plan, its files hashed; its work lies in a folder of its key, so that only the same build takes it up."""
    found = find_files(files)
    recipe = recipe_of(settings, embedder)
    recipe = dataclasses.replace(recipe, settings={**recipe.settings, "shards": shards})
    bare = Plan(folder / "work", found, shards, settings, recipe)
    hashes = _run(runner, bare, "hashing files", hash_file, [(file.number,) for file in found])
    hashed = tuple(dataclasses.replace(file, sha256=sha) for file, sha in zip(found, hashes, strict=True))
    return dataclasses.replace(bare, files=hashed, work=bare.work / plan_key(hashed, shards, recipe)[:16])


def _up_to_date(folder: Path, plan: Plan) -> str:
    """The hash of the published build, if it was made by this plan; else nothing."""
    try:
        manifest = check_build(published_build(folder))
    except CiteWellError:
        return ""
    return content_hash(manifest) if manifest.shards and manifest.csv_sha256 == plan.key else ""


def _run(
    runner: Runner, plan: Plan, what: str, step: Callable[..., Result], arguments: Sequence[tuple[int, ...]]
) -> list[Result]:
    with bar(what, len(arguments), " steps") as progress:
        return runner.run(plan, step, arguments, lambda: progress.update(1))


def _made(plan: Plan, runner: Runner) -> list[str]:
    """Run all steps; returns the content hash of each shard."""
    every = [(shard,) for shard in range(plan.shards)]
    _run(runner, plan, "reading files", read_file, [(file.number,) for file in plan.files])
    _run(runner, plan, "cutting shards", cut_shard, every)
    cut = [plan.work / "cut" / f"{shard:03}" for shard in range(plan.shards)]
    write_statistics(
        plan.work / "terms.parquet", TermStatistics.together(read_statistics(each / "terms.parquet") for each in cut)
    )
    blocks = [(shard, block) for shard in range(plan.shards) for block in range(block_count(plan, shard))]
    _run(runner, plan, "embedding", embed_block, blocks)
    return _run(runner, plan, "writing shards", write_shard, every)


def _assembled(folder: Path, plan: Plan, made: Sequence[str]) -> Path:
    """Put the shards and what is known of all of them together as a build; nothing is published yet."""
    remove_leftovers(folder / "builds")
    build = folder / "builds" / build_name(folder / "builds")
    cut = [plan.work / "cut" / f"{shard:03}" for shard in range(plan.shards)]
    counts: Counter[str] = Counter()
    for each in cut:
        counts.update(read_counts(each / "words.parquet"))
    places = np.concatenate([np.load(each / "places.npy") for each in cut])
    facts = [json.loads(file.read_text()) for file in sorted((plan.work / "read").glob("*/facts.json"))]
    with new_folder(build) as partial:
        write_counts(partial / "words.parquet", telling_words(counts))
        (partial / "ranking.json").write_bytes(plan.recipe.ranking)
        shutil.copyfile(plan.work / "terms.parquet", partial / "terms.parquet")
        np.save(partial / "places.npy", places)
        names = [f"{shard:03}" for shard in range(plan.shards)]
        os.replace(plan.work / "shards", partial / "shards")
        opened = [open_single(published_build(partial / "shards" / name)) for name in names]
        shards = tuple(
            {"name": name, "sha256": sha, "records": len(index.records)}
            for name, sha, index in zip(names, made, opened, strict=True)
        )
        np.save(partial / "background.npy", _background(opened, places))
        seal(partial, _manifest(plan, facts, opened, shards, build.name), OF_SHARDS)
    return build


def _manifest(
    plan: Plan, facts: Iterable[dict[str, Any]], opened: Sequence[Index], shards: tuple[dict[str, Any], ...], name: str
) -> Manifest:
    refused: Counter[str] = Counter()
    rows = 0
    for each in facts:
        refused.update(each["refused"])
        rows += each["rows"]
    kept = sum(len(index.records) for index in opened)
    recipe = plan.recipe
    return Manifest(
        schema=SCHEMA_VERSION,
        csv=Path(plan.files[0].path).name if len(plan.files) == 1 else f"{len(plan.files)} files",
        csv_path=plan.files[0].path if len(plan.files) == 1 else str(Path(plan.files[0].path).parent),
        csv_sha256=plan.key,
        rows=rows,
        kept=kept,
        merged=rows - refused.total() - kept,
        refused=dict(refused),
        passages=sum(len(index.passages) for index in opened),
        embedder=recipe.embedder,
        adapter=recipe.adapter,
        dimension=recipe.dimension,
        settings=recipe.settings,
        files={},
        built="",
        build=name,
        shards=shards,
        language=opened[0].language,
    )


def _background(shards: Sequence[Index], places: np.ndarray) -> np.ndarray:
    """Vectors of the questions that `Index.background` takes of an index of everything, shape (up to 200, d)."""
    asked = np.concatenate([np.diff(index.layout.questions) for index in shards])
    first = np.concatenate([index.layout.questions[:-1] for index in shards])
    of = np.repeat(np.arange(len(shards)), [len(index.layout) for index in shards])
    order = np.argsort(places)
    ends = asked[order].cumsum()
    rows = np.linspace(0, ends[-1] - 1, min(int(ends[-1]), SAMPLE), dtype=int)
    at = np.searchsorted(ends, rows, side="right")
    records = order[at]
    local = first[records] + rows - (ends[at] - asked[records])
    vectors = [
        shards[of[record]].question_vectors.reconstruct_batch(np.array([row]))[0]
        for record, row in zip(records, local, strict=True)
    ]
    return np.array(vectors, dtype=np.float16)


def check_shards(shards: int) -> int:
    """The number of shards, if it can be; raises IndexFolderError."""
    if not 1 <= shards <= MOST_SHARDS:
        raise IndexFolderError(f"{shards} shards; expected 1 to {MOST_SHARDS:,} (--shards N)")
    return shards
