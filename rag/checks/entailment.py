"""A second opinion on a sentence: a cross-encoder for natural language inference, where one is named (`rag.nli`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import WeightsError
from rag.checks.citations import SupportJudge
from rag.reader.cross_encoder import load_cross_encoder

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

MAX_TOKENS = 256
"""Most tokens of quote and sentence together."""
ENTAILS = "entail"
"""Beginning of the label for "the first text entails the second": "entailment" in models of SNLI and MNLI."""


@dataclass(frozen=True)
class StrictJudge:
    """Two judges of which the stricter one decides.

    Args:
        entails: premise, hypothesis -> probability that the first entails the second.
    """

    judge: SupportJudge
    entails: Callable[[str, str], float]

    @property
    def supported(self) -> float:
        return self.judge.supported

    @property
    def weak(self) -> float:
        return self.judge.weak

    def support(self, claim: str, quote: str, heading: str, text: str) -> float:
        """Probability that a quote, from a passage with this heading and text, supports a sentence."""
        first = self.judge.support(claim, quote, heading, text)
        return min(first, self.entails(f"{heading}\n{quote}", claim)) if first >= self.weak else first


def read_entailment(name: str) -> Callable[[str, str], float]:
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


def _entails(model: "CrossEncoder", row: int) -> Callable[[str, str], float]:
    def entails(premise: str, hypothesis: str) -> float:
        scores = model.predict([(premise, hypothesis)], apply_softmax=True, show_progress_bar=False)
        return float(scores[0][row])

    return entails
