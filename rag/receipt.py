"""A record of an answer that can be kept and checked: all that it rests on, and where in the file its words stand.

citewell receipt verify answer.json                   # do the quotes still stand word for word in the index?
citewell receipt verify artifacts/audit/*.json --index DIR
citewell receipt html answer.json --to answer.html    # one file to read or print, with nothing to load
citewell receipt schema                               # JSON Schema of the format, as in docs/receipt.schema.json

The seal is the SHA-256 of the content: it shows that a receipt was altered by accident or by hand. It is no signature;
what a receipt quotes is proven by the index alone.
"""

import html
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from core.command import command_parser
from core.errors import DataError, run_command
from core.files import jsonl_lines, write_atomic
from core.seals import seal_of
from core.settings import load
from index.reader import Index
from rag.answer import Answer, Evidence
from rag.earlier_receipts import UPGRADES

SCHEMA = "citewell.receipt/2"
"""Name and version of the format; a new version is a new number. Read are all of them (`rag.earlier_receipts`)."""


@dataclass(frozen=True)
class Receipt:
    """An answer as it was given."""

    answer: Answer
    created: str
    """Time in UTC, ISO 8601."""
    schema: str
    """The version of the format that it was made in."""
    sha256: str
    """The seal: SHA-256 of all else, as it was made."""

    def to_json(self, indent: int | None = 2) -> str:
        """The content of its file, in the version of today; without an indent, one line."""
        sealed = self if self.schema == SCHEMA else sealed_receipt(self.answer, self.created)
        return json.dumps(asdict(sealed), ensure_ascii=False, indent=indent) + "\n"


@dataclass(frozen=True)
class Finding:
    """The result of the check of one thing that a receipt quotes."""

    what: str
    stands: bool
    detail: str


def receipt(answer: Answer) -> Receipt:
    """The receipt of an answer, made now."""
    return sealed_receipt(answer, datetime.now(UTC).isoformat(timespec="seconds"))


def sealed_receipt(answer: Answer, created: str) -> Receipt:
    """The receipt of an answer, made at a time; with no time its seal is one of the answer alone."""
    content = {"answer": asdict(answer), "created": created, "schema": SCHEMA}
    return Receipt(answer, created, SCHEMA, seal_of(content))


def read_receipt(content: str | bytes, name: str = "the receipt") -> Receipt:
    """A receipt from its file's content.

    Raises:
        DataError: it is no receipt, of another version, or was altered since it was made.
    """
    try:
        values = json.loads(content)
        version, seal = values["schema"], values["sha256"]
        found = seal_of({key: value for key, value in values.items() if key != "sha256"})
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f"{name} is no receipt ({error!r}); expected JSON that the page wrote (Receipt, Download as JSON); "
            "start it: make app"
        ) from error
    if version not in (SCHEMA, *UPGRADES):
        raise DataError(
            f"{name} is of schema {version!r}, this CiteWell reads {' and '.join((*UPGRADES, SCHEMA))}; if it is from "
            "a newer CiteWell, update this one: git pull"
        )
    if found != seal:
        raise DataError(
            f"{name} was altered: its content has SHA-256 {found[:12]}…, its seal is {str(seal)[:12]}…; take it from "
            "a copy, or ask the question again: make app"
        )
    try:
        return _adapter().validate_python(UPGRADES[version](values) if version in UPGRADES else values)
    except (ValidationError, KeyError, TypeError, AttributeError) as error:
        said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else repr(error)
        raise DataError(
            f"{name} does not follow schema {version!r} ({said}); expected is what this prints: citewell receipt schema"
        ) from error


def check(made: Receipt, index: Index) -> list[Finding]:
    """Look up every passage and every quote of a receipt in an index, and report what changed since.

    A passage stands if the record has the same words at the same offsets.
    """
    findings = []
    answer, manifest = made.answer, index.manifest
    for key in ("csv_sha256", "build", "embedder", "adapter"):
        if (before := answer.index.get(key, "")) != (now := str(getattr(manifest, key))):
            findings.append(Finding("index", True, f"{key} was {before or 'none'}, is {now or 'none'}"))
    for item in answer.evidence:
        findings.append(_passage(item, index))
    by_number = {item.n: item for item in answer.evidence}
    for sentence in answer.sentences:
        if answer.text[sentence.start : sentence.end] != sentence.text:
            findings.append(Finding("sentence", False, f"is not in the text at {sentence.start}: {sentence.text}"))
        for citation in sentence.citations:
            cited = by_number.get(citation.n)
            stands = cited is not None and citation.quote == _words(index, cited, citation.start, citation.end)
            findings.append(Finding(f"citation [{citation.n}]", stands, citation.quote))
    return findings


def to_html(made: Receipt) -> str:
    """One page with the question, the answer and its evidence, the cited words marked; it loads nothing."""
    answer, text = made.answer, html.escape
    parts = [f"<h1>{text(answer.question)}</h1>"]
    if answer.notice:
        parts.append(f"<p><strong>{text(answer.notice.text)}</strong></p>")
    parts += [f"<p><small>({text(note.text)})</small></p>" for note in answer.notes]
    said = []
    for sentence in answer.sentences:
        marks = "".join(f' <a href="#e{c.n}">[{c.n}]</a>' for c in sentence.citations)
        said.append(f'<span class="{sentence.verdict}" title="{sentence.verdict}">{text(sentence.text)}</span>{marks}')
    parts.append(f"<p>{' '.join(said) or text(answer.text)}</p><h2>Evidence</h2>")
    for item in answer.evidence:
        further = "; ".join(f"{name}: {value}" for name, value in item.hit.columns.items())
        origin = " ".join(part for part in (item.source, item.url, further) if part)
        parts.append(
            f'<section id="e{item.n}"><h3>[{item.n}] {text(item.question)}</h3><p>{_marked(answer, item)}</p>'
            f"<p><small>{text(origin)} record {text(item.record_id)}, characters {item.start:,} to "
            f"{item.start + len(item.text):,}</small></p></section>"
        )
    facts = {**answer.model, **answer.index, "created": made.created, "seal (SHA-256)": made.sha256}
    rows = "".join(f"<tr><th>{text(name)}</th><td>{text(str(value))}</td></tr>" for name, value in facts.items())
    return _PAGE.format(title=text(answer.question), body="\n".join(parts), rows=rows)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body {{ font: 1rem/1.6 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
:root {{ color-scheme: light dark; }}
p {{ white-space: pre-line; overflow-wrap: anywhere; }}
section {{ border-left: 3px solid #0f766e; padding-left: 1rem; }}
.weak {{ text-decoration: underline dotted; }} .unsupported {{ text-decoration: underline wavy; opacity: .7; }}
th {{ text-align: left; padding-right: 1rem; font-weight: 500; }} td {{ overflow-wrap: anywhere; }}
</style></head><body><main>
{body}
<h2>Made by</h2><table>{rows}</table>
</main></body></html>
"""


def _marked(answer: Answer, item: Evidence) -> str:
    return "".join(
        f"<mark>{html.escape(text)}</mark>" if cited else html.escape(text) for text, cited in answer.pieces(item)
    )


def _passage(item: Evidence, index: Index) -> Finding:
    what = f"passage [{item.n}]"
    record = index.records.get(item.record_id)
    if record is None:
        return Finding(what, False, f"its record {item.record_id} is no longer in the index")
    if _words(index, item, 0, len(item.text)) == item.text:
        return Finding(what, True, f"word for word at {item.start:,} of record {item.record_id}")
    if (moved := record.answer.find(item.text)) >= 0:
        return Finding(what, False, f"moved from {item.start:,} to {moved:,} of record {item.record_id}")
    return Finding(what, False, f"record {item.record_id} has other words there now")


def _words(index: Index, item: Evidence, start: int, end: int) -> str:
    record = index.records.get(item.record_id)
    return record.answer[item.start + start : item.start + end] if record else ""


def _adapter() -> TypeAdapter[Receipt]:
    return TypeAdapter(Receipt)


def schema() -> str:
    """JSON Schema of the format."""
    described = _adapter().json_schema()
    described["properties"]["schema"] = {"const": SCHEMA}
    described["properties"]["sha256"] = {"type": "string", "description": "seal: SHA-256 of all else, canonical JSON"}
    return json.dumps({"$id": SCHEMA, **described}, indent=2) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns 1 if something that the receipt quotes does not stand."""
    parser = command_parser("rag.receipt", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="look up every quote in the index, and report what changed since")
    page = commands.add_parser("html", help="write the receipt as one page")
    commands.add_parser("schema", help="print the JSON Schema")
    verify.add_argument("files", metavar="F", type=Path, nargs="+", help="JSON from the page, or lines of ask --json")
    page.add_argument("file", metavar="F", type=Path, help="a receipt: JSON downloaded from the page")
    verify.add_argument("--index", metavar="DIR", help="the index folder (default: artifacts/index)")
    page.add_argument("--to", metavar="F", type=Path, required=True, help="the file to write")
    arguments = parser.parse_args(argv)
    if arguments.command == "schema":
        sys.stdout.write(schema())
        return 0
    if arguments.command == "html":
        write_atomic(arguments.to, to_html(_one(arguments.file)))
        print(f"wrote {arguments.to}")
        return 0
    from index.opening import open_index

    index = open_index(Path(load({"index.dir": arguments.index}).index.dir))
    files = [each for path in arguments.files for each in _contents(path)]
    return _verify(*files[0], index) if len(files) == 1 else _verify_all(files, index)


def _contents(path: Path) -> list[tuple[str, str]]:
    """The name and the content of each receipt of a file: one, or one a line as `citewell ask --json` prints them."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}; expected a receipt in JSON") from error
    lines = [(number, line) for number, line in enumerate(jsonl_lines(text), start=1) if line.strip()]
    if len(lines) > 1 and all(line.startswith("{") and line.rstrip().endswith("}") for _, line in lines):
        return [(f"{path}, line {number}", line) for number, line in lines]
    return [(str(path), text)]


def _one(path: Path) -> Receipt:
    (name, content), *more = _contents(path)
    if more:
        raise DataError(f"{path} holds {len(more) + 1} receipts; a page shows one: put its line in a file of its own")
    return read_receipt(content, name)


def _verify(name: str, content: str, index: Index) -> int:
    """Print each check of one receipt."""
    made = read_receipt(content, name)
    findings = check(made, index)
    for finding in findings:
        print(_line(finding))
    return _summed(f"sealed {made.sha256[:12]}…", findings)


def _verify_all(files: Sequence[tuple[str, str]], index: Index) -> int:
    """Print what changed since each receipt was made."""
    findings: list[Finding] = []
    bad = 0
    for name, content in files:
        try:
            made = read_receipt(content, name)
        except DataError as error:
            print(f"BAD      {error}")
            bad += 1
            continue
        found = check(made, index)
        print(f"{name}: sealed {made.sha256[:12]}…, {len(found)} checks")
        for finding in found:
            if not finding.stands:
                print(_line(finding))
        findings += found
    return _summed(f"{len(files)} receipts, {bad} unreadable", findings) or int(bad > 0)


def _line(finding: Finding) -> str:
    return f"{'ok     ' if finding.stands else 'CHANGED'}  {finding.what}: {finding.detail}"


def _summed(what: str, findings: Sequence[Finding]) -> int:
    changed = sum(not finding.stands for finding in findings)
    print(f"{what}, {len(findings)} checks, {changed} changed")
    return int(changed > 0)


if __name__ == "__main__":
    run_command(main)
