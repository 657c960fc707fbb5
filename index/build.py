"""Build the index over a CSV's answers.

citewell build
citewell build --csv my.csv --question-column q --answer-column a
citewell build --again        # what `make index` does: from the file that the published index was made from
citewell build --words        # end as soon as questions can be answered by words; the next build embeds
citewell build --check
citewell build --rollback

A large file is published twice: within seconds to be searched by words alone, then with its vectors. Ctrl-C, a kill or
a full disk loses the last seconds of embedding; the same command continues from there.
"""

import contextlib
import hashlib
import shutil
import time
from pathlib import Path

import numpy as np

from core.background import become_helper
from core.command import command_parser
from core.errors import CiteWellError, IndexFolderError, run_command
from core.files import sha256_file
from core.progress import log
from core.settings import IndexSettings, load
from core.text.language import ENGLISH, languages
from index.again import again_settings
from index.checkpoint import Checkpoint
from index.embedded import BuildVectors, EmbeddingPlan, Superseded, embed, wanted
from index.embedders import adapter_identity, load_embedder
from index.embedders.base import Embedder
from index.published import EMBEDDING, build_lock, previous_build, published_build
from index.ranking import find_ranking
from index.reader import READING, Index, Manifest
from index.status import clear_status
from index.store import Recipe, add_vectors, check_build, open_build, publish, read_manifest, rollback
from index.words import build_words

INPUTS = (*READING, "passage_tokens")
"""The settings that, with the CSV, the embedder, its adapter and the ranking, decide what a build holds."""
FEW = 300
"""Texts that are embedded before anything is published: some seconds on any processor."""
IN_ANOTHER_LANGUAGE = (
    "{csv} is in another language than English ({name}): the packaged embedder, the prompt and the checks are for "
    "English and work less well on it; index.embedder and generator.model name models that know the language"
)
"""The note of a build whose answers are not in English."""
LITTLE = 0.1
"""Share of new texts up to which an index that serves already is not replaced by one of words alone."""


def build(
    settings: IndexSettings,
    *,
    force: bool = False,
    words_only: bool = False,
    report: Path | None = None,
) -> bool:
    """Build and publish the index that the settings describe; return False if it is up to date already.

    Args:
        force: build everything again, even if the published index was made from the same file in the same way.
        words_only: where there is much to embed, end once the index is published to be searched by words alone.
        report: a file to write every refused row to, one JSON object a line.

    Raises:
        DataError: the CSV cannot be used.
        WeightsError: the embedder is not to be had.
        IndexFolderError: the new build did not find its own passages; nothing was published.
        OSError: the disk is full or a folder cannot be written; nothing was published.
    """
    csv_path, folder = Path(settings.csv), Path(settings.dir)
    started = time.perf_counter()
    with build_lock(folder, lambda: log.info(f"another build of {folder} is running; waiting for it to end")):
        embedder = load_embedder(settings)
        recipe = _recipe(settings, embedder)
        serving = _serving(folder)
        alike = not force and _made_alike(serving, csv_path, recipe)
        if alike and serving and serving.complete:
            log.info(f"{folder} is up to date with {csv_path}; --force builds it anyway")
            return False
        if force:
            Checkpoint.remove(folder)
        old = None if force else _reusable(folder, embedder)
        unfinished = alike and report is None
        words = published_build(folder) if unfinished else build_words(settings, recipe, old, embedder, report)
        todo = wanted(folder, open_build(words), old, embedder)
        servable = serving is not None and serving.complete and serving.embedder == recipe.embedder
        if not unfinished and (len(todo.new) <= FEW or (servable and len(todo.new) <= LITTLE * len(todo.texts))):
            try:
                _complete(todo, embedder, words, started)
            finally:
                shutil.rmtree(words, ignore_errors=True)
            return True
        publish(folder, words)
    log.info(f"published {folder} to be searched by words alone: questions can be asked now")
    if words_only:
        return True
    waiting = f"another process embeds for {folder}; waiting for it to end"
    with build_lock(folder, lambda: log.info(waiting), name=EMBEDDING):
        if published_build(folder) != words:
            log.info(f"{folder} holds another build by now; this one ends")
            return False
        todo = wanted(folder, open_build(words), old, embedder)  # again: another process may have made some
        return _complete(todo, embedder, words, started, published=words)


def _recipe(settings: IndexSettings, embedder: Embedder) -> Recipe:
    return Recipe(
        embedder.identity,
        embedder.dimension,
        adapter_identity(settings),
        find_ranking(settings.ranking),
        {name: getattr(settings, name) for name in INPUTS},
    )


def _serving(folder: Path) -> Manifest | None:
    """The manifest of the published build; None if there is none or it is not whole."""
    try:
        return check_build(published_build(folder))
    except CiteWellError:
        return None


def _made_alike(serving: Manifest | None, csv_path: Path, recipe: Recipe) -> bool:
    """Whether the published build was made from this file in this way."""
    if serving is None:
        return False
    models = (serving.embedder, serving.adapter) == (recipe.embedder, recipe.adapter)
    ranked_alike = serving.files["ranking.json"]["sha256"] == hashlib.sha256(recipe.ranking).hexdigest()
    same_file = csv_path.is_file() and serving.csv_sha256 == sha256_file(csv_path)
    return models and serving.settings == recipe.settings and ranked_alike and same_file


def _complete(
    todo: EmbeddingPlan, embedder: Embedder, words: Path, started: float, published: Path | None = None
) -> bool:
    """Embed what is to be embedded, and publish the build with its vectors.

    Args:
        published: the build of words that serves meanwhile; None where the caller holds the lock of publishing.

    Returns:
        Whether it was published: not where another build was while this one was embedded.
    """
    folder = todo.folder
    try:
        made = embed(todo, embedder, published)
    except Superseded:
        log.info(f"{folder} holds another build by now; this one ends")
        return False
    own = build_lock(folder, lambda: log.info(f"another build of {folder} is running; waiting for it to end"))
    with own if published else contextlib.nullcontext():
        if published and published_build(folder) != published:
            log.info(f"{folder} holds another build by now; this one ends")
            return False
        new = add_vectors(words, made.vectors, made.question_vectors)
        index = open_build(new)
        _self_query(index, made.vectors)
        publish(folder, new)
        Checkpoint.remove(folder)
        clear_status(folder)
    for line in _table(index, made, time.perf_counter() - started):
        log.info(line)
    log.info(f"published {folder}")
    if index.language != ENGLISH:
        log.info(IN_ANOTHER_LANGUAGE.format(csv=index.manifest.csv, name=languages()[index.language].name))
    return True


def _reusable(folder: Path, embedder: Embedder) -> Index | None:
    """The last complete build, if it is whole and was made with this embedder: what did not change is taken from it."""
    for find in (lambda: published_build(folder), lambda: folder / "builds" / previous_build(folder)):
        with contextlib.suppress(CiteWellError):
            build = find()
            manifest = read_manifest(build)
            if manifest.complete and manifest.embedder == embedder.identity:
                return open_build(build)
    return None


def _self_query(index: Index, vectors: np.ndarray, samples: int = 100) -> None:
    """Search the written index for its own vectors: each must find its own passage, or an equal one, first.

    Raises:
        IndexFolderError: one did not.
    """
    rows = np.linspace(0, len(vectors) - 1, num=min(samples, len(vectors)), dtype=int)
    for row, hits in zip(rows, index.search(vectors[rows], k=1), strict=True):
        own = float(vectors[row] @ vectors[row])
        if not hits or abs(hits[0][1] - own) > 1e-3 or abs(own - 1) > 1e-3:
            passage = index.passages[index.headed[row, 0]]
            raise IndexFolderError(
                f"the new build does not find its own passage {passage.id}; nothing was published; "
                f"try again: citewell build --index {index.folder} --force"
            )


def _table(index: Index, made: BuildVectors, seconds: float) -> list[str]:
    manifest = index.manifest
    size = sum(entry["bytes"] for entry in manifest.files.values())
    rows = [
        ("rows read", f"{manifest.rows:,}"),
        ("records kept", f"{manifest.kept:,}"),
        ("rows merged into them", f"{manifest.merged:,}"),
        *((f"refused, {reason}", f"{count:,}") for reason, count in manifest.refused.items()),
        ("passages", f"{len(index.passages):,}"),
        ("vectors of them", f"{len(index.headed):,}"),
        ("of these unchanged", f"{made.unchanged:,}"),
        ("texts embedded", f"{made.embedded:,}"),
        ("texts kept from before", f"{made.kept:,}"),
        ("embedded per second", f"{made.per_second:.1f}"),
        ("seconds", f"{seconds:.1f}"),
        ("bytes", f"{size:,}"),
    ]
    return [f"  {name:<24} {value}" for name, value in rows]


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("index.build", __doc__)
    parser.add_argument(
        "--csv",
        metavar="F",
        help="the file to read: CSV, JSON, JSON Lines, Excel (.xlsx) or Parquet (default: data/health_qa.csv)",
    )
    parser.add_argument("--index", metavar="DIR", help="the index folder (default: artifacts/index)")
    parser.add_argument("--question-column", metavar="C", help="name of the column of questions (default: found)")
    parser.add_argument("--answer-column", metavar="C", help="name of the column of answers (default: found)")
    parser.add_argument("--encoding", metavar="E", help="what the file is encoded in, such as cp1252 (default: found)")
    parser.add_argument("--adapter", metavar="NAME", help="adapter that questions are embedded with; '' for none")
    parser.add_argument("--ranking", metavar="F", help="ranking file of citewell evaluate search fit")
    parser.add_argument("--force", action="store_true", help="build everything again, even what has not changed")
    parser.add_argument("--report", metavar="F", type=Path, help="write every refused row to F, one JSON object a line")
    parser.add_argument(
        "--words", action="store_true", help="end once the index can be searched by words; the next build embeds"
    )
    parser.add_argument(
        "--background",
        action="store_true",
        help="help the process that starts it: use idle processor time only, and end with it",
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--again",
        action="store_true",
        help="build from the CSV of the published index, unless the settings name another; an index whose CSV is gone, "
        "or that was rolled back, stays as it is",
    )
    action.add_argument("--check", action="store_true", help="verify every file of the published index, build nothing")
    action.add_argument("--rollback", action="store_true", help="publish the previous build again")
    arguments = parser.parse_args(argv)
    settings = load(
        {
            "index.csv": arguments.csv,
            "index.dir": arguments.index,
            "index.question_column": arguments.question_column,
            "index.answer_column": arguments.answer_column,
            "index.encoding": arguments.encoding,
            "index.adapter": arguments.adapter,
            "index.ranking": arguments.ranking,
        }
    ).index

    folder = Path(settings.dir)
    if arguments.check:
        manifest = check_build(published_build(folder))
        print(f"{folder} is whole: {manifest.passages:,} passages of {manifest.csv}, built {manifest.built}")
    elif arguments.rollback:
        with build_lock(folder, lambda: print(f"a build of {folder} is running; waiting for it to end", flush=True)):
            print(f"{folder} is back at build {rollback(folder)}")
    else:
        again = arguments.again and settings.csv == IndexSettings().csv
        wanted_settings = again_settings(settings) if again else settings
        if arguments.background:
            become_helper()
        if wanted_settings:
            build(wanted_settings, force=arguments.force, words_only=arguments.words, report=arguments.report)
    return 0


if __name__ == "__main__":
    run_command(main)
