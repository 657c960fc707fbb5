"""How the reader is trained."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """What a training is made with; recorded on the reader's card."""

    learning_rate: float = 1.2e-4
    epochs: float = 2.0
    batch_size: int = 24
    weight_decay: float = 0.01
    warmup: float = 0.06
    """Share of the steps in which the learning rate rises."""
    file_questions: int = 6500
    """Questions of the file that pairs are made of."""
    people: float = 3.0
    """How often a pair from people's questions is seen for each other pair."""
    seed: int = 0
