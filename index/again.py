"""The choice of the file that an index is built from again, or of leaving the index as it is."""

import dataclasses
from pathlib import Path

from core.progress import log
from core.settings import IndexSettings
from index.builds import check_build, read_manifest
from index.published import exists, is_rolled_back, published_build


def again_settings(settings: IndexSettings) -> IndexSettings | None:
    """The settings with the CSV and the columns of the published index; None if that index is to stay as it is.

    It stays where its CSV is gone, and where somebody rolled back to it: what people index is never replaced by
    another file unless they name one.

    Raises:
        IndexFolderError: there is an index, and it is damaged.
    """
    folder = Path(settings.dir)
    if not exists(folder):
        return settings
    manifest = read_manifest(published_build(folder))
    if is_rolled_back(folder):
        log.warning(f"notice: {folder} was rolled back and stays so; citewell build --csv FILE builds a new index")
        return None
    if manifest.shards:
        log.warning(
            f"notice: {folder} holds {len(manifest.shards)} shards and stays as it is; build it again with "
            "citewell build --shards N, or with --ray"
        )
        return None
    if not Path(manifest.csv_path).exists():
        check_build(published_build(folder))
        log.warning(
            f"notice: {manifest.csv_path}, the file of this index, is gone; {folder} stays as it is; name the file's "
            "new place: citewell build --csv FILE"
        )
        return None
    return dataclasses.replace(settings, csv=manifest.csv_path, **manifest.reading)
