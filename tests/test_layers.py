"""The house has floors: a module imports from its own floor or from below, and never in a circle."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT

ALLOWED = {
    "core": (),
    "index": ("core",),
    "generator": ("core",),
    "rag": ("core", "index", "generator"),
    "dataset": ("core", "index", "generator", "rag"),
    "evaluation": ("core", "index", "generator", "rag", "dataset"),
    "service": ("core", "index", "generator", "rag"),
    "ui": ("core", "index", "generator", "rag", "service"),
    "cluster": ("core", "index", "generator", "rag", "service"),
    "bench": ("core", "index", "generator", "rag", "dataset", "evaluation"),
}
"""Package -> the packages from which it may import."""
ALIASES = ("rag/evaluate", "rag/verify", "rag/audit", "rag/rewrite", "generator/evaluate", "generator/examples")
"""Commands under the names that they had before; each runs a module of a floor above, and nothing imports it."""
MOST_LINES = 300


def _modules() -> dict[str, Path]:
    files = [path.relative_to(ROOT) for package in ALLOWED for path in (ROOT / package).rglob("*.py")]
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__"): ROOT / path for path in files}


MODULES = _modules()


def _imports(module: str) -> Iterator[str]:
    """The project's modules that a module imports, at its top or in a function."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            assert node.module
            named = {f"{node.module}.{name.name}" for name in node.names}
            yield from named & MODULES.keys() or {node.module} & MODULES.keys()
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in MODULES)


ARROWS = {module: {other for other in _imports(module) if other != module} for module in MODULES}


@pytest.mark.parametrize("package", ALLOWED)
def test_no_arrow_points_up(package: str) -> None:
    allowed = {package, *ALLOWED[package]}
    up = {
        f"{module} -> {other}"
        for module, others in ARROWS.items()
        if module.partition(".")[0] == package
        for other in others
        if other.partition(".")[0] not in allowed
    }
    assert up == set()


def test_no_modules_import_in_a_circle() -> None:
    try:
        TopologicalSorter(ARROWS).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


def test_the_floors_themselves_form_no_circle() -> None:
    TopologicalSorter(ALLOWED).prepare()
    assert len(MODULES) > 150  # the arrows were looked for where the modules are


@pytest.mark.parametrize("module", MODULES)
def test_a_module_fits_a_reader(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_does_nothing_but_run_its_command(alias: str) -> None:
    doc, imported, run = ast.parse((ROOT / f"{alias}.py").read_text(encoding="utf-8")).body
    assert isinstance(doc, ast.Expr)
    assert ast.unparse(imported) == "from runpy import run_module"
    assert isinstance(run, ast.Expr)
    assert isinstance(run.value, ast.Call)
    assert ast.literal_eval(run.value.args[0]) in MODULES
    assert not any(alias.replace("/", ".") in others for others in ARROWS.values())
