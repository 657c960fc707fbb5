"""What a search comes to: everything that it found, that read by the reader, and the hits that are evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rag.answer import Dropped, Hit
from rag.reader.base import Reading
from rag.search.query import Query
from rag.search.stages import Candidate, Stages


@dataclass(frozen=True)
class Retrieval:
    """The result of a search: the hits that are evidence, best first, and the dropped ones, each with the reason."""

    question: str
    query: Query
    hits: tuple[Hit, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    answerable: float = 1.0
    """Probability that the file holds an answer."""
    abstain: bool = False
    closest: tuple[str, ...] = ()
    """The questions of the file that are nearest, where it is to abstain."""
    nearest: tuple[Hit, ...] = ()
    """The passages that are nearest, to be shown as no more than that, where it is to abstain."""

    readings: Mapping[str, Reading] = field(default_factory=dict)
    """What the reader made of the hits and of those that were dropped, by the passage's id."""
    missing: tuple[str, ...] = ()
    """Names in the question that no hit holds."""

    @property
    def search_query(self) -> str:
        return self.query.searched


@dataclass(frozen=True)
class SearchResult:
    """A search before anything is dropped; what the evaluation looks at."""

    query: Query
    stages: Stages
    candidates: tuple[Candidate, ...]
    signals: np.ndarray = field(repr=False)
    background: float = 0.0
    """Cosine of the question to the file's questions at large; 0 in a search by words."""


@dataclass(frozen=True)
class ReadThrough:
    """What a search found, once it was read."""

    hits: tuple[Hit, ...]
    """Best first, none a duplicate."""
    dropped: tuple[Dropped, ...]
    answerable: float
    """Probability that the file holds an answer."""
    bar: float
    """Probability from which to answer."""
    readings: Mapping[str, Reading] = field(default_factory=dict)
    """What the reader made of each hit that it read, by the passage's id."""
    signals: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False)
    """What the reader's decision is made from (`rag.reader.decision`)."""
    decided: bool = False
    """Whether the reader decided, and not the search by itself."""
