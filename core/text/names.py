"""Names of illnesses: which of their words tell one from another."""

from core.text.words import content_words

GENERIC = frozenset(
    content_words(
        "syndrome disease disorder disorders diseases cancer cancers tumor tumors deficiency infection infections type "
        "familial hereditary congenital chronic acute primary secondary autosomal dominant recessive linked related "
        "childhood adult children infantile juvenile onset early late form multiple severe benign malignant rare "
        "problems condition conditions pain injuries injury abnormality overview help helps against best first sign "
        "signs take taken given used people attack attacks"
    )
)
"""Stems that two names may share and yet name different things."""


def telling_stems(name: str) -> set[str]:
    """The stems of a name that tell it from others: of "kidney disease", that of "kidney"."""
    stems = set(content_words(name))
    return stems - GENERIC or stems
