import dataclasses
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from core.errors import DataError
from core.files import read_jsonl
from core.settings import Settings
from dataset.build_rows import Plan, WrittenFiles, make, split_topics
from dataset.by_hand import FORM, read_by_hand, rows_by_hand
from dataset.evidence_sets import EvidenceMaker
from generator.prompt import REFUSAL
from generator.tuning.rows import Row
from index.opening import open_index
from index.topics import record_topic
from rag.opening import open_retriever
from tests.conftest import ROOT, WordEmbedder, indexed

SHIPPED = ROOT / "data/train/medquad.jsonl"


@pytest.fixture
def settings(tmp_path: Path, tiny_qwen: Path, word_embedder: WordEmbedder) -> Settings:
    """An index over 40 made-up topics, a record each."""
    rows = [
        (
            f"What is {name} ?",
            f"{name.capitalize()} is a disease of the skin in many adults. It begins with a red patch on one arm. "
            f"Doctors treat {name} with a cream that calms the skin.",
        )
        for name in (f"{chr(97 + number % 26)}{chr(97 + number // 26)}losis" for number in range(40))
    ]
    return Settings(
        index=indexed(tmp_path, rows), generator=dataclasses.replace(Settings().generator, model=str(tiny_qwen))
    )


@pytest.fixture
def passages(settings: Settings) -> dict[str, list[str]]:
    """The passages of each side's topics."""
    index = open_index(Path(settings.index.dir))
    sides = split_topics(index, None)
    of_side: dict[str, list[str]] = {"train": [], "test": [], "development": []}
    for passage in index.passages:
        of_side[sides[record_topic(index.records[passage.record_id])]].append(passage.id)
    return of_side


def rows_of(settings: Settings, folder: Path, *sets: object) -> tuple[list[Row], Counter[str]]:
    """The rows of sets that are written to a file, and what was left out."""
    file = folder / "asked.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in sets))
    retriever = open_retriever(settings)
    maker = EvidenceMaker(retriever, lambda _: 0, 330, split_topics(retriever.index, None))
    left_out: Counter[str] = Counter()
    return list(rows_by_hand(read_by_hand(file), maker, random.Random(2), left_out)), left_out


def test_a_question_is_answered_by_its_sentences_and_refused_without(
    settings: Settings, passages: dict[str, list[str]], tmp_path: Path
) -> None:
    first, second = passages["train"][:2]
    asked = [["what do i rub on it", ["2.2"]], ["does it start with a spot", ["1.1"]], ["may i swim", []]]
    rows, left_out = rows_of(settings, tmp_path, {"shown": [[first, 0, 2], [second, 1, 2]], "asked": asked})
    cream, spot, swim = rows
    assert not left_out
    assert {row.form for row in rows} == {FORM}
    index = open_index(Path(settings.index.dir))
    assert {source.text for source in cream.sources} == {
        index.by_id[first].text,
        index.by_id[second].text.partition(". ")[2],
    }
    assert cream.completion.startswith("Doctors treat ")
    assert cream.completion.endswith(f" with a cream that calms the skin [{cream.right[0]}].")
    assert cream.sources[cream.right[0] - 1].text.startswith("It begins")
    # a sentence that leans on the one before it brings that along
    assert spot.completion.count("].") == 2
    assert "is a disease of the skin" in spot.completion
    assert spot.sources[spot.right[0] - 1].text == index.by_id[first].text
    assert (swim.completion, swim.right) == (REFUSAL, ())


def test_questions_about_something_else_are_refused_over_every_set(
    settings: Settings, passages: dict[str, list[str]], tmp_path: Path
) -> None:
    index = open_index(Path(settings.index.dir))
    first, second = passages["train"][:2]
    one, two = (record_topic(index.records[index.by_id[passage].record_id]) for passage in (first, second))
    rows, _ = rows_of(
        settings,
        tmp_path,
        {"shown": [[first, 0, 2]], "asked": [[f"what do i rub on {one}", ["1.2"]], ["who gets it", []]]},
        {"shown": [[second, 0, 2]], "asked": [[f"what do i rub on {two}", ["1.2"]], ["who gets it", []]]},
        {"shown": [], "asked": [["when do i plant tomatoes", []]]},
    )
    assert [(row.group, row.question, row.answerable) for row in rows] == [
        ("by-hand-0", f"what do i rub on {one}", True),
        ("by-hand-0", "who gets it", False),
        ("by-hand-0", f"what do i rub on {two}", False),
        ("by-hand-0", "when do i plant tomatoes", False),
        ("by-hand-1", f"what do i rub on {two}", True),
        ("by-hand-1", "who gets it", False),
        ("by-hand-1", f"what do i rub on {one}", False),
        ("by-hand-1", "when do i plant tomatoes", False),
    ]
    assert {row.completion for row in rows if not row.answerable} == {REFUSAL}
    assert len({row.sources for row in rows}) == 2


def test_what_cannot_be_trained_on_is_left_out_and_counted(
    settings: Settings, passages: dict[str, list[str]], tmp_path: Path
) -> None:
    train, test = passages["train"][0], passages["test"][0]
    rows, left_out = rows_of(
        settings,
        tmp_path,
        {"shown": [[train, 0, 2], ["elsewhere-0", 0, 1]], "asked": [["what is it", ["1.0"]]]},
        {"shown": [[train, 0, 2], [test, 0, 2]], "asked": [["what is it", ["1.0"]]]},
        {"shown": [[train, 1, 2]], "asked": [["does it start with a spot", ["1.1"]]]},
    )
    assert rows == []
    assert left_out == {
        "by hand: passages that the file does not hold": 1,
        "by hand: topics that are not trained on": 1,
        "by hand: every sentence leans on another": 1,
    }


@pytest.mark.parametrize(
    "line",
    [
        {"shown": [["a-0", 0]], "asked": [["what", ["1.0"]]]},
        {"shown": [["a-0", 0, 1]], "asked": [["what", ["1"]]]},
        {"shown": [["a-0", 0, 1]], "asked": [["what"]]},
        {"shown": [["a-0", 0, 1]], "asked": [["what", [1.0]]]},
        {"shown": [["a-0", 0, 1]], "asked": [["what", ["2.0"]]]},
        {"shown": [["a-0", 0, 1]], "asked": [["what", ["1.2"]]]},
    ],
)
def test_a_file_of_another_form(line: object, tmp_path: Path) -> None:
    file = tmp_path / "asked.jsonl"
    file.write_text(json.dumps({"shown": [["a-0", 0, 1]], "asked": []}) + "\n" + json.dumps(line) + "\n")
    with pytest.raises(DataError, match=r"asked\.jsonl, row 2 is not of the form shown: \[\[passage, first, last"):
        read_by_hand(file)


def test_a_missing_file_is_named_before_rows_are_made(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file at .*gone\.jsonl"):
        make(settings, Plan(), None, tmp_path / "made", WrittenFiles(by_hand=tmp_path / "gone.jsonl"))
    assert not (tmp_path / "made").exists()


def test_the_shipped_questions_point_at_what_is_shown_and_are_not_those_that_are_judged() -> None:
    sets = read_by_hand(SHIPPED)
    files = (ROOT / "data/dev/medquad.jsonl", ROOT / "data/dev/unanswerable.jsonl")
    judged = {row["question"] for file in files for row in read_jsonl(file, "question")}
    questions = [asked.question for each in sets for asked in each.asked]
    assert len(questions) > 3000
    assert not judged & set(questions)
    refused = sum(not asked.answer for each in sets for asked in each.asked)
    assert 0.25 < refused / len(questions) < 0.35
    for each in sets:
        for place, sentence in (place for asked in each.asked for place in asked.answer):
            assert each.shown[place - 1].first <= sentence <= each.shown[place - 1].last
