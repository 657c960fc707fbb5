from pathlib import Path

import pytest

from core.errors import DataError
from core.text.people import holds_for, people, read_people


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Can babies take aspirin for a fever?", {"babies"}),
        ("Can pregnant women eat hard cheese?", {"pregnant"}),
        ("Is honey safe for children over one year?", {"children"}),
        ("honey for babies under one year", {"babies"}),
        ("how much for my 3 year old", {"children"}),
        ("Older adults and men", {"elderly", "men"}),
        ("What is gout?", set()),
    ],
)
def test_groups_are_named_by_their_words_the_longest_first(text: str, named: set[str]) -> None:
    assert people(text) == named


@pytest.mark.parametrize(
    ("asked", "said", "holds"),
    [
        ("babies", "adults", False),
        ("children", "adults", False),
        ("elderly people", "adults", True),
        ("adults", "elderly people", False),
        ("pregnant women", "women", False),
        ("babies", "people", True),
        ("anyone", "adults", True),
        ("children and adults", "adults", True),
        ("grown-ups", "Most people who have asthma, including many children,", True),
        ("older men", "a man's age", True),
        ("adults", "women", True),
        ("men", "women", False),
    ],
)
def test_what_is_said_of_some_holds_for_those_within(asked: str, said: str, holds: bool) -> None:
    assert holds_for(people(asked), people(said)) is holds


def test_a_group_within_one_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.toml"
    path.write_text("[men]\nsaid = ['men']\nwithin = ['adults']\n")
    with pytest.raises(DataError, match=r"line 3: \[men\] within holds 'adults'; expected one of men"):
        read_people(path)
