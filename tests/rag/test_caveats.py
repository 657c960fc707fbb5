import pytest

from rag.answer import NumberedSource
from rag.checks.caveats import with_caveats
from rag.checks.citations import Draft

TEXT = "Shingles is a rash. Shingles cannot be caught. However, the virus can be passed on. Yet this is rare. It hurts."
SOURCES = [NumberedSource(1, "Is it catching?", TEXT), NumberedSource(2, "?", "")]
CAUGHT = Draft("", "Shingles cannot be caught.", (1,))
HOWEVER = Draft(" ", "However, the virus can be passed on.", (1,))
YET = Draft(" ", "Yet this is rare.", (1,))


def test_a_sentence_has_the_caveats_that_follow_it_in_its_passage() -> None:
    assert with_caveats([CAUGHT], SOURCES) == [CAUGHT, HOWEVER, YET]


def test_a_caveat_that_is_said_is_not_said_again() -> None:
    assert with_caveats([CAUGHT, HOWEVER, YET], SOURCES) == [CAUGHT, HOWEVER, YET]


@pytest.mark.parametrize(
    "draft",
    [
        Draft("", "Shingles is a rash.", (1,)),
        Draft("", "Shingles cannot be caught.", (2,)),
        Draft("", "Shingles cannot be caught.", ()),
        Draft("", "Shingles can be caught by touch.", (1,)),
    ],
)
def test_nothing_is_added_to_other_sentences(draft: Draft) -> None:
    assert with_caveats([draft], SOURCES) == [draft]


def test_a_caveat_that_leads_into_a_list_is_not_torn_from_it() -> None:
    listed = [NumberedSource(1, "?", "Gout cannot be caught. However, it is caused by:")]
    caught = Draft("", "Gout cannot be caught.", (1,))
    assert with_caveats([caught], listed) == [caught]
