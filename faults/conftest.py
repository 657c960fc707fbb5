"""Options, the table of counts, and the small models of the ordinary tests."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.counts import Counts, Table
from tests.conftest import (  # noqa: F401 - fixtures
    _no_outside_settings,
    real_settings,
    rows_folder,
    tiny_adapter,
    tiny_qwen,
)

_table = Table()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--moments", type=int, default=50, help="how often each operation is killed (default: 50)")
    group.addoption("--seed", type=int, default=0, help="of the moments and of the damage (default: 0)")
    group.addoption(
        "--fuzz-seconds", type=float, default=100, help="how long each of six readers is fuzzed (default: 100)"
    )
    group.addoption("--asked", type=int, default=1000, help="how many attacks the model is asked with (default: all)")
    group.addoption("--to", type=Path, help="a JSON file to keep the counts in")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in _table.lines():
        terminalreporter.write_line(line)
    if target := config.getoption("--to"):
        _table.write(target)


@pytest.fixture
def moments(request: pytest.FixtureRequest) -> int:
    """How often an operation is killed."""
    return int(request.config.getoption("--moments"))


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Draws the moments and the damage of one test."""
    return random.Random(f"{request.config.getoption('--seed')} {request.node.nodeid}")


@pytest.fixture
def table() -> Table:
    """The counts of this run."""
    return _table


@pytest.fixture
def checked(table: Table) -> Iterator[list[Counts]]:
    """Counts that a test puts here are looked at when it ends: something was tried, and nothing came to harm."""
    mine: list[Counts] = []
    yield mine
    assert mine, "the test counted nothing"
    for counts in mine:
        assert counts.tried, counts
        assert not counts.harm, counts
