"""What a build reports when it is published."""

from core.text.language import ENGLISH, languages
from index.embedded import BuildVectors
from index.reader import Index

IN_ANOTHER_LANGUAGE = (
    "{csv} is in another language than English ({name}): the packaged embedder, the prompt and the checks are for "
    "English and work less well on it; index.embedder and generator.model name models that know the language"
)
"""The note of a build whose answers are not in English."""


def summary(index: Index, made: BuildVectors, seconds: float) -> list[str]:
    """The lines that sum up a build: its counts, and what a file in another language than English loses."""
    manifest = index.manifest
    size = sum(entry["bytes"] for entry in manifest.files.values())
    rows = [
        ("rows read", f"{manifest.rows:,}"),
        ("records kept", f"{manifest.kept:,}"),
        ("rows merged into them", f"{manifest.merged:,}"),
        *((f"refused, {reason}", f"{count:,}") for reason, count in manifest.refused.items()),
        ("passages", f"{len(index.passages):,}"),
        ("vectors of them", f"{len(index.headed):,}"),
        ("of these unchanged", f"{made.unchanged:,}"),
        ("texts embedded", f"{made.embedded:,}"),
        ("texts kept from before", f"{made.kept:,}"),
        ("embedded per second", f"{made.per_second:.1f}"),
        ("seconds", f"{seconds:.1f}"),
        ("bytes", f"{size:,}"),
    ]
    lines = [f"  {name:<24} {value}" for name, value in rows]
    if index.language != ENGLISH:
        lines.append(IN_ANOTHER_LANGUAGE.format(csv=manifest.csv, name=languages()[index.language].name))
    return lines
