from pathlib import Path

import pytest

from core.errors import SettingsError
from core.settings import load


def test_each_layer_overrides_the_one_below(tmp_path: Path) -> None:
    file = tmp_path / "citewell.toml"
    file.write_text('[rag]\nk = 4\ncandidates = 30\n[index]\ncsv = "mine.csv"\n[generator]\ntemperature = 1\n')
    environ = {"CITEWELL_RAG_K": "5", "CITEWELL_GENERATOR_LOAD_IN_4BIT": "true", "OTHER": "x"}
    settings = load({"rag.k": 6, "rag.min_score": None}, file=file, environ=environ)
    assert settings.rag.k == 6
    assert settings.rag.candidates == 30
    assert settings.rag.min_score == load(file=tmp_path / "none", environ={}).rag.min_score
    assert settings.index.csv == "mine.csv"
    assert settings.generator.load_in_4bit is True
    assert settings.generator.temperature == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[rag]\nkk = 3", r"unknown setting 'rag\.kk'; did you mean 'rag\.k'\?"),
        ("[index]\nanswer_colum = 'a'", "did you mean 'index.answer_column'"),
        ("zzzz = 1", "unknown setting 'zzzz'; known settings: .*rag.k"),
        ("[rag]\nk = 'three'", "setting 'rag.k' is 'three'; expected int"),
        ("[rag]\nk = true", "setting 'rag.k' is True; expected int"),
        ("[rag\n", "citewell.toml is not valid TOML"),
    ],
)
def test_a_bad_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "citewell.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=message):
        load(file=file, environ={})


def test_an_unknown_environment_variable_names_the_near_match() -> None:
    with pytest.raises(SettingsError, match=r"unknown setting 'ui\.prot'; did you mean 'ui\.port'"):
        load(file=Path("none"), environ={"CITEWELL_UI_PROT": "1"})
