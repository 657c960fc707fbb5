"""A full disk while models are merged, averaged, exported, converted and trained."""

import shutil
from pathlib import Path

import pytest

from core.settings import GeneratorSettings, IndexSettings
from faults import models, reading
from faults.counts import Count
from faults.disk import Disk, why_not
from faults.test_full_disk import Call, Case, empty, run_on

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")


def test_making_models(
    disk: Disk,
    tiny_qwen: Path,
    tiny_adapter: Path,
    tiny_bert: Path,
    rows_folder: Path,
    count: Count,
) -> None:
    to = disk.folder / "made"
    embedders = IndexSettings(embedder=str(tiny_bert), cache=str(disk.folder / "embedders"))
    converted = GeneratorSettings(
        model=str(tiny_qwen), adapter=str(tiny_adapter), engine="openvino", quant="q8_0", cache=str(disk.folder)
    )
    nothing: Call = (sorted, ((),))
    cases = {
        "merging": Case(
            (models.merge_adapter, (tiny_adapter, tiny_qwen, to)),
            nothing,
            (to, (models.checkpoint_is_whole, (to,))),
        ),
        "averaging": Case(
            (models.average_adapter, (tiny_adapter, to)), nothing, (to, (models.adapter_is_whole, (to,)))
        ),
        "exporting": Case((models.export_model, (tiny_qwen, to)), nothing, (to, (models.gguf_is_whole, (to,)))),
        "converting a model": Case((reading.written, (converted,)), nothing),
        "converting an embedder": Case((reading.vectors, (embedders,)), nothing),
        "keeping checkpoints and training": Case((models.train_adapter, (rows_folder, tiny_qwen, to)), nothing),
    }
    for name, case in cases.items():
        counts = count(f"a full disk while {name}")
        run_on(disk, counts, case)
        shutil.rmtree(disk.folder.with_name("pristine"))
        empty(disk.folder)
