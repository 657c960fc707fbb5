"""What a setting may be, beside its type."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Range:
    """The numbers that a setting may be."""

    low: float
    high: float
    or_zero: bool = False
    """0 is allowed as well: CiteWell then decides."""

    def holds(self, value: Any) -> bool:
        return self.low <= value <= self.high or (self.or_zero and value == 0)

    def __str__(self) -> str:
        return f"{self.low:,} to {self.high:,}" + (", or 0" if self.or_zero else "")


@dataclass(frozen=True)
class OneOf:
    """The words that a setting may be."""

    words: tuple[str, ...]

    def holds(self, value: Any) -> bool:
        return value in self.words

    def __str__(self) -> str:
        return ", ".join(self.words)
