"""Build the index over a CSV's answers.

citewell build
citewell build --csv my.csv --question-column q --answer-column a
citewell build --again        # what `make index` does: from the file that the published index was made from
citewell build --words        # end as soon as questions can be answered by words; the next build embeds
citewell build --csv 'data/*.csv' --shards 4     # for millions of rows; with --ray auto on a cluster
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
from core.progress import log
from core.settings import IndexSettings, load
from index.again import again_settings
from index.builds import check_build, read_manifest
from index.checkpoint import Checkpoint
from index.embedded import EmbeddingPlan, Superseded, embed, wanted
from index.embedders import load_embedder
from index.embedders.base import Embedder
from index.files.folder import content_sha256
from index.job import reported
from index.keeping import Keeping, publish, rollback
from index.opening import open_build
from index.published import EMBEDDING, build_lock, previous_build, published_build
from index.reader import Index, Manifest
from index.recipe import recipe_of
from index.refused import carry_refused
from index.status import clear_status
from index.store import Recipe, add_vectors
from index.summary import summary
from index.words import build_words

FEW = 300
"""Texts that are embedded before anything is published: some seconds on any processor."""
LITTLE = 0.1
"""Share of new texts up to which an index that serves already is not replaced by one of words alone."""


def build(
    settings: IndexSettings,
    *,
    force: bool = False,
    words_only: bool = False,
    report: Path | None = None,
    own: Path | None = None,
) -> bool:
    """Build and publish the index that the settings describe; return False if it is up to date already.

    Args:
        force: build everything again, even if the published index was made from the same file in the same way.
        words_only: where there is much to embed, end once the index is published to be searched by words alone.
        report: a file to write every refused row to, one JSON object a line.
        own: the settings' own file, whose build is kept whatever else is built.

    Raises:
        DataError: the CSV cannot be used.
        WeightsError: the embedder is not to be had.
        IndexFolderError: the new build did not find its own passages; nothing was published.
        OSError: the disk is full or a folder cannot be written; nothing was published.
    """
    csv_path, folder = Path(settings.csv), Path(settings.dir)
    keeping = Keeping(settings.keep_builds, own)
    started = time.perf_counter()
    with build_lock(folder, lambda: log.info(f"another build of {folder} is running; waiting for it to end")):
        embedder = load_embedder(settings)
        recipe = recipe_of(settings, embedder)
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
                _complete(todo, embedder, words, started, keeping)
            finally:
                shutil.rmtree(words, ignore_errors=True)
            return True
        publish(folder, words, keeping)
    log.info(f"published {folder} to be searched by words alone: questions can be asked now")
    if words_only:
        return True
    waiting = f"another process embeds for {folder}; waiting for it to end"
    with build_lock(folder, lambda: log.info(waiting), name=EMBEDDING):
        if published_build(folder) != words:
            log.info(f"{folder} holds another build by now; this one ends")
            return False
        todo = wanted(folder, open_build(words), old, embedder)  # again: another process may have made some
        return _complete(todo, embedder, words, started, keeping, published=words)


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
    same_file = csv_path.exists() and serving.csv_sha256 == content_sha256(csv_path)
    made_with = {"vectors": "auto", **serving.settings}  # which builds of before do not name
    return models and made_with == recipe.settings and ranked_alike and same_file


def _complete(
    todo: EmbeddingPlan,
    embedder: Embedder,
    words: Path,
    started: float,
    keeping: Keeping,
    published: Path | None = None,
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
        try:
            index = open_build(new)
            _self_query(index, made.vectors)
            carry_refused(words, new)
        except BaseException:  # nobody may roll back to it
            shutil.rmtree(new, ignore_errors=True)
            raise
        publish(folder, new, keeping)
        Checkpoint.remove(folder)
        clear_status(folder)
    for line in summary(index, made, time.perf_counter() - started):
        log.info(line)
    log.info(f"published {folder}")
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
            passage = index.passages[int(index.headed[row, 0])]
            raise IndexFolderError(
                f"the new build does not find its own passage {passage.id}; nothing was published; "
                f"try again: citewell build --index {index.folder} --force"
            )


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("index.build", __doc__)
    parser.add_argument(
        "--csv",
        metavar="F",
        help="the file to read: CSV, JSON, JSON Lines, Excel (.xlsx) or Parquet; or a folder of such files, which "
        "become one index (default: data/health_qa.csv)",
    )
    parser.add_argument("--index", metavar="DIR", help="the index folder (default: artifacts/index)")
    parser.add_argument("--question-column", metavar="C", help="name of the column of questions (default: found)")
    parser.add_argument("--answer-column", metavar="C", help="name of the column of answers (default: found)")
    parser.add_argument("--encoding", metavar="E", help="what the file is encoded in, such as cp1252 (default: found)")
    parser.add_argument("--adapter", metavar="NAME", help="adapter that questions are embedded with; '' for none")
    parser.add_argument("--ranking", metavar="F", help="ranking file of citewell evaluate search fit")
    parser.add_argument("--force", action="store_true", help="build everything again, even what has not changed")
    parser.add_argument("--report", metavar="F", type=Path, help="write every refused row to F, one JSON object a line")
    parser.add_argument("--status", metavar="F", type=Path, help="keep in F how far it is and how it ended, as JSON")
    parser.add_argument(
        "--words", action="store_true", help="end once the index can be searched by words; the next build embeds"
    )
    parser.add_argument(
        "--shards",
        type=int,
        metavar="N",
        help="cut the index into N shards; --csv may then be a folder or a pattern such as 'data/*.csv'",
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
    if arguments.shards is not None:
        from index.sharded.build import InThisProcess, build_shards

        embedder = load_embedder(settings)
        build_shards(settings, [settings.csv], arguments.shards, embedder, InThisProcess(embedder), arguments.force)
    elif arguments.check:
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
            how = {"force": arguments.force, "words_only": arguments.words, "report": arguments.report}
            with reported(arguments.status, Path(wanted_settings.csv)) as job:
                build(wanted_settings, **how, own=Path(load().index.csv))
                job.done(read_manifest(published_build(folder)))
    return 0


if __name__ == "__main__":
    run_command(main)
