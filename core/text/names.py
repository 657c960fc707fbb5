"""Names of illnesses: which of their words tell one from another."""

from functools import cache

from core.text.words import content_words, stop_words


@cache
def generic() -> frozenset[str]:
    """Stems that two names may share and yet name different things."""
    return frozenset(content_words(" ".join(stop_words("names"))))


def telling_stems(name: str) -> set[str]:
    """The stems of a name that tell it from others: of "kidney disease", that of "kidney"."""
    stems = set(content_words(name))
    return stems - generic() or stems
