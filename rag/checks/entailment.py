"""Whether one text entails a sentence: the project's own network, or a cross-encoder that the settings name.

The network is the reader's (`rag.reader.network`), trained further on sentences that passages support, contradict or do
not mention (`dataset.verifier`): the sentence stands in the question's place, and the log-odds that a passage answers
are those that it supports the sentence.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import WeightsError
from core.progress import log
from index.embedders.weights import find_weights
from rag.checks.citations import SupportJudge
from rag.reader.base import sentences
from rag.reader.cross_encoder import load_cross_encoder
from rag.reader.folder import CARD, read_folder
from rag.reader.inputs import Pair

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

SHIPPED = Path(__file__).with_name("verifier")
"""The project's own network."""
MAX_TOKENS = 256
"""Most tokens of quote and sentence together, for a cross-encoder."""
ENTAILS = "entail"
"""Beginning of the label for "the first text entails the second": "entailment" in models of SNLI and MNLI."""

DEFAULT = "default"
"""The `rag.nli` that names the shipped network."""
LEAST = 1e-6
"""Probabilities nearer to 0 or 1 than this say no more."""

Entails = Callable[[str, str, str], float]
"""Sentence, heading, text -> log-odds that the text under its heading entails the sentence."""


@dataclass(frozen=True)
class StrictJudge:
    """Two judges of which the stricter one decides."""

    judge: SupportJudge
    entails: Entails

    @property
    def supported(self) -> float:
        return self.judge.supported

    @property
    def weak(self) -> float:
        return self.judge.weak

    def support(self, claim: str, quote: str, heading: str, text: str) -> float:
        """Probability that a quote, from a passage with this heading and text, supports a sentence."""
        first = self.judge.support(claim, quote, heading, text)
        return min(first, _probability(self.entails(claim, heading, quote))) if first >= self.weak else first


def is_own(name: str) -> bool:
    """Whether `rag.nli` names a network of this project's kind, or none, and not another's cross-encoder."""
    return name in ("", DEFAULT) or (Path(name) / CARD).is_file()


def open_entailment(name: str, cache: Path) -> Entails | None:
    """A network of this project's kind; None where none is named, or the shipped one cannot be had, which is reported.

    Args:
        name: `default` for the shipped one, or a folder that `citewell tune verifier` wrote; empty for none.
        cache: where it is converted to.

    Raises:
        WeightsError: a folder that was named cannot be used.
    """
    if not name:
        return None
    from rag.reader.openvino import OpenVinoReader

    try:
        folder = read_folder(SHIPPED if name == DEFAULT else Path(name))
        reader = OpenVinoReader.load(folder, find_weights(), cache)
    except (WeightsError, OSError, RuntimeError) as error:
        if name != DEFAULT:
            raise
        log.warning(f"notice: sentences are judged without the network for entailment: {error}")
        return None
    return lambda claim, heading, text: reader.read_pairs([Pair(claim, heading, sentences(text))])[0].logit


def read_cross_encoder(name: str) -> Entails:
    """Load a sentence-transformers CrossEncoder for inference by folder or hub id.

    Raises:
        WeightsError: it is not to be had, or none of its labels means that one text entails another.
    """
    model = load_cross_encoder(name, MAX_TOKENS, "rag.nli", "judge without")
    labels = {int(row): str(label) for row, label in (getattr(model.config, "id2label", None) or {}).items()}
    row = next((row for row, label in labels.items() if label.casefold().startswith(ENTAILS)), None)
    if row is None:
        raise WeightsError(
            f"{name!r} has the labels {', '.join(labels.values())}; expected one that begins with {ENTAILS!r}, as "
            "models for natural language inference have; leave rag.nli empty to judge without"
        )
    return _entails(model, row)


def _entails(model: "CrossEncoder", row: int) -> Entails:
    def entails(claim: str, heading: str, text: str) -> float:
        scores = model.predict([(f"{heading}\n{text}", claim)], apply_softmax=True, show_progress_bar=False)
        probability = min(max(float(scores[0][row]), LEAST), 1 - LEAST)
        return math.log(probability / (1 - probability))

    return entails


def _probability(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))
