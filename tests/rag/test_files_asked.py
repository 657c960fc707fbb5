"""Ten, a hundred and a thousand records, asked with the real model: what they answer is answered, what they do not is
refused, although they have near topics.
"""

import dataclasses
from pathlib import Path

import pytest

from core.settings import GeneratorSettings, IndexSettings, Settings
from index.build import build
from rag.opening import open_answerer, open_retriever
from tests.conftest import ROOT
from tests.files_asked import questions, thousand, write_file

FILES = ("german", "yes_no", "thousand")


def test_the_files_have_ten_a_hundred_and_a_thousand_records(tmp_path: Path) -> None:
    rows = {name: write_file(name, tmp_path).read_text(encoding="utf-8").splitlines()[1:] for name in FILES}
    assert {name: len(found) for name, found in rows.items()} == {"german": 10, "yes_no": 100, "thousand": 1000}
    assert len({question for question, _ in thousand()}) == 1000
    asked = questions()
    for half in ("tuned", "held"):
        for answerable in (True, False):
            chosen = [each for each in asked if (each.half, each.answerable) == (half, answerable)]
            assert [sum(each.file == name for each in chosen) for name in FILES] == [5, 5, 5]


@pytest.mark.weights
def test_at_most_three_of_thirty_near_topics_are_answered_and_two_of_thirty_answers_refused(tmp_path: Path) -> None:
    wrong: dict[bool, list[str]] = {True: [], False: []}
    settings = Settings(generator=GeneratorSettings(cache=str(ROOT / "artifacts/models")))
    answerer = None
    for name in FILES:
        index = IndexSettings(csv=str(write_file(name, tmp_path)), dir=str(tmp_path / name))
        build(index)
        over = dataclasses.replace(settings, index=index)
        if answerer is None:
            answerer = open_answerer(over)
        else:
            answerer = dataclasses.replace(answerer, retriever=open_retriever(over))
        for each in (each for each in questions() if each.file == name):
            *_, answer = answerer.answer(answerer.search(each.question))
            if answer.abstained == each.answerable:
                wrong[each.answerable].append(f"{each.half}, {name}: {each.question} -> {answer.text}")
    print(*wrong[False], *wrong[True], sep="\n")
    assert len(wrong[False]) <= 3
    assert len(wrong[True]) <= 2


ASKED_IN_SPANISH = {
    "cómo se cura el asma": "¿Cómo se trata el asma?",
    "qué comer si tengo gota": "¿Qué alimentos favorecen la gota?",
    "dolor fuerte de cabeza de un lado con la luz": "¿Qué es la migraña?",
    "cómo dejo de fumar": "¿Qué ayuda a dejar de fumar?",
    "me quemé con agua hirviendo": "¿Qué hago si se me quema la piel con agua caliente?",
    "sintomas de la diabtes": "¿Cuáles son los síntomas de la diabetes?",
}


@pytest.mark.weights
def test_a_spanish_file_is_searched_with_the_packaged_models(tmp_path: Path) -> None:
    index = IndexSettings(csv=str(ROOT / "tests/data/files_asked/spanish.csv"), dir=str(tmp_path / "es"))
    build(index)
    over = open_retriever(Settings(index=index))
    found = {asked: over.search(asked) for asked in ASKED_IN_SPANISH}
    assert {asked: each.hits[0].question for asked, each in found.items()} == ASKED_IN_SPANISH
    assert not [note.text for each in found.values() for note in each.query.notes if note.kind == "language"]
    assert over.search("what is asthma").query.reply.startswith("This file is in another language (español)")
