import pytest

from rag.answer import Evidence
from rag.checks.caveats import with_caveats
from rag.checks.citations import Draft

TEXT = "Shingles is a rash. Shingles cannot be caught. However, the virus can be passed on. Yet this is rare. It hurts."
EVIDENCE = [
    Evidence("p1", "r1", "Is it catching?", TEXT, "", "", 1.0, n=1),
    Evidence("p2", "r2", "?", "", "", "", 1.0, n=2),
]
CAUGHT = Draft("", "Shingles cannot be caught.", (1,))
HOWEVER = Draft(" ", "However, the virus can be passed on.", (1,))
YET = Draft(" ", "Yet this is rare.", (1,))


def test_a_sentence_has_the_caveats_that_follow_it_in_its_passage() -> None:
    assert with_caveats([CAUGHT], EVIDENCE) == [CAUGHT, HOWEVER, YET]


def test_a_caveat_that_is_said_is_not_said_again() -> None:
    assert with_caveats([CAUGHT, HOWEVER, YET], EVIDENCE) == [CAUGHT, HOWEVER, YET]


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
    assert with_caveats([draft], EVIDENCE) == [draft]


def test_a_caveat_that_leads_into_a_list_is_not_torn_from_it() -> None:
    listed = [Evidence("p", "r", "?", "Gout cannot be caught. However, it is caused by:", "", "", 1.0, n=1)]
    caught = Draft("", "Gout cannot be caught.", (1,))
    assert with_caveats([caught], listed) == [caught]
