import random

import pytest

from core.text.answer_cues import says_nothing_of, tells
from core.text.aspects import aspects
from core.text.everyday import everyday
from dataset.common_concerns import Concern, concerns
from dataset.details import phrases, read_words, touches


@pytest.mark.parametrize(
    ("question", "aspect", "sentences", "told"),
    [
        ("what helps against gout", "treatment", "Doctors treat gout with drugs that lower uric acid.", True),
        ("what helps against gout", "treatment", "Gout is a disorder of the joints.", False),
        ("is there a blood test for gout", "exams and tests", "A blood test shows the uric acid.", True),
        ("is there a blood test for gout", "exams and tests", "Gout is diagnosed from fluid of the joint.", False),
        ("can you die from gout", "outlook", "Gout is seldom fatal.", True),
        ("can you die from gout", "outlook", "Attacks of gout become worse over time.", False),
        ("do older people get gout more", "susceptibility", "Drinking beer makes gout more likely.", False),
        ("is gout serious", "information", "Gout is a disorder that can damage the joints.", True),
        ("is gout serious", "information", "Gout is named after a drop.", False),
        ("what is gout", "information", "Uric acid is made in the liver.", False),
    ],
)
def test_whether_sentences_tell_what_is_asked(question: str, aspect: str, sentences: str, told: bool) -> None:
    assert tells(question, "gout", aspect, sentences) == told


def test_the_name_of_an_illness_does_not_tell_how_it_is_inherited() -> None:
    said = "Hereditary neuropathy is a disorder of the nerves."
    assert not tells("is it passed on", "hereditary neuropathy", "inheritance", said)
    assert tells("is it passed on", "hereditary neuropathy", "inheritance", f"{said} A parent has it as well.")


def test_every_aspect_with_questions_has_words_of_its_answers() -> None:
    for aspect in aspects().named:
        assert not tells("?", "gout", aspect, "Gout."), aspect


@pytest.mark.parametrize(
    ("aspect", "text", "expected"),
    [
        ("treatment", "Drinking much water helps to flush stones out.", False),
        ("treatment", "Stones are small and hard.", True),
        ("inheritance", "Women with a family history of stones have them more often.", False),
        ("inheritance", "Stones are small and hard.", True),
        ("exams and tests", "The sugar in the blood is measured.", False),
        ("outlook", "Most tumours of this gland are curable.", False),
        ("frequency", "Many people have pain, and most of them vomit.", True),
        ("frequency", "It is seen in 1 in 500 births.", False),
        ("causes", "The pain is in one side and goes to the other.", True),
        ("causes", "The stones form when there is too little water.", False),
        ("prevention", "Older men are at risk.", True),
        ("prevention", "Drinking much water lowers the risk.", False),
    ],
)
def test_a_passage_says_nothing_of_an_aspect(aspect: str, text: str, expected: bool) -> None:
    assert says_nothing_of(aspect, text) == expected


def asking(words: str) -> Concern:
    return next(concern for concern in concerns() if any(words in form for form in concern.asked))


@pytest.mark.parametrize(
    ("words", "said", "touched", "silent"),
    [
        (
            "lose your hearing",
            "Hearing loss is common.",
            "The ears are set low.",
            "Most have problems with their heart and vessels.",
        ),
        (
            "acupuncture",
            "Yoga and acupuncture are tried.",
            "One cannot massage the hernia back.",
            "A doctor pushes the hernia back.",
        ),
        ("turn into cancer", "It may turn into cancer.", "It looks like a tumor.", "It grows fast."),
        ("bad for the heart", "Heart failure may follow.", "The heart is on the left.", "The lungs are clear."),
    ],
)
def test_a_word_is_not_yet_an_answer(words: str, said: str, touched: str, silent: str) -> None:
    concern = asking(words)
    assert [concern.is_said(text) for text in (said, touched, silent)] == [True, False, False]
    assert [concern.is_touched(text) for text in (said, touched, silent)] == [True, True, False]


def test_words_that_stand_together_once_are_no_phrase() -> None:
    answers = [f"The occipital lobes, in number {number}, are seen." for number in range(4)]
    once = "An enzyme converts androgens, of the body, into others."
    fillers = [f"Androgens, hormones, are number {number} in the enzyme, of the body." for number in range(4)]
    words = read_words([*answers, once, *fillers, *["Nothing else is said here."] * 800])
    assert phrases("He saw the occipital lobes, which are behind.", words, ()) == ["occipital lobes"]
    assert phrases(once, words, ()) == []


def test_medical_words_are_said_as_people_say_them() -> None:
    rng = random.Random(0)
    assert {everyday("severe vomiting", rng) for _ in range(20)} == {"very bad throwing up"}
    assert {everyday("hearing loss", rng) for _ in range(40)} == {"hard of hearing", "cant hear well"}
    assert everyday("painted", rng) == "painted"


@pytest.mark.parametrize(
    ("text", "phrase", "touched"),
    [
        ("It is treated with tablets.", "pills", True),
        ("It is treated with pills.", "tablets", True),
        ("It is treated with Tablets.", "medication", True),
        ("It is treated with rest.", "tablets", False),
        ("It is treated with rest.", "bed rest", True),
    ],
)
def test_a_text_touches_a_thing_in_other_words(text: str, phrase: str, touched: bool) -> None:
    assert touches(text, phrase) == touched
