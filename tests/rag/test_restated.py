"""Sentences that no passage clearly supports: put in its own words where they come from one, else left out."""

import pytest

from rag.answer import NumberedSource
from rag.checks.citations import Draft, Verifier
from rag.checks.restated import supported_only

GOUT = NumberedSource(
    1,
    "How are attacks of gout treated?",
    "Attacks are treated with colchicine. Colchicine is taken as 1.2 mg at the first sign. Ice eases the pain.",
)
COUGH = NumberedSource(2, "What eases a cough?", "Honey eases a cough. Colchicine is not given as 1.2 mg for it.")
COUGH_ALONE = NumberedSource(1, "What eases a cough?", "Honey eases a cough. It lasts for weeks.")


class WeakJudge:
    """Finds everything weakly supported."""

    supported, weak = 0.5, 0.2

    def support(self, claim: str, quote: str, heading: str, text: str) -> float:
        return 0.3


WEAK_JUDGE = WeakJudge()


@pytest.mark.parametrize(
    ("said", "marked", "shown"),
    [
        ("Attacks are treated with colchicine.", (1,), [("Attacks are treated with colchicine.", (1,))]),
        ("Colchicine is taken as 12 mg at once.", (1,), [("Colchicine is taken as 1.2 mg at the first sign.", (1,))]),
        ("Colchicine is given as 12 mg.", (2,), [("Colchicine is not given as 1.2 mg for it.", (2,))]),
        ("Garlic cures warts within days.", (1,), []),
    ],
)
def test_what_becomes_of_a_sentence(
    said: str, marked: tuple[int, ...], shown: list[tuple[str, tuple[int, ...]]]
) -> None:
    kept = supported_only([Draft("", said, marked)], Verifier([GOUT, COUGH]))
    assert [(draft.text, draft.marked) for draft in kept] == shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("A cough is eased by honey.", "Honey eases a cough."),  # weakly supported, and made from a sentence
        ("Syrups, teas and honey help.", "Syrups, teas and honey help."),  # weakly, and made from none
    ],
)
def test_what_is_weakly_supported_gives_way_to_what_it_was_made_from(said: str, shown: str) -> None:
    (kept,) = supported_only([Draft("", said, (1,))], Verifier([COUGH_ALONE], WEAK_JUDGE))
    assert kept.text == shown


def test_nothing_is_said_twice() -> None:
    drafts = [
        Draft("", "Colchicine is taken as 1.2 mg at the first sign.", (1,)),
        Draft(" ", "Colchicine is taken as 12 mg at the first sign.", (1,)),
    ]
    assert supported_only(drafts, Verifier([GOUT])) == drafts[:1]
