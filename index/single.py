"""One build opened, its tables mapped into memory; of an index of shards this is one shard."""

from functools import partial
from pathlib import Path

from core.errors import DataError, IndexFolderError
from index.builds import read_manifest, verify
from index.lexical import LexicalIndex
from index.published import how_to_build
from index.ranking import Ranking, read_ranking
from index.reader import Index
from index.tables import EARLIER, open_tables, read_counts, read_earlier
from index.vectors import load_vectors, no_vectors


def open_single(build: Path) -> Index:
    """Open a build that is not one of shards; see `index.opening.open_build`."""
    manifest = read_manifest(build)
    verify(build, manifest)
    folder = build.parent.parent
    records, passages, layout = (read_earlier if EARLIER[0] in manifest.files else open_tables)(build)
    vectors, question_vectors = (
        load_vectors(build, name) if f"{name}.faiss" in manifest.files else no_vectors(manifest.dimension)
        for name in ("vectors", "questions")
    )
    index = Index(
        manifest,
        folder,
        records,
        passages,
        layout,
        vectors,
        question_vectors,
        LexicalIndex.load(build / "lexical"),
        partial(read_counts, build / "words.parquet"),
        ranking_of(build),
    )
    expected_of = ((vectors, int(layout.vectors[-1])), (question_vectors, int(layout.questions[-1])))
    for found, expected in expected_of if manifest.complete else ():
        if found.ntotal != expected or found.d != manifest.dimension:
            raise IndexFolderError(
                f"{build} holds {found.ntotal} vectors of {found.d} where {expected} of {manifest.dimension} are due; "
                f"{how_to_build(folder)}"
            )
    return index


def ranking_of(build: Path) -> Ranking:
    """The ranking of a build whose files are verified; raises IndexFolderError where it is not whole."""
    try:
        return read_ranking((build / "ranking.json").read_bytes(), str(build / "ranking.json"))
    except DataError as error:
        raise IndexFolderError(f"{error}; {how_to_build(build.parent.parent)}") from error
