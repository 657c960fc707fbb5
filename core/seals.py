"""Records in JSON with a seal: a hash of all the rest of them, so that a change of a single bit is seen."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

SEAL = "seal"
"""The key of a record's seal."""


def seal_of(values: Mapping[str, Any]) -> str:
    """SHA-256 of values in the canonical form of `json.dumps`, with sorted keys and no spaces."""
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def sealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with their seal."""
    return {**values, SEAL: seal_of(values)}


def unsealed(content: str | bytes) -> dict[str, Any]:
    """A record from its JSON, without its seal; one of before, which has none, is taken as it is.

    Raises:
        ValueError: it is no JSON object, or was changed since it was sealed.
    """
    values = json.loads(content)
    if not isinstance(values, dict):
        raise ValueError("it is no JSON object")
    seal = values.pop(SEAL, None)
    if seal is not None and seal != seal_of(values):
        raise ValueError("it was changed since it was written")
    return values
