"""The rules that are kept as data are well-formed, and a fault in one is found with its file and its line."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import DataError
from core.text.answer_cues import PARTICULARS, particulars, read_particulars
from core.text.aspects import ASPECTS, INFORMATION, aspects, read_aspects
from core.text.everyday import EVERYDAY, LAY, everyday_terms, lay_words, medical_words, read_everyday, read_lay_words
from core.text.follow_ups import FOLLOW_UPS, read_follow_ups
from core.text.language import LANGUAGES, read_languages
from core.text.names import generic
from core.text.people import PEOPLE, read_people
from core.text.personal import PERSONAL, asks_for_advice, asks_for_amount, read_personal
from core.text.rules import read_toml
from core.text.sentence_kinds import SENTENCE_KINDS, read_sentence_kinds
from core.text.spelling import BRITISH, read_british
from core.text.words import STOP_WORDS, read_stop_words, stop_words
from dataset.common_concerns import CONCERNS, concerns, read_concerns
from dataset.verifier.alterations import OPPOSITES, read_opposites
from index.files.columns import NAMES, read_names
from index.tuning.question_forms import AROUND, around, read_around
from rag.checks.emergency import ABROAD, read_abroad
from tests.conftest import ROOT

READERS: dict[Path, Callable[[Path], object]] = {
    ASPECTS: read_aspects,
    PARTICULARS: read_particulars,
    STOP_WORDS: read_stop_words,
    PERSONAL: read_personal,
    PEOPLE: read_people,
    SENTENCE_KINDS: read_sentence_kinds,
    EVERYDAY: read_everyday,
    LAY: read_lay_words,
    CONCERNS: read_concerns,
    AROUND: read_around,
    BRITISH: read_british,
    LANGUAGES: read_languages,
    FOLLOW_UPS: read_follow_ups,
    ABROAD: read_abroad,
    NAMES: read_names,
    OPPOSITES: read_opposites,
}


@pytest.mark.parametrize("path", READERS, ids=lambda path: path.name)
def test_a_file_of_rules_says_what_it_is_and_how_to_try_a_change(path: Path) -> None:
    READERS[path](path)
    text = path.read_text(encoding="utf-8")
    opening = [line for line in text.split("\n\n")[0].splitlines() if line.startswith("#")]
    assert any("To try a change" in line for line in opening)
    assert any("python -" in line for line in opening)


@pytest.mark.parametrize("path", READERS, ids=lambda path: path.name)
def test_the_commands_of_a_file_of_rules_run(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = path.read_text(encoding="utf-8")
    for command in re.findall(r'^#   python -c "(.*)"$', text, re.M):
        exec(command, {})
        assert capsys.readouterr().out.strip() not in ("", "[]", "None")
    for test in re.findall(r"\btests/\S+", text):
        assert (ROOT / test).exists()


def test_every_file_of_rules_has_a_reader() -> None:
    assert set(ASPECTS.parent.iterdir()) <= READERS.keys()


def test_aspects_have_rules_of_every_kind() -> None:
    known = aspects().named.values()
    assert len(known) == 15
    assert sum(len(aspect.forms) for aspect in known) > 180
    assert all(len(aspect.forms) >= 9 and len(aspect.keywords) > 1 for aspect in known)
    assert [aspect.name for aspect in known if not aspect.asked] == [INFORMATION]
    assert [aspect.name for aspect in known if aspect.touches is not aspect.tells] == [
        "frequency",
        "prevention",
        "outlook",
        "causes",
    ]
    assert {aspect.name for aspect in known if aspect.described} == {"information", "symptoms", "complications"}
    assert {aspect.name for aspect in known if aspect.detail_forms} == {
        INFORMATION,
        "treatment",
        "exams and tests",
        "symptoms",
        "causes",
    }
    assert len(aspects().clear) == 10
    assert aspects().get("of this file alone") is aspects().get(INFORMATION)


def test_the_other_files_hold_rules() -> None:
    assert len(particulars()) > 25
    assert len(concerns()) > 45
    assert sum(len(concern.asked) for concern in concerns()) > 110
    assert any(concern.touched is concern.said for concern in concerns())
    assert len(everyday_terms()) > 290
    assert sum(len(said) for said in everyday_terms().values()) > 360
    assert len(lay_words()) > 80
    assert min(len(each) for each in (around().before, around().after, around().felt, around().who)) > 5


def test_stop_words_differ_by_their_use() -> None:
    assert "not" in stop_words("search")
    assert "not" not in stop_words("content")
    assert "someone" in stop_words("asking")
    assert "patients" in stop_words("phrases")
    assert {"disord", "famili"} <= generic()


def test_medical_words_are_found_for_what_people_say() -> None:
    assert medical_words("My Heart flutters, and I pee a lot.") == ["palpitations arrhythmia", "urine urination"]
    assert medical_words("heartless") == []


@pytest.mark.parametrize(
    ("question", "advice", "amount"),
    [
        ("can i double my insulin pills", True, True),
        ("how many mg should she have", True, True),
        ("do i have asthma", True, False),
        ("do i have to see a doctor", False, False),
        ("how much insulin is in a pill", False, False),
        ("what is diagnosed", False, False),
    ],
)
def test_a_question_about_a_person_of_ones_own(question: str, advice: bool, amount: bool) -> None:
    assert (asks_for_advice(question), asks_for_amount(question)) == (advice, amount)


@pytest.mark.parametrize(
    ("path", "old", "new", "where", "message"),
    [
        (
            ASPECTS,
            "hard_to_miss = ['prev",
            "hard_to_mis = ['prev",
            "hard_to_mis = ['prev",
            "[prevention] unknown key 'hard_to_mis'; expected tells",
        ),
        (ASPECTS, 'keywords = ["risk"', '# keywords = ["risk"', "[susceptibility]", "the key 'keywords' is missing"),
        (ASPECTS, "asked = ['at risk'", "# asked = ['at risk'", "[susceptibility]", "the key 'asked' is missing"),
        (ASPECTS, "clear = [", "clair = [", "clair = [", "unknown key 'clair'; expected clear"),
        (
            ASPECTS,
            '"prevention", "inheritance", "freq',
            '"preventing", "inheritance", "freq',
            '"preventing", "inheritance", "freq',
            "clear holds 'preventing'",
        ),
        (
            ASPECTS,
            "'treat\\w*', 'cures?'",
            "'treat\\w*(', 'cures?'",
            "'treat\\w*(', 'cures?'",
            "'treat\\w*(' is not a regular expression",
        ),
        (ASPECTS, "'dna', ", "'d)(n', ", "'d)(n', ", "'d)(n' is not a regular expression"),
        (ASPECTS, "'dna', ", "'d*', ", "'d*', ", "'d*' matches every text"),
        (ASPECTS, "'dna', ", "'genes?', ", "'genes?', ", "tells holds 'genes?' twice"),
        (ASPECTS, "'dna', ", "7, ", "7, ", "holds 7; expected texts in quotes"),
        (
            ASPECTS,
            "described = true",
            'described = "yes"',
            'described = "yes"',
            'described is "yes"; expected true or false',
        ),
        (
            ASPECTS,
            "what exactly does {t} mean",
            "what exactly does {x} mean",
            "what exactly does {x} mean",
            "expected {t} in each and no other",
        ),
        (
            ASPECTS,
            "what exactly does {t} mean",
            "what exactly does it mean",
            "what exactly does it mean",
            "expected {t} in each and no other",
        ),
        (
            ASPECTS,
            "what exactly does {t} mean",
            "what exactly does {t mean",
            "what exactly does {t mean",
            "expected '}' before end of string",
        ),
        (ASPECTS, "detail_forms = [", "detail_form = [", "detail_form = [", "unknown key 'detail_form'"),
        (
            ASPECTS,
            "detail_tells = ['diag",
            "# detail_tells = ['diag",
            '["exams and tests"]',
            "expected both detail_tells and detail_forms",
        ),
        (ASPECTS, "[treatment]", "[prevention]", "[prevention]\nasked = [\n    'treat", "twice"),
        (ASPECTS, "[treatment]", "[[treatment]]", "[[treatment]]", "unknown key 'treatment'; expected clear"),
        (ASPECTS, "[treatment]", "[treatment", "[treatment", "is not TOML"),
        (
            PARTICULARS,
            "asked = ['pill']",
            "asked = 'pill'",
            "asked = 'pill'",
            '[a pill] asked is "pill"; expected a list of texts',
        ),
        (PARTICULARS, "asked = ['pill']", "asked = []", "asked = []", "asked is []; expected a list of texts"),
        (CONCERNS, "'smok', ", "'smok', '[', ", "'smok', '[', ", "'[' is not a regular expression"),
        (
            CONCERNS,
            "touched = ['drink'",
            "touch = ['drink'",
            "touch = ['drink'",
            "unknown key 'touch'; expected asked, said, touched",
        ),
        (STOP_WORDS, "[phrases]", "[phrase]", "[phrase]", "[phrase] is an unknown table; expected [search], [content]"),
        (
            STOP_WORDS,
            "although among an and",
            "although among and and",
            "although among and and",
            "words holds 'and' twice",
        ),
        (
            STOP_WORDS,
            "although among an and",
            "Although among an and",
            "Although among an and",
            "expected words in lower case",
        ),
        (AROUND, '"friend"]', '"friend"]\n[more]', "[more]", "[more] is a table; expected none in this file"),
        (
            AROUND,
            "{d} what is it",
            "{d} what is {t}",
            "{d} what is {t}",
            "expected {d} in each, and at most {who} besides",
        ),
        (
            AROUND,
            "in {weeks} weeks",
            "in {days} days",
            "in {days} days",
            "expected no place in each, and at most {who} and {weeks} besides",
        ),
        (EVERYDAY, "acne\tpimples", "acne pimples", "acne pimples", "'acne pimples'; expected two cells or more"),
        (EVERYDAY, "acne\tpimples", "acne\t pimples", "acne\t pimples", "with one tab and no space between them"),
        (EVERYDAY, "acne\tpimples", "anus\tpimples", "anus\tbottom", "'anus' stands on line"),
        (EVERYDAY, "acne\tpimples", "acne\tpimples\tpimples", "acne\tpimples\tpimples", "has a cell twice"),
        (EVERYDAY, "acne\tpimples", "Acne\tpimples", "Acne\tpimples", "expected a term in lower case"),
        (LAY, "afib\t", "(afib\t", "(afib\t", "'(afib' is not a regular expression"),
        (LAY, "afib\t", "afib\ta\t", "afib\ta\t", "3 cells; expected two"),
    ],
)
def test_a_fault_is_found_with_its_line(
    tmp_path: Path, path: Path, old: str, new: str, where: str, message: str
) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    text = text.replace(old, new, 1)
    copy = tmp_path / path.name
    copy.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        READERS[path](copy)
    found = str(caught.value)
    assert message in found
    assert str(copy) in found
    assert re.search(rf"\bline {line_of(where, text)}\b", found)
    assert found.endswith("correct that line, then run the command again")


def line_of(part: str, text: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_a_line_within_a_text_or_a_list_opens_no_table(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text("words = '''\n[one]\nkind = 2\n'''\n[one]\nlist = [\n'[one]',\n]\nkind = 2\n", encoding="utf-8")
    file = read_toml(path, needed=("list",), optional=("kind",), top=("words",))
    with pytest.raises(DataError, match="line 9: .one. kind is 2; expected true or false"):
        file.tables[0].flag("kind")


def test_a_missing_file_and_one_that_is_not_utf_8(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone.tsv is missing; it is part of CiteWell: install it again"):
        read_everyday(tmp_path / "gone.tsv")
    path = tmp_path / "latin.toml"
    path.write_bytes("größe = 1".encode("latin-1"))
    with pytest.raises(DataError, match="is not UTF-8 .* save it as UTF-8"):
        read_toml(path)


@pytest.mark.parametrize("path", READERS, ids=lambda path: path.name)
def test_an_empty_file_is_refused(tmp_path: Path, path: Path) -> None:
    empty = tmp_path / path.name
    empty.write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(str(empty))):
        READERS[path](empty)
