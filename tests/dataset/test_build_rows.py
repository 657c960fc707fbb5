import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import DataError
from core.files import sha256_file
from core.settings import Settings
from core.text.answer_cues import says_nothing_of
from core.text.aspects import aspects
from dataset import __main__ as examples
from dataset.build_rows import Plan, WrittenFiles, make, split_topics
from dataset.by_hand import FORM
from dataset.common_concerns import concerns
from dataset.details import says, touches
from generator.prompt import REFUSAL, REST
from generator.tuning.rows import MANIFEST, Row, read_manifest, read_rows
from index.opening import open_index
from index.topics import record_topic
from tests.conftest import embed_words, indexed

ASPECTS = {
    "What is (are) {t} ?": "{c} is a disease of the {p} with {d} in many people. It begins slowly in the {p}. "
    "{c} does not spread from one person to another. Symptoms of {t} include {d}, much pain, and a common cold.",
    "What are the treatments for {t} ?": "Doctors treat {t} with drugs that calm the {p}. Surgery for {t} is rarely "
    "needed today. {c} therapy takes several weeks as a rule.",
    "How many people are affected by {t} ?": "About 12 in 1000 people have {t} at some time. {c} is more common in "
    "adults than in children.",
}
DETAILS = (
    "torticollis", "xanthelasma", "clubbed fingers", "gingivitis", "nystagmus", "hirsutism", "alopecia", "tinnitus",
    "petechiae", "dysphagia", "ptosis of eyelids", "hiccups", "vertigo", "lockjaw", "nosebleeds", "cataracts",
    "gallstones", "warts", "anosmia", "shingles",
)  # fmt: skip
"""Each of three topics, as few things are in a real file."""
PARTS = ("liver", "skin", "kidney", "lung", "heart", "spine", "stomach", "brain")


@pytest.fixture(scope="module", autouse=True)
def _words() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        embed_words(monkeypatch)
        yield


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, tiny_qwen: Path) -> Settings:
    """An index over 60 made-up topics, three records each."""
    folder = tmp_path_factory.mktemp("making")
    rows = []
    for number in range(60):
        topic, part = f"{chr(97 + number % 26)}{chr(97 + number // 26)}losis", PARTS[number % len(PARTS)]
        for question, answer in ASPECTS.items():
            detail = DETAILS[number % len(DETAILS)]
            rows.append((question.format(t=topic), answer.format(t=topic, c=topic.capitalize(), p=part, d=detail)))
    made = indexed(folder, rows)
    return Settings(
        index=made,
        generator=dataclasses.replace(Settings().generator, model=str(tiny_qwen)),
    )


@pytest.fixture(scope="module")
def folder(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("made") / "examples"
    make(settings, Plan(records=0, test_records=0, seed=3), None, target)
    return target


@pytest.fixture(scope="module")
def made(folder: Path) -> dict[str, list[Row]]:
    return {split: read_rows(folder, split) for split in ("train", "development", "test")}


def test_no_topic_is_on_two_sides(made: dict[str, list[Row]]) -> None:
    topics = {split: {row.topic for row in rows} for split, rows in made.items()}
    assert topics["train"]
    assert topics["test"]
    assert not topics["train"] & (topics["development"] | topics["test"])
    assert not topics["development"] & topics["test"]


def test_no_passage_of_a_test_topic_stands_in_training(made: dict[str, list[Row]]) -> None:
    shown = " ".join(source.text for row in made["train"] for source in row.sources)
    for row in made["test"]:
        assert row.topic.capitalize() not in shown


def test_completions_are_sentences_of_the_passages_that_they_cite(made: dict[str, list[Row]]) -> None:
    for row in (row for rows in made.values() for row in rows if row.answerable):
        sentences = re.findall(r"(.+?) \[(\d)\]\.(?: |$)", row.completion.partition(f" {REST}")[0])
        assert sentences
        assert tuple(sorted({int(number) for _, number in sentences})) == row.right
        for text, number in sentences:
            assert f"{text}." in " ".join(row.sources[int(number) - 1].text.split())


def test_right_passages_stand_at_every_place_and_refusals_have_their_share(made: dict[str, list[Row]]) -> None:
    answered = [row for row in made["train"] if row.answerable]
    assert {number for row in answered for number in row.right} == {1, 2, 3}
    refused = [row for row in made["train"] if not row.answerable]
    assert {row.completion for row in refused} == {REFUSAL}
    assert 0.2 < len(refused) / len(made["train"]) <= 0.3


def test_one_set_of_evidence_is_answered_and_refused(made: dict[str, list[Row]]) -> None:
    """What decides is the question: the same passages are answered from and refused."""
    by_group: dict[str, set[bool]] = {}
    for row in made["train"]:
        by_group.setdefault(row.group, set()).add(row.answerable)
    assert sum(kinds == {True, False} for kinds in by_group.values()) > 10


def test_a_thing_is_answered_where_it_is_said_and_refused_where_it_is_not(made: dict[str, list[Row]]) -> None:
    details = [row for row in made["train"] if row.form == "detail" and "matter" not in row.aspect]
    said = [row for row in details if row.answerable]
    elsewhere = [row for row in details if row.aspect.startswith("not ")]
    of_another = [row for row in details if row.aspect.endswith("losis")]
    assert len(said) > 5
    assert len(elsewhere) > 5
    assert len(of_another) > 2
    for row in said:
        assert row.aspect in row.completion.casefold()
    for row in elsewhere:
        assert row.aspect.removeprefix("not ") not in " ".join(source.text for source in row.sources).casefold()
    for row in of_another:
        thing, _, other = row.aspect.rpartition(" of ")
        holding = [f"{source.heading} {source.text}" for source in row.sources if thing in source.text.casefold()]
        assert holding
        assert all(other in text.casefold() and row.topic not in text.casefold() for text in holding)


def test_a_concern_about_any_illness_is_refused_where_no_passage_speaks_of_it(made: dict[str, list[Row]]) -> None:
    refused = [row for row in made["train"] if row.aspect == "no matter"]
    assert len(refused) > 5
    for row in refused:
        asked = [concern for concern in concerns() if any(form.format(t="") in row.question for form in concern.asked)]
        shown = " ".join(f"{source.heading} {source.text}" for source in row.sources)
        assert not any(concern.is_touched(shown) for concern in asked)


def test_what_is_felt_is_answered_where_a_passage_lists_it_and_refused_where_none_does(
    made: dict[str, list[Row]],
) -> None:
    described = [row for row in made["train"] if row.form == "description" and row.aspect not in aspects().named]
    answered = [row for row in described if row.answerable]
    refused = [row for row in described if not row.answerable]
    assert len(answered) > 2
    assert len(refused) > 2
    for row in answered:
        held = [source.text for number, source in enumerate(row.sources, 1) if number in row.right]
        assert all(says(text, thing) for text in held for thing in row.aspect.split(", "))
    for row in refused:
        shown = " ".join(f"{source.heading} {source.text}" for source in row.sources)
        assert not any(touches(shown, thing) for thing in row.aspect.split(", "))


def test_an_answer_to_a_part_says_so(made: dict[str, list[Row]]) -> None:
    partly = [row for row in made["train"] if row.form == "partly"]
    assert partly
    for row in partly:
        missing = row.aspect.partition(", not ")[2]
        assert row.completion.endswith(f"]. {REST} anything about {missing}.")
        assert " and " in row.question
        assert says_nothing_of(missing, " ".join(source.text for source in row.sources))


def test_questions_are_asked_in_several_forms_and_headings_vary(made: dict[str, list[Row]]) -> None:
    assert {row.form for row in made["train"]} >= {"plain", "keywords", "story", "template", "detail", "both"}
    headings = [source.heading for row in made["train"] for source in row.sources]
    templates = sum(bool(re.match(r"What is \(are\)|What are the treat|How many people are aff", h)) for h in headings)
    assert 0.4 < templates / len(headings) < 0.8
    assert all(
        re.match(r"What is \(are\)|What are the treat|How many people are aff", source.heading)
        for row in made["test"]
        for source in row.sources
    )


def test_the_same_seed_gives_the_same_rows(settings: Settings, folder: Path, tmp_path: Path) -> None:
    again = make(settings, Plan(records=0, test_records=0, seed=3), None, tmp_path / "again")
    assert again["data_sha256"] == read_manifest(folder)["data_sha256"]


def test_questions_by_hand_are_trained_on_first(settings: Settings, folder: Path, tmp_path: Path) -> None:
    index = open_index(Path(settings.index.dir))
    sides = split_topics(index, None)
    shown = next(p.id for p in index.passages if sides[record_topic(index.records[p.record_id])] == "train")
    file = tmp_path / "asked.jsonl"
    asked = [[f"what is it, number {number}", ["1.0"]] for number in range(7)]
    asked += [[f"may i {do} with it", []] for do in ("swim", "fly", "drive", "ski")]
    file.write_text(json.dumps({"shown": [[shown, 0, 0]], "asked": asked}) + "\n")
    manifest = make(
        settings, Plan(records=0, test_records=0, seed=3), None, tmp_path / "rows", WrittenFiles(by_hand=file)
    )
    rows = read_rows(tmp_path / "rows", "train")
    by_hand, by_rule = rows[:10], rows[10:]
    assert {row.form for row in by_hand} == {FORM}
    assert sum(row.completion == REFUSAL for row in by_hand) == 3, "of four: three tenths refuse at most"
    assert by_rule == read_rows(folder, "train")
    assert manifest["by_hand"] == sha256_file(file)


def test_topics_of_judged_questions_are_held_out(settings: Settings, tmp_path: Path) -> None:
    index = open_index(Path(settings.index.dir))
    record = next(iter(index.records.values()))
    judged = tmp_path / "judged.jsonl"
    judged.write_text(json.dumps({"question": "q", "relevant": {record.id: 2}}) + "\n")
    with_it, without = split_topics(index, judged), split_topics(index, None)
    assert with_it["aalosis"] == "test"
    assert sum(with_it[topic] != without[topic] for topic in without) <= 1


def test_what_was_left_out_is_counted(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert manifest["sentences_left_out"] or manifest["left_out"]
    assert manifest["rows"]["train"]["rows"] == len(read_rows(folder, "train"))


def test_the_index_of_another_csv(settings: Settings, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("question,answer\nWhat is gout?,Gout is a form of arthritis.\n")
    elsewhere = dataclasses.replace(settings, index=dataclasses.replace(settings.index, csv=str(other)))
    with pytest.raises(DataError, match=r"other\.csv has SHA-256 .*, .* was built from .*; build it: citewell build"):
        make(elsewhere, Plan(), None, tmp_path / "rows")
    assert not (tmp_path / "rows").exists()


def test_a_csv_without_usable_rows(tmp_path: Path, tiny_qwen: Path) -> None:
    made = indexed(tmp_path, [("What is gout?", "joints, pain"), ("What is acne?", "skin, oil")])
    settings = Settings(index=made, generator=dataclasses.replace(Settings().generator, model=str(tiny_qwen)))
    with pytest.raises(DataError, match=r"gives 0 rows to train on and 0 of unseen topics; expected some of both"):
        make(settings, Plan(), None, tmp_path / "rows")


def test_a_damaged_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "train.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"train\.parquet has SHA-256 .*, examples\.json has .*; make the rows"):
        read_rows(copy, "train")
    (copy / MANIFEST).write_text("{")
    with pytest.raises(DataError, match=r"examples\.json cannot be read .*; make the rows: citewell rows"):
        read_rows(copy, "train")


def test_the_command_makes_rows_and_shows_what_is_trained(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITEWELL_GENERATOR_MODEL", settings.generator.model)
    monkeypatch.setenv("CITEWELL_INDEX_CSV", settings.index.csv)
    monkeypatch.setenv("CITEWELL_INDEX_DIR", settings.index.dir)
    target = str(tmp_path / "rows")
    counts = ["--records", "5", "--test-records", "2", "--refusals", "0.9"]  # so that no set loses all of its rows
    assert examples.main(["--to", target, *counts, "--hold-out", "none"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"train: \d+ rows over 5 sets of evidence and \d+ topics; \d+ refuse", printed)
    assert "439 by hand: passages that the file does not hold" in printed  # the shipped ones are over MedQuAD
    assert "sentences left out: " in printed
    assert examples.main(["--to", target, "--show", "1"]) == 0
    shown = capsys.readouterr().out
    trained = re.search(r"<\|im_start\|>assistant\n«(.*)<\|im_end\|>»$", shown.strip(), re.S)
    assert trained
    assert trained.group(1) in {row.completion for row in read_rows(tmp_path / "rows", "train")}
