"""The topic and the aspect of a question: what it is about, and what it asks about that, by the words of asking.

All that is known of an aspect, for asking, answering and making questions, is one table of `data/aspects.toml`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.text.rules import DATA, Table, read_toml
from core.text.words import stop_words

ASPECTS = DATA / "aspects.toml"
INFORMATION = "information"
"""The aspect of a question that asks for nothing special; it has no words of asking."""
_WORD = re.compile(r"\w+(?:['’.-]\w+)*")


@dataclass(frozen=True)
class Aspect:
    """An aspect: something that a question may ask about its topic."""

    name: str
    """The aspect's name, one of MedQuAD's question types (Ben Abacha and Demner-Fushman, BMC Bioinformatics 2019)."""
    asked: re.Pattern[str] | None
    """Words of a question that asks for it; `INFORMATION` alone has none."""
    tells: re.Pattern[str]
    """Words of which a sentence that answers such a question has one at least."""
    touches: re.Pattern[str]
    """Words without which a passage does not mention the aspect."""
    forms: tuple[str, ...]
    """Questions for it as people ask them; `{t}` stands for the topic."""
    keywords: tuple[str, ...]
    """Keywords that people type beside the topic to find the aspect."""
    described: bool
    """Whether answers for the aspect list what one feels or sees."""
    detail_tells: re.Pattern[str] | None
    """Words of a sentence that connects a detail to the topic in this way."""
    detail_forms: tuple[str, ...]
    """Questions about such a detail, for which `{p}` stands; those of `INFORMATION` are for any sentence."""


@dataclass(frozen=True)
class Aspects:
    """The aspects of a file, by their names."""

    named: Mapping[str, Aspect]
    """The aspects in the order in which a question is matched: "treated for the cause" asks for treatment."""
    clear: tuple[str, ...]
    """Aspects whose words show whether a passage speaks of them; of the others a passage may hold the answer unseen."""

    def get(self, name: str) -> Aspect:
        """The aspect of a name; `INFORMATION` if the name is of none, as a CSV's own may be."""
        return self.named.get(name) or self.named[INFORMATION]


def read_aspects(path: Path) -> Aspects:
    """Read a file of aspects.

    Raises:
        DataError: the file is missing, or names the line that is no rule.
    """
    file = read_toml(
        path,
        needed=("tells", "forms", "keywords"),
        optional=("asked", "hard_to_miss", "described", "detail_tells", "detail_forms"),
        top=("clear",),
    )
    named = {table.name: _aspect(table) for table in file.tables}
    if INFORMATION not in named:
        raise file.fault(f"there is no table [{INFORMATION}]; expected one, for questions that ask for nothing special")
    clear = file.texts("clear")
    for name in clear:
        if name not in named:
            raise file.fault(f"clear holds {name!r}; expected one of {', '.join(named)}", "clear", name)
    return Aspects(named, clear)


def _aspect(table: Table) -> Aspect:
    general = table.name == INFORMATION
    if ("asked" in table) == general:
        expected = "none in this table" if general else "the words of a question for it"
        raise table.fault(f"the key 'asked' is {'there' if general else 'missing'}; expected {expected}")
    if ("detail_forms" in table) != ("detail_tells" in table or general):
        raise table.fault("expected both detail_tells and detail_forms, or neither; in [information] the forms alone")
    tells = table.pattern("tells")
    return Aspect(
        table.name,
        None if general else table.pattern("asked"),
        tells,
        table.pattern("hard_to_miss") if "hard_to_miss" in table else tells,
        table.forms("forms", "t"),
        table.texts("keywords"),
        table.flag("described"),
        table.pattern("detail_tells") if "detail_tells" in table else None,
        table.forms("detail_forms", "p", "t") if "detail_forms" in table else (),
    )


@cache
def aspects() -> Aspects:
    """The aspects of data/aspects.toml, read once."""
    return read_aspects(ASPECTS)


@cache
def _asking() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(sorted(stop_words('asking')))})\b", re.I)


def aspect(question: str) -> str:
    """The aspect that a question asks about; `INFORMATION` if it asks for nothing special."""
    asked = (known for known in aspects().named.values() if known.asked and known.asked.search(question))
    return next((known.name for known in asked), INFORMATION)


def asks_about(aspect: str, text: str) -> bool:
    """Whether a text has the words of asking for an aspect; never for one that has none."""
    known = aspects().named.get(aspect)
    return bool(known and known.asked and known.asked.search(text))


def topic(question: str) -> str:
    """The words of a question that are not words of asking, in their order: "gout" of "What causes gout?".

    Where it has no others, all its words.
    """
    rest = question
    for known in aspects().named.values():
        rest = known.asked.sub(" ", rest) if known.asked else rest
    words = _WORD.findall(_asking().sub(" ", rest))
    return " ".join(words or _WORD.findall(question))
