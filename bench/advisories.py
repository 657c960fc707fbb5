"""Look up known vulnerabilities of everything that is installed, with pip-audit; `make audit` runs it.

python -m bench.advisories
python -m bench.advisories --requirements requirements.txt   # what a file pins, and not what is installed

It fails for each vulnerability that bench/advisories.toml does not accept, with a date and a reason. Where the advisory
service cannot be reached, it says so and succeeds: an audit says nothing about the code.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from core.command import command_parser
from core.errors import CiteWellError, DataError, run_command

ACCEPTED = Path(__file__).with_name("advisories.toml")
SERVICE = "https://api.osv.dev/v1/query"
"""OSV, which has PyPI's and GitHub's advisories: https://google.github.io/osv.dev/post-v1-query/"""
_UNREACHED = re.compile(r"(ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|HTTPError|ServiceError)\b")
_KEYS = {"id": str, "package": str, "on": date, "until": date, "why": str}


@dataclass(frozen=True)
class Accepted:
    """A vulnerability that somebody looked at and accepted until a day."""

    id: str
    package: str
    on: date
    until: date
    why: str


@dataclass(frozen=True)
class Vulnerability:
    """A known vulnerability of an installed release."""

    package: str
    version: str
    ids: tuple[str, ...]
    """Its own id, then its aliases."""
    fixed_in: tuple[str, ...]

    def is_accepted(self, accepted: Sequence[Accepted], today: date) -> bool:
        """Whether one of the entries is about it and still holds."""
        return any(
            entry.id in self.ids and entry.package.lower() == self.package.lower() and today < entry.until
            for entry in accepted
        )

    def __str__(self) -> str:
        fixed = f"; fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "; no release fixes it"
        return f"{self.package} {self.version}: {self.ids[0]} ({', '.join(self.ids[1:]) or 'no alias'}){fixed}"


def read_accepted(path: Path = ACCEPTED) -> list[Accepted]:
    """The accepted vulnerabilities of a file.

    Raises:
        DataError: it is no TOML, or an entry lacks something.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("accepted", [])
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is not TOML: {error}") from error
    for entry in entries:
        if set(entry) != set(_KEYS) or not all(isinstance(entry[key], kind) for key, kind in _KEYS.items()):
            raise DataError(f"{path} has {entry!r}; expected id, package, on and until (dates) and why")
    return [Accepted(**entry) for entry in entries]


def found(report: Mapping[str, Any]) -> tuple[list[Vulnerability], int, int]:
    """The vulnerabilities of pip-audit's JSON, how many packages were looked up, and how many could not be."""
    looked_up = [each for each in report["dependencies"] if "skip_reason" not in each]
    vulnerabilities = [
        Vulnerability(each["name"], each["version"], (known["id"], *known["aliases"]), tuple(known["fix_versions"]))
        for each in looked_up
        for known in each["vulns"]
    ]
    return vulnerabilities, len(looked_up), len(report["dependencies"]) - len(looked_up)


def audit(service: str, requirements: Path | None) -> dict[str, Any] | None:
    """Run pip-audit; returns its JSON, None where the service cannot be reached.

    Raises:
        CiteWellError: pip-audit failed for another reason.
    """
    given = ["--requirement", str(requirements), "--no-deps", "--disable-pip"] if requirements else ["--skip-editable"]
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "--format", "json", "--desc", "off"]
    command += ["--vulnerability-service", "osv", "--osv-url", service, *given]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.stdout.startswith("{"):  # also where it exits 1, for vulnerabilities
        return dict(json.loads(ended.stdout))
    last = (ended.stderr.strip().splitlines() or ["no message"])[-1]
    if _UNREACHED.search(last):
        return None
    raise CiteWellError(f"pip-audit failed: {last}; install it: make test")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns 1 where something vulnerable is not accepted."""
    parser = command_parser("bench.advisories", __doc__)
    parser.add_argument("--requirements", metavar="F", type=Path, help="a file of pinned requirements to look up")
    parser.add_argument("--service", metavar="URL", default=SERVICE, help="the advisory service, in OSV's form")
    arguments = parser.parse_args(argv)
    accepted, today = read_accepted(), date.today()
    report = audit(arguments.service, arguments.requirements)
    if report is None:
        print(f"notice: {arguments.service} cannot be reached; no package was looked up for known vulnerabilities")
        return 0
    vulnerabilities, looked_up, skipped = found(report)
    refused = [each for each in vulnerabilities if not each.is_accepted(accepted, today)]
    for each in refused:
        print(each)
    for entry in accepted:
        if entry.until <= today:
            print(f"{ACCEPTED.name}: {entry.id} was accepted until {entry.until}; look at it again")
    print(
        f"{looked_up} packages looked up on {today}, {skipped} could not be: {len(refused)} known vulnerabilities, "
        f"{len(vulnerabilities) - len(refused)} accepted"
    )
    if refused:
        print(f"update what is named above, or accept it with a date and a reason in {ACCEPTED.name}")
    return int(bool(refused))


if __name__ == "__main__":
    run_command(main)
