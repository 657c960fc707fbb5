"""How every command reads its arguments: by one name, with its module's text as help, and errors of one line."""

import argparse
import contextlib
import difflib
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, NoReturn

from core.paths import PACKAGES

_verb: ContextVar[str] = ContextVar("verb", default="")


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that names the option that was meant, and the command that shows them all."""

    def __init__(self, **how: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **how)

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse the arguments as ArgumentParser does; an unknown one ends the program with one line and status 2."""
        arguments, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(self._unknown(unknown[0], arguments))
        return arguments

    def error(self, message: str) -> NoReturn:
        """End the program with one line and status 2."""
        self.exit(2, f"error: {message}; see: {self.prog} --help\n")

    def _unknown(self, word: str, arguments: argparse.Namespace) -> str:
        if not word.startswith("-"):
            return f"unexpected argument {word!r}"
        known = set(self._option_string_actions)
        for name, subcommand in self.subcommands().items():
            if name in vars(arguments).values():
                known |= set(subcommand._option_string_actions)
        return f"unknown option {word!r}" + meant(word.partition("=")[0], known)

    def subcommands(self) -> "dict[str, Parser]":
        """Name -> parser of each subcommand."""
        of_all = [each.choices for each in self._actions if isinstance(each, argparse._SubParsersAction)]
        return dict(of_all[0]) if of_all else {}


def command_parser(module: str, doc: str | None) -> Parser:
    """The parser of a command, whose help is its module's docstring.

    Its name is `citewell VERB` inside `called_as`, else `python -m module`.
    """
    return Parser(prog=_verb.get() or f"python -m {module}", description=doc)


@contextlib.contextmanager
def called_as(name: str) -> Iterator[None]:
    """Give the command that runs inside the block this name, such as `citewell build`."""
    token = _verb.set(name)
    try:
        yield
    finally:
        _verb.reset(token)


def meant(word: str, known: Iterable[str]) -> str:
    """Return a remark for an error's message that names the nearest known word; empty if none is near."""
    bare = {each.lstrip("-"): each for each in known}  # dashes make all options alike
    near = difflib.get_close_matches(word.lstrip("-"), bare, n=1)
    return f" (did you mean {bare[near[0]]!r}?)" if near else ""


def of_its_own(*words: str) -> list[str]:
    """The command line of `citewell WORDS` as a process of its own, whatever its working directory holds."""
    return [sys.executable, str(PACKAGES / "citewell.py"), *words]
