"""The language of questions: told, and told to those who ask in another one than the file's."""

from pathlib import Path

import pytest

from core.errors import DataError
from core.text.language import language, languages, of_another_language, read_languages
from tests.conftest import ROOT

ROWS = [
    line.split("\t") for line in (ROOT / "tests/data/foreign_questions.tsv").read_text(encoding="utf-8").splitlines()
]
ENGLISH = [
    "diabetes?",
    "elhers danlos",
    "what is a zyrtec flonase claritin vaccine",
    "metformin and lisinopril side effects",
    "What are the symptoms of angina pectoris?",
    "is acetaminophen safe",
    "Clostridium difficile treatment",
]


def test_at_least_95_of_100_foreign_questions_are_told_so_in_their_own_language() -> None:
    asked = [(code, question) for code, line in ROWS for question in line.split("|")]
    told = [
        of_another_language(question, "en") == languages()[code].other.format("English") for code, question in asked
    ]
    print(f"foreign questions: {sum(told)} of {len(told)} told in their own language")
    assert len({code for code, _ in asked}) >= 12
    assert sum(told) >= 0.95 * len(told)


@pytest.mark.parametrize("question", ENGLISH)
def test_an_english_question_with_strange_names_is_not_foreign(question: str) -> None:
    assert of_another_language(question, "en") == ""


def test_the_line_follows_the_language_of_the_file() -> None:
    assert of_another_language("¿Cuáles son los síntomas de la diabetes?", "es") == ""
    assert "(español)" in of_another_language("What are the symptoms of gout?", "es")


def test_a_single_word_has_no_language() -> None:
    assert language("diabetes") == ""


def test_a_line_that_is_no_language_is_named(tmp_path: Path) -> None:
    file = tmp_path / "languages.tsv"
    file.write_text("en\tEnglish\tAsk in it.\tCall.\n")
    with pytest.raises(DataError, match=r"languages\.tsv, line 1: expected four cells"):
        read_languages(file)
