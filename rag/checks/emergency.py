"""The notice above an answer, decided before anything is written: a notice to seek help at once where a question reads
like an emergency, and a plain limit where it asks for a diagnosis or a dose of one's own.

An emergency is recognised by its similarity to phrasings that are known to be one, or not
(rag/checks/emergencies.jsonl): kernel ridge regression over the embedder's vectors, solved in closed form when the
index is opened. The same words always get the same notice, and neither the model that writes nor any passage can change
it. Patterns of words were tried first: they recognised every phrasing that they were written with, and a third of
others. A message is
judged as a whole, by its sentences and by its clauses, as people write one thing behind another without a stop. The
embedder reads English: for other languages there are patterns (rag/checks/emergencies_abroad.toml).
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from core.cached_folder import DAILY_S, Facts, made_once
from core.files import read_jsonl, sha256_file
from core.text.language import ENGLISH, language, languages
from core.text.personal import asks_for_advice
from core.text.rules import read_toml
from core.text.sentences import clauses, sentence_spans
from index.embedders.base import Embedder
from rag.answer import Notice, Urgency

PHRASINGS = Path(__file__).with_name("emergencies.jsonl")
"""Questions with their kind; an empty one for what only sounds alike."""
ABROAD = Path(__file__).with_name("emergencies_abroad.toml")
WIDTH = 2.0
"""gamma of the kernel exp(-gamma |a - b|²) between vectors of length 1."""
RIDGE = 0.3
CLAUSE_BAR = 0.3
"""The bar of a clause, above that of a sentence: "my chest" and "is it dangerous" say little by themselves."""
MOST_CLAUSES = 2
"""Clauses that are judged together."""
MISSED = 0.04
"""Share of the known emergencies, each judged by all the others, that may lie below the bar."""

URGENT: tuple[Urgency, ...] = ("emergency", "poisoning", "suicide")
TEXTS: dict[Urgency, str] = {
    "emergency": "This may be an emergency. Call your emergency number now (112, 911 or 999 in many countries), or "
    "have somebody call it. Do not wait for an answer from this page.",
    "poisoning": "This may be a poisoning or an overdose. Call your emergency number now (112, 911 or 999 in many "
    "countries) or poison control (1-800-222-1222 in the United States). Keep the package at hand.",
    "suicide": "You are not alone, and there is help right now. Call your emergency number (112, 911 or 999 in many "
    "countries) or a crisis line: 988 in the United States and Canada, 116 123 in the United Kingdom and Ireland; "
    "findahelpline.com lists others. If it is about somebody else, stay with them.",
    "limit": "This page does not know you: it cannot tell what you have or which dose is right for you. A doctor or a "
    "pharmacist can. What follows is what the file says in general.",
}


def known_phrasings(embedder: Embedder, cache: Path, phrasings: Path = PHRASINGS) -> tuple[list[str], np.ndarray]:
    """The kind of each known phrasing, and its vector, shape (phrasings, dimensions); embedded once and kept.

    Raises:
        DataError: the file of phrasings is damaged.
        OSError: the disk is full or the cache cannot be written.
    """
    known = read_jsonl(phrasings, "question", "kind")
    facts: Facts = {"embedder": embedder.identity, "phrasings": sha256_file(phrasings)}
    folder = cache / f"emergencies-{str(facts['embedder']).rpartition('@')[2][:12]}-{str(facts['phrasings'])[:12]}"
    with made_once(folder, facts, DAILY_S) as empty:
        if empty is not None:
            np.save(empty / "vectors.npy", embedder.embed([_plain(row["question"]) for row in known]))
    return [row["kind"] for row in known], np.load(folder / "vectors.npy", allow_pickle=False)


class EmergencyDetector:
    """Reads questions for signs of an emergency.

    Args:
        kinds: the kind of each known phrasing; empty for one that only sounds like an emergency.
        vectors: the vector of each known phrasing, of length 1, shape (phrasings, dimensions).
        embed: texts -> such vectors.
    """

    def __init__(self, kinds: Sequence[str], vectors: np.ndarray, embed: Callable[[list[str]], np.ndarray]) -> None:
        self._embed = embed
        self._kinds = np.array(kinds)
        self._known = vectors.astype(np.float64)
        urgent = self._kinds != ""
        target = urgent.astype(np.float64)  # what is near to nothing comes to 0, as what is harmless does
        inverse = np.linalg.inv(self._kernel(self._known) + RIDGE * np.eye(len(kinds)))
        self._weights = inverse @ target
        # Each as it is judged by all the others (Rasmussen and Williams 2006, Gaussian Processes, eq. 5.12).
        left_out = target - self._weights / np.diag(inverse)
        self.bar = float(np.quantile(left_out[urgent], MISSED))

    def notice(self, question: str) -> Notice | None:
        """The notice that a question gets; None for most. Help goes before the limit of what a file can tell."""
        kind = self.emergency(question)
        if not kind and asks_for_advice(question):
            kind = "limit"
        if not kind:
            return None
        spoken = language(question) if kind in URGENT else ENGLISH
        line = "" if spoken in ("", ENGLISH) else f"{languages()[spoken].emergency} "
        return Notice(kind, f"{line}{TEXTS[kind]}")

    def emergency(self, question: str) -> Urgency | None:
        """The kind of emergency that a question reads like, as a whole or in one of its parts; None for none."""
        if kind := emergency_abroad(question):
            return kind
        whole = dict.fromkeys([question, *(question[start:end] for start, end in sentence_spans(question))], self.bar)
        bars = {**dict.fromkeys(clauses(question, MOST_CLAUSES), max(CLAUSE_BAR, self.bar)), **whole}
        near = self._kernel(self._embed([_plain(text) for text in bars]).astype(np.float64))
        above = near @ self._weights - np.array(list(bars.values()))
        if above.max() <= 0:
            return None
        likest = near[above.argmax()]
        return max(URGENT, key=lambda kind: np.sort(likest[self._kinds == kind])[-3:].sum())

    def _kernel(self, vectors: np.ndarray) -> np.ndarray:
        return np.exp(-WIDTH * (2 - 2 * vectors @ self._known.T))


def read_abroad(path: Path) -> dict[str, dict[Urgency, re.Pattern[str]]]:
    """Read the patterns of other languages: language -> kind -> its pattern.

    Raises:
        DataError: the file is missing, or names the line that is no rule.
    """
    return {
        table.name: {kind: table.pattern(kind) for kind in URGENT} for table in read_toml(path, needed=URGENT).tables
    }


@cache
def _abroad() -> dict[str, dict[Urgency, re.Pattern[str]]]:
    return read_abroad(ABROAD)


def emergency_abroad(question: str) -> Urgency | None:
    """The kind of emergency that a question in another language than English has the words of; None for none."""
    bare = "".join(
        char for char in unicodedata.normalize("NFKD", question.casefold()) if not unicodedata.combining(char)
    )
    found = {kind for kinds in _abroad().values() for kind, pattern in kinds.items() if pattern.search(bare)}
    return next((kind for kind in ("suicide", "poisoning", "emergency") if kind in found), None)


def _plain(text: str) -> str:
    return text.casefold().replace("’", "'")
