"""Figures in documents come from the files that hold them."""

import json
from pathlib import Path

import pytest

from bench.documents import fill, main, table
from core.errors import DataError

FIGURES = {
    "model": {"recall": {"mean": 0.98765, "low": 0.9, "high": 1.0}},
    "llama.cpp Q4": {"rows": 16407, "share": 0.125, "loss": -0.5},
    "a b@10": {"mean": 0.5},
}
TABLES = """
[both]
file = "figures.json"
corner = "{llama.cpp Q4.rows ,d} rows"
columns = [{ title = "it", at = "model.", cell = "{interval}" }, { title = "change", at = "model.", cell = "{change}" }]
rows = ["recall", { title = "other", cells = ["{figures.json a b@10.mean .1f} s", ""] }]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "figures.json").write_text(json.dumps(FIGURES))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/tables.toml").write_text(TABLES)
    return tmp_path


def marked(reference: str, shown: str = "?") -> str:
    return f"It is <!-- figure: {reference} -->{shown}<!-- /figure -->."


@pytest.mark.parametrize(
    ("reference", "shown"),
    [
        ("figures.json model.recall interval", "0.988 (0.900–1.000)"),
        ("figures.json model.recall change", "+0.988 (+0.900 to +1.000)"),
        ("figures.json model.recall.mean .1f", "1.0"),
        ("figures.json llama.cpp Q4.rows ,d", "16,407"),
        ("figures.json llama.cpp Q4.rows", "16407"),
        ("figures.json llama.cpp Q4.share .1%", "12.5 %"),
        ("figures.json llama.cpp Q4.loss +.2f", "-0.50"),
        ("figures.json a b@10.mean .2f", "0.50"),
    ],
)
def test_a_figure_is_filled(root: Path, reference: str, shown: str) -> None:
    filled = fill(marked(reference), "a.md", root)
    assert filled.text == marked(reference, shown)
    assert not filled.errors
    assert not fill(filled.text, "a.md", root).stale


def test_a_table_is_filled(root: Path) -> None:
    before = "Words.\n\n<!-- table: both -->\n| old |\n<!-- /table -->\nMore."
    filled = fill(before, "a.md", root)
    assert filled.text == (
        "Words.\n\n<!-- table: both -->\n"
        "| 16,407 rows | it | change |\n"
        "|---|---|---|\n"
        "| recall | 0.988 (0.900–1.000) | +0.988 (+0.900 to +1.000) |\n"
        "| other | 0.5 s | |\n"
        "<!-- /table -->\nMore."
    )
    assert [str(each) for each in filled.stale] == [
        "a.md:4: found '| old |', the files have '| 16,407 rows | it | change |'"
    ]


def test_a_table_may_have_a_row_for_each_name_of_its_file(root: Path) -> None:
    columns = 'columns = [{ title = "mean", at = "model.", cell = "{mean .2f}" }]'
    (root / "docs/tables.toml").write_text(f'[all]\nfile = "figures.json"\nrows = "model"\n{columns}\n')
    assert table("all", root) == "| | mean |\n|---|---|\n| recall | 0.99 |\n"


def test_a_row_too_many_is_stale(root: Path) -> None:
    rows = table("both", root)
    filled = fill(f"<!-- table: both -->\n{rows}| more |\n<!-- /table -->\n", "a.md", root)
    assert [each.line for each in filled.stale] == [6]
    assert filled.text == f"<!-- table: both -->\n{rows}<!-- /table -->\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (marked("none.json a"), "there is no file none.json"),
        (
            marked("figures.json model.precision.mean .3f"),
            "has no key 'model.precision.mean'; at 'precision.mean' it has",
        ),
        (marked("figures.json model.recall .3f"), "has no form '.3f'"),
        (marked("figures.json model.recall"), "has no form ''"),
        (marked("figures.json llama.cpp Q4.rows interval"), "is 16407, which has no form 'interval'"),
        (marked("model.recall interval"), "names no file"),
        ("<!-- figure: figures.json a b@10.mean .1f -->0.5<!-- /figure --> s", "opens this line"),
        ("It is <!-- figure: figures.json a b@10.mean .1f -->0.5.", "has no partner"),
        ("It is 0.5<!-- /figure -->.", "has no partner"),
        ("<!-- table: none -->\n<!-- /table -->", "has no table 'none'; it has both"),
        ("<!-- table: both -->\nno row\n<!-- /table -->", "has no partner"),
    ],
)
def test_what_cannot_be_filled_names_its_line_and_stays(root: Path, text: str, message: str) -> None:
    filled = fill(f"First.\n{text}", "a.md", root)
    assert message in str(filled.errors[0])
    assert str(filled.errors[0]).startswith("a.md:2: ")
    assert filled.text == f"First.\n{text}"


def test_a_damaged_file_is_named(root: Path) -> None:
    (root / "figures.json").write_text("{")
    (root / "docs/tables.toml").write_text("[")
    assert "figures.json is no JSON" in str(fill(marked("figures.json a"), "a.md", root).errors[0])
    with pytest.raises(DataError, match=r"docs/tables\.toml is no TOML"):
        table("both", root)


def test_the_command_reports_what_is_stale_then_fills_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = root / "README.md"
    readme.write_text(f"First.\n{marked('figures.json a b@10.mean .2f', '0.40')}\n")
    assert main(["--check", "--root", str(root)]) == 1
    assert "README.md:2: found '0.40', the files have '0.50'" in capsys.readouterr().out
    assert "0.40" in readme.read_text()
    assert main(["--root", str(root)]) == 0
    assert "0.50" in readme.read_text()
    assert main(["--check", "--root", str(root)]) == 0
    (root / "docs/more.md").write_text(marked("none.json a"))
    assert main(["--root", str(root)]) == 1
    assert "docs/more.md:1: there is no file none.json" in capsys.readouterr().out
