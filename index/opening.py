"""Open an index folder, of one build or of several shards."""

from pathlib import Path

from core.errors import IndexFolderError
from index.builds import read_manifest, verify
from index.published import published_build
from index.reader import Index
from index.sharded.joined import open_shards
from index.single import open_single


def open_index(folder: Path) -> Index:
    """Open the published build, every file's hash verified before it is parsed.

    Raises:
        IndexFolderError: no index, another schema version, or a file that is missing or damaged.
    """
    build = published_build(folder)
    while True:
        try:
            return open_build(build)
        except (IndexFolderError, OSError):
            newest = published_build(folder)
            if newest == build:
                raise
            build = newest  # another one was published, and this one removed, while it was read


def open_build(build: Path) -> Index:
    """Open one build, published or not; see `open_index`.

    Raises:
        IndexFolderError: another schema version, or a file that is missing or damaged.
    """
    manifest = read_manifest(build)
    if not manifest.shards:
        return open_single(build)
    verify(build, manifest)
    return open_shards(build, manifest)
