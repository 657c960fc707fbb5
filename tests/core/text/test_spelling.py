from pathlib import Path

import pytest

from core.errors import DataError
from core.text.spelling import american, is_misspelt, read_british


@pytest.mark.parametrize(
    ("british", "word"),
    [
        ("haemorrhage", "hemorrhage"),
        ("oesophagus", "esophagus"),
        ("diarrhoea", "diarrhea"),
        ("anaemia", "anemia"),
        ("leukaemia", "leukemia"),
        ("tumour", "tumor"),
        ("tumours", "tumors"),
        ("paediatrician", "pediatrician"),
        ("anaesthetic", "anesthetic"),
        ("coeliac", "celiac"),
        ("apnoea", "apnea"),
        ("fibre", "fiber"),
        ("dialyse", "dialyze"),
        ("oedema", "edema"),
        ("hour", "hour"),
        ("four", "four"),
        ("disease", "disease"),
        ("gout", "gout"),
    ],
)
def test_a_british_word_is_written_as_an_american_one(british: str, word: str) -> None:
    assert american(british) == word


def test_a_rule_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "british.tsv"
    file.write_text("haem\them\noe(\te\n")
    with pytest.raises(DataError, match=r"british\.tsv, line 2: 'oe\(' is not a regular expression"):
        read_british(file)


@pytest.mark.parametrize(
    ("word", "language", "misspelt"),
    [
        *((word, "en", False) for word in ("crushing", "plague", "abortion", "calories", "wheezing", "slippers")),
        *((word, "en", False) for word in ("oesophagus", "haemorrhaging", "paediatrician", "colour", "grey")),
        *((word, "en", True) for word in ("symtoms", "diabetis", "hypertention", "athsma")),
        ("garganta", "es", False),
        ("gargnata", "es", True),
        ("gargnata", "ja", False),  # there is no list of its words
    ],
)
def test_a_dictionary_of_the_language_says_what_is_a_mistake(word: str, language: str, misspelt: bool) -> None:
    assert is_misspelt(word, language) is misspelt
