"""Write docs/commands.md: the help of the command `citewell` and of every verb.

python -m bench.commands
"""

import os
from collections.abc import Iterator
from importlib import import_module
from typing import NoReturn
from unittest.mock import patch

import citewell
from core.command import Parser, called_as, command_parser
from core.errors import run_command
from core.files import write_atomic
from core.paths import PACKAGES

FILE = PACKAGES / "docs/commands.md"
WIDTH = "120"
"""Columns of the help, whatever the terminal's are."""


class _Parsed(Exception):  # noqa: N818  # it carries a parser out of a command before it begins to work
    def __init__(self, parser: Parser) -> None:
        self.parser = parser


def page() -> str:
    """The text of docs/commands.md."""
    with patch.dict(os.environ, COLUMNS=WIDTH, NO_COLOR="1"):
        return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "# Commands\n"
    yield "Written by `python -m bench.commands` from the help of each command.\n"
    yield f"```text\n$ citewell --help\n{citewell.overview()}\n```\n"
    for verb in citewell.NAMES.values():
        parser = parser_of(verb)
        yield f"## citewell {verb.name}\n"
        for each in [parser, *parser.subcommands().values()]:
            yield f"```text\n$ {each.prog} --help\n{each.format_help().rstrip()}\n```\n"
        if verb.on_ray:
            text = parser_of(verb, verb.on_ray).format_help().rstrip()
            yield f"```text\n$ citewell {verb.name} --ray ADDRESS --help\n{text}\n```\n"


def parser_of(verb: citewell.Verb, module: str = "") -> Parser:
    """The parser that a verb's command, or another module that runs it, reads its arguments with."""

    def leave(parser: Parser, *_: object) -> NoReturn:
        raise _Parsed(parser)

    with patch.object(Parser, "parse_args", leave), called_as(f"citewell {verb.name}"):
        try:
            import_module(module or verb.module).main([])
        except _Parsed as parsed:
            return parsed.parser
    raise AssertionError(f"{verb.module} reads its arguments with another parser")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    command_parser("bench.commands", __doc__).parse_args(argv)
    write_atomic(FILE, page())
    print(f"wrote {FILE}")
    return 0


if __name__ == "__main__":
    run_command(main)
