import dataclasses
from pathlib import Path
from typing import get_args

import pytest

from core.errors import SettingsError
from core.settings import Settings, flat, load, resolve


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


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("rag.k", 0, "1 to 50"),
        ("rag.k", -1, "1 to 50"),
        ("rag.evidence_tokens", 7, "50 to 100,000, or 0"),
        ("rag.min_score", "nan", "-1 to 1"),
        ("index.passage_tokens", 0, "20 to 2,000"),
        ("index.batch_size", -1, "1 to 4,096, or 0"),
        ("generator.context_tokens", 100, "300 to 1,000,000"),
        ("generator.device", "gpu", "auto, cpu, cuda"),
        ("generator.engine", "llama", "auto, openvino, transformers, openai"),
        ("generator.quant", "q2", "auto, q8_0, q4_0, f16"),
        ("generator.temperature", -1, "0 to 2"),
        ("ui.port", 70_000, "1 to 65,535"),
    ],
)
def test_a_value_out_of_its_range_is_refused(key: str, value: object, expected: str) -> None:
    with pytest.raises(SettingsError) as error:
        load({key: value}, file=Path("none"), environ={})
    assert str(error.value).startswith(f"setting {key!r} is ")
    assert str(error.value).endswith(f"; expected {expected}")


def test_every_number_has_a_range_and_every_default_is_in_it() -> None:
    resolve(Settings, flat(Settings()))
    for group in dataclasses.fields(Settings):
        for entry in dataclasses.fields(group.type):  # type: ignore[arg-type]
            if type(entry.default) in (int, float):
                assert get_args(entry.type)[1:], entry.name


def test_an_unknown_environment_variable_names_the_near_match() -> None:
    with pytest.raises(SettingsError, match=r"unknown setting 'ui\.prot'; did you mean 'ui\.port'"):
        load(file=Path("none"), environ={"CITEWELL_UI_PROT": "1"})
