"""Everything that decides what a build holds, as the settings name it."""

from core.settings import IndexSettings
from index.embedders import adapter_identity
from index.embedders.base import Embedder
from index.ranking import find_ranking
from index.reader import READING
from index.store import Recipe

INPUTS = (*READING, "passage_tokens", "vectors")
"""The settings that, with the CSV, the embedder, its adapter and the ranking, decide what a build holds."""


def recipe_of(settings: IndexSettings, embedder: Embedder) -> Recipe:
    """The recipe of a build; raises DataError where there is no such ranking, WeightsError for the adapter."""
    return Recipe(
        embedder.identity,
        embedder.dimension,
        adapter_identity(settings),
        find_ranking(settings.ranking),
        {name: getattr(settings, name) for name in INPUTS},
    )
