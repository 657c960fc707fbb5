"""How commands read their arguments."""

import pytest

from core.command import called_as, command_parser


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line that a command with two subcommands ends with."""
    parser = command_parser("some.module", "What it does.")
    parser.add_argument("--index")
    parser.add_argument("--k", type=int)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("verify").add_argument("--history")
    commands.add_parser("schema").add_argument("--to")
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(words)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said.strip()


def test_an_unknown_option_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    see = "; see: python -m some.module --help"
    assert refused(capsys, "--idnex") == f"error: unknown option '--idnex' (did you mean '--index'?){see}"
    assert refused(capsys, "--idnex=a") == f"error: unknown option '--idnex=a' (did you mean '--index'?){see}"
    assert refused(capsys, "--zzz") == f"error: unknown option '--zzz'{see}"
    assert refused(capsys, "verify", "--histroy", "a").startswith(
        "error: unknown option '--histroy' (did you mean '--history'?)"
    )
    assert refused(capsys, "schema", "--histroy", "a") == f"error: unknown option '--histroy'{see}"
    assert refused(capsys, "verify", "more") == f"error: unexpected argument 'more'{see}"


def test_every_other_error_is_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "--k", "x").startswith("error: argument --k: invalid int value: 'x'; see: ")


def test_a_command_is_named_as_it_was_called() -> None:
    with called_as("citewell some"):
        assert command_parser("some.module", "").prog == "citewell some"
    assert command_parser("some.module", "").prog == "python -m some.module"
