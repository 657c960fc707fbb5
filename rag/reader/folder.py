"""A reader's folder: the trained weights, and the card that says what they were made from and how to decide by them."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import WeightsError
from core.files import sha256_file, write_atomic
from core.seals import sealed, unsealed
from index.embedders.weights import EmbedderWeights
from index.ranking import NEVER_FITTED, Answerability, read_answerability

SHIPPED = Path(__file__).with_name("shipped")
"""The project's own reader."""
CARD = "reader.json"
TENSORS = "reader.safetensors"
MAKE_AGAIN = "copy the folder again, or train one: citewell tune reader --to DIR"


@dataclass(frozen=True)
class ReaderFolder:
    """The facts of a reader's folder."""

    folder: Path
    name: str
    sha256: str
    """SHA-256 of the trained weights."""
    base_sha256: str
    """SHA-256 of the weights that they are trained over: the embedder's."""
    decision: Answerability
    """When to answer by its readings; `NEVER_FITTED` of a reader that only orders."""

    @property
    def identity(self) -> str:
        """Name and start of the hash: what an answer is signed with."""
        return f"{self.name}@{self.sha256[:12]}"

    def check_base(self, base: EmbedderWeights) -> None:
        """Refuse another base than the one that it was trained over.

        Raises:
            WeightsError: the hashes differ.
        """
        if self.base_sha256 != base.sha256:
            raise WeightsError(
                f"the reader {self.folder} was trained over weights {self.base_sha256[:12]}…, {base.label} has "
                f"{base.sha256[:12]}…; {MAKE_AGAIN}"
            )


def read_folder(folder: Path) -> ReaderFolder:
    """Read and check a reader's folder.

    Raises:
        WeightsError: a file is missing or damaged.
    """
    card, tensors = folder / CARD, folder / TENSORS
    try:
        facts: dict[str, Any] = unsealed(card.read_bytes())
        decision = read_answerability(facts["decision"]) if facts["decision"] else NEVER_FITTED
        found = ReaderFolder(folder, str(facts["name"]), str(facts["sha256"]), str(facts["base_sha256"]), decision)
        digest = sha256_file(tensors)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{folder} is no whole reader ({error}); {MAKE_AGAIN}") from error
    if digest != found.sha256:
        raise WeightsError(
            f"{tensors} is damaged: SHA-256 {digest[:12]}…, the card says {found.sha256[:12]}…; {MAKE_AGAIN}"
        )
    return found


def write_card(folder: Path, facts: dict[str, Any], decision: Answerability = NEVER_FITTED) -> None:
    """Write the card of a folder whose weights are there."""
    fitted = dataclasses.asdict(decision) if decision.signals else None
    whole = {**facts, "sha256": sha256_file(folder / TENSORS), "decision": fitted}
    write_atomic(folder / CARD, json.dumps(sealed(whole), indent=1) + "\n")
