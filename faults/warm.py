"""Answers one question when it is imported, so that every process that is forked from here finds the rules compiled.

Compiling them, and reading the model that tells languages apart, would take most of the time of thousands of processes.
"""

import tempfile
from pathlib import Path

import faiss
import pytest

from faults.reading import answers
from faults.stand_ins import settings_of, stand_in
from index.build import build
from tests.fakes import ROWS, write_csv

HEADER = ("question", "answer", "source")

with tempfile.TemporaryDirectory() as _folder, pytest.MonkeyPatch.context() as _patch:
    faiss.omp_set_num_threads(1)  # a process that is forked from one with OpenMP's threads would wait for them
    stand_in(patch=_patch)
    _settings = settings_of(Path(_folder, "index"), write_csv(Path(_folder, "rows.csv"), ROWS, HEADER))
    build(_settings.index)
    answers(_settings, real=True)
