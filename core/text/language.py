"""The language of a text, and what to tell somebody who asks in another one than the file's.

py3langid tells the language by letters and their runs (naive Bayes; Lui and Baldwin 2012, langid.py). Its model of
4.6 MB is inside its package, so nothing is fetched. Of its languages only those of core/text/data/languages.tsv are
compared.
"""

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from core.text.rules import DATA, fault, read_tsv
from core.text.words import stop_words, words

LANGUAGES = DATA / "languages.tsv"
ENGLISH = "en"
SURE = 0.4
"""Probability from which a language is told. From 0.3 to 0.5, 139 to 136 of 140 short questions in 14 languages are
told rightly, and 10 to 2 of 2,584 questions that people sent in English are taken for foreign."""
FEW = 3
SURE_OF_FEW = 0.85
"""The same for up to so many words without accents: names of illnesses and medicines are alike in many languages."""
ASKING = 2
"""English words of asking ("what", "the", "of") from which a question of strange names is English all the same."""


class Language(NamedTuple):
    """A language's own name, and the lines for people who write in it."""

    name: str
    other: str
    """The line for a question where the file is in another language; {} stands for that language's own name."""
    emergency: str


def read_languages(path: Path) -> dict[str, Language]:
    """Read the table of languages: ISO 639-1 code -> language.

    Raises:
        DataError: the file is missing, or names the line that is no language.
    """
    table = {}
    for line, cells in read_tsv(path):
        if len(cells) != 4 or "{}" not in cells[2]:
            raise fault(path, line, "expected four cells: code, name, a line with {}, the line of an emergency")
        table[cells[0]] = Language(*cells[1:])
    return table


@cache
def languages() -> dict[str, Language]:
    """The languages that are told apart: ISO 639-1 code -> language."""
    return read_languages(LANGUAGES)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(languages()))
    return identifier


def prepare() -> None:
    """Load what tells languages apart, which takes a second, so that no question waits for it."""
    _identifier()


def language(text: str) -> str:
    """The ISO 639-1 code of the language of a question; empty where it cannot be told, as of a single word."""
    plain, bar = text.casefold(), SURE
    if plain.isascii():
        typed = words(plain)
        if len(typed) < 2:
            return ""
        if sum(word in stop_words("search") for word in typed) >= ASKING:
            return ENGLISH
        bar = SURE if len(typed) > FEW else SURE_OF_FEW
    code, probability = _identifier().classify(plain)
    return str(code) if probability >= bar else ""


def language_of_file(text: str) -> str:
    """The ISO 639-1 code of the language of a file, by some of its text; English where it cannot be told."""
    code, probability = _identifier().classify(text.casefold())
    return str(code) if probability >= SURE else ENGLISH


def of_another_language(question: str, of_file: str) -> str:
    """The line, in the question's language, that the file is in another one; empty where both are in the same."""
    asked = language(question)
    return "" if asked in ("", of_file) else languages()[asked].other.format(languages()[of_file].name)
