"""Rules of language as data: TOML and TSV files that a clinician can read, correct and translate.

Each rule is checked when its file is read, and one that cannot be used is refused with its file and its line.
"""

import json
import re
import string
import tomllib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import DataError
from core.text.toml_lines import line_of

DATA = Path(__file__).with_name("data")
"""Folder of the files that this package reads."""
WHOLE_WORDS = r"\b(?:{})\b"
BEGINNINGS = r"\b(?:{})"
"""Frames of regular expressions: for whole words, and for words that begin so."""
AGAIN = "correct that line, then run the command again"


def fault(path: Path, line: int, found: str) -> DataError:
    """The error for a rule that cannot be used.

    Args:
        found: what was found on the line, and what was expected there.
    """
    return DataError(f"{path}, line {line}: {found}; {AGAIN}")


def compiled(text: str, frame: str = WHOLE_WORDS) -> re.Pattern[str]:
    """A regular expression that ignores case, set into a frame such as `WHOLE_WORDS`.

    Raises:
        ValueError: it is not a regular expression, or it matches every text.
    """
    try:
        matches_every = re.compile(text).fullmatch("")  # by itself, lest "a)(b" closes the frame's bracket
        pattern = re.compile(frame.format(text), re.I)
    except (re.error, OverflowError) as error:
        raise ValueError(f"'{text}' is not a regular expression ({error})") from error
    if matches_every:
        raise ValueError(f"'{text}' matches every text; expected at least one letter or digit")
    return pattern


@dataclass(frozen=True)
class Table:
    """A table of a TOML file: the file itself, whose name is empty, or one of its `[name]` tables."""

    path: Path
    name: str
    values: dict[str, Any]
    tables: tuple["Table", ...] = ()
    """The `[name]` tables of a file, in their order."""

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def check_keys(self, needed: Collection[str], optional: Collection[str] = ()) -> None:
        """Refuse a table without a key that is needed, and one with a key that is not known.

        Raises:
            DataError: naming the key.
        """
        expected = ", ".join((*needed, *optional)) or "no key here"
        for key in self.values:
            if key not in needed and key not in optional:
                raise self.fault(f"unknown key {key!r}; expected {expected}", key)
        for key in needed:
            if key not in self.values:
                raise self.fault(f"the key {key!r} is missing; expected {expected}")

    def check_tables(self, names: Collection[str]) -> None:
        """Refuse a file that has other `[name]` tables than these.

        Raises:
            DataError: naming the table.
        """
        expected = ", ".join(f"[{name}]" for name in names)
        for table in self.tables:
            if table.name not in names:
                raise table.fault(f"is an unknown table; expected {expected}")
        for name in names:
            if name not in {table.name for table in self.tables}:
                raise self.fault(f"the table [{name}] is missing; expected {expected}")

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, in its order.

        Raises:
            DataError: it is not a list of texts, or holds one twice.
        """
        found = self.values[key]
        if not (isinstance(found, list) and found):
            raise self.fault(f"{key} is {_short(found)}; expected a list of texts", key)
        for entry in found:
            if not isinstance(entry, str):
                raise self.fault(f"{key} holds {_short(entry)}; expected texts in quotes", key, _short(entry))
        return self._unrepeated(found, key)

    def words(self, key: str) -> tuple[str, ...]:
        """The words of one text, in lower case and separated by white space.

        Raises:
            DataError: it is not such a text, or holds a word twice.
        """
        found = self.values[key]
        if not (isinstance(found, str) and found.strip()):
            raise self.fault(f"{key} is {_short(found)}; expected words in one text", key)
        for word in found.split():
            if word != word.lower():
                raise self.fault(f"{key} holds {word!r}; expected words in lower case", key, word)
        return self._unrepeated(found.split(), key)

    def forms(self, key: str, *places: str, optional: Sequence[str] = ()) -> tuple[str, ...]:
        """A list of texts with places to fill in, such as "what is {t}".

        Args:
            places: what each text must have a place for.
            optional: what it may have a place for besides.

        Raises:
            DataError: it is not such a list.
        """
        texts = self.texts(key)
        for text in texts:
            try:
                found = {place for _, place, _, _ in string.Formatter().parse(text) if place is not None}
            except ValueError as error:
                raise self.fault(f"{key} holds {text!r} ({error})", key, text) from error
            if not set(places) <= found <= {*places, *optional}:
                must, may = (" and ".join(f"{{{place}}}" for place in each) for each in (places, optional))
                expected = f"{must or 'no place'} in each" + (
                    f", and at most {may} besides" if may else " and no other"
                )
                raise self.fault(f"{key} holds {text!r}; expected {expected}", key, text)
        return texts

    def pattern(self, *keys: str, frame: str = WHOLE_WORDS) -> re.Pattern[str]:
        """One pattern for the regular expressions of some keys, each a list; it matches where any of them does.

        Raises:
            DataError: a key holds no such list.
        """
        texts = [(key, text) for key in keys for text in self.texts(key)]
        whole = (keys[0], "|".join(text for _, text in texts))
        for key, text in (*texts, whole):
            try:
                pattern = compiled(text, frame)
            except ValueError as error:
                raise self.fault(f"{key}: {error}", key, text) from error
        return pattern

    def flag(self, key: str) -> bool:
        """Whether a key is true; without the key it is not.

        Raises:
            DataError: it is neither true nor false.
        """
        found = self.values.get(key, False)
        if not isinstance(found, bool):
            raise self.fault(f"{key} is {_short(found)}; expected true or false", key)
        return found

    def fault(self, found: str, key: str = "", entry: str = "", occurrence: int = 1) -> DataError:
        """The error for something in this table, with the line of a key's entry, of the key, or of the table."""
        lines = self.path.read_text(encoding="utf-8").splitlines()
        named = f"[{self.name}] {found}" if self.name else found
        return fault(self.path, line_of(lines, self.name, key, entry, occurrence), named)

    def _unrepeated(self, texts: Sequence[str], key: str) -> tuple[str, ...]:
        for place, text in enumerate(texts):
            if text in texts[:place]:
                raise self.fault(f"{key} holds {text!r} twice; expected it once", key, text, 2)
        return tuple(texts)


def read_toml(
    path: Path, needed: Collection[str] = (), optional: Collection[str] = (), top: Collection[str] = ()
) -> Table:
    """Read a file of rules.

    Args:
        needed: keys that each of its `[name]` tables must have.
        optional: keys that a table may have besides; without either the file may have no tables.
        top: keys that the file must have before its first table.

    Raises:
        DataError: the file is missing, is not TOML, holds no rules, or has a wrong key.
    """
    try:
        values = tomllib.loads(_read(path))
    except tomllib.TOMLDecodeError as error:  # its message names the line, of what is written twice as well
        raise DataError(f"{path} is not TOML: {error}; {AGAIN}") from error
    inner = {key: value for key, value in values.items() if isinstance(value, dict)}
    tables = tuple(Table(path, name, keys) for name, keys in inner.items())
    file = Table(path, "", {key: value for key, value in values.items() if key not in inner}, tables)
    file.check_keys(top)
    if needed and not tables:
        raise DataError(f"{path} holds no rules; expected tables with {', '.join(needed)}; install CiteWell again")
    for table in tables:
        if not (needed or optional):
            raise table.fault("is a table; expected none in this file")
        table.check_keys(needed, optional)
    return file


def read_tsv(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines of a table, each with its number and its two cells or more; empty lines and those after # are left out.

    Raises:
        DataError: the file is missing or has no such line, or one is not of this form or repeats a cell.
    """
    seen: dict[str, int] = {}
    for number, line in enumerate(_read(path).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) < 2 or any(cell != cell.strip() or not cell for cell in cells):
            raise fault(path, number, f"{line!r}; expected two cells or more, with one tab and no space between them")
        if cells[0] in seen:
            raise fault(path, number, f"{cells[0]!r} stands on line {seen[cells[0]]} as well; expected it once")
        if len(set(cells)) < len(cells):
            raise fault(path, number, f"{line!r} has a cell twice; expected each once")
        seen[cells[0]] = number
        yield number, cells
    if not seen:
        raise DataError(f"{path} holds no rules; expected lines of two cells or more; install CiteWell again")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; it is part of CiteWell: install it again") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 ({error}); save it as UTF-8, then run the command again") from error


def _short(value: Any) -> str:
    """A value as JSON, cut to 60 characters."""
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"
