import random

import pytest

from core.text.symptoms import symptom_lists
from index.tuning.question_forms import describe, some_felt


@pytest.mark.parametrize(
    ("text", "things"),
    [
        (
            "Symptoms of gout include a swollen big toe, burning pain, and fever.",
            [["swollen big toe", "burning pain", "fever"]],
        ),
        (
            "People with it often have blurred vision (amblyopia), or a stiff neck.",
            [["blurred vision", "amblyopia", "stiff neck"]],
        ),
        (
            "The signs are: itching in the ears; a dull ache, night sweats",
            [["itching in the ears", "dull ache", "night sweats"]],
        ),
        ("Gout is caused by uric acid, salts, and bad luck.", []),
        ("Symptoms are known to include several forms, which differ, and other types.", []),
        ("It is characterized by severe, red, swollen joints, and hearing loss.", [["swollen joints", "hearing loss"]]),
        ("Signs of stones include blood, kidneys, and colic in the flank.", [["blood", "colic in the flank"]]),
    ],
)
def test_things_that_a_sentence_lists_as_felt(text: str, things: list[list[str]]) -> None:
    assert list(symptom_lists(text)) == things


def test_nothing_that_names_the_illness_is_described() -> None:
    assert list(symptom_lists("Symptoms include gout attacks, fever, and chills.", ["gout"])) == [["fever", "chills"]]
    assert some_felt("Symptoms include gout attacks and fever.", ["gout"], random.Random(0)) == []


def test_a_description_holds_what_is_felt_in_one_or_other_words() -> None:
    rng = random.Random(3)
    texts = {describe(["numb fingers", "cold feet"], rng) for _ in range(40)}
    assert len(texts) > 15
    assert sum("numb fingers" in text for text in texts) > len(texts) / 2
