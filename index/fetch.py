"""Download a public question-and-answer collection and write it as a CSV.

citewell fetch medquad --to artifacts/medquad.csv
citewell build --csv artifacts/medquad.csv --index artifacts/medquad
"""

import csv
import io
import os
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from core.command import command_parser
from core.errors import DataError, run_command
from core.files import CHUNK, sha256_file, write_atomic
from core.progress import bar, log

MEDQUAD_URL = "https://github.com/abachaa/MedQuAD/archive/refs/heads/master.zip"
LICENCE = (
    "MedQuAD is licensed CC BY 4.0. Cite: A. Ben Abacha and D. Demner-Fushman, A question-entailment approach to "
    "question answering, BMC Bioinformatics 20:511, 2019. "
    "Three of its parts come without answers, for MedlinePlus' copyright."
)
COLUMNS = ("question", "answer", "source", "url", "focus", "question_type")
TIMEOUT_S = 60


def fetch_medquad(target: Path, url: str = MEDQUAD_URL) -> int:
    """Download MedQuAD's XML archive, write its answered pairs to `target`, and return their number.

    A download that breaks off is kept beside `target` and resumed by the next call.

    Raises:
        DataError: the server cannot be reached, or what it sent is no MedQuAD archive.
    """
    archive = target.with_name(f"{target.name}.zip")
    target.parent.mkdir(parents=True, exist_ok=True)
    download(url, archive)
    log.info(f"{archive}: {archive.stat().st_size:,} bytes, SHA-256 {sha256_file(archive)}")
    log.info(LICENCE)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    count = 0
    try:
        for row in _pairs(archive):
            writer.writerow(row)
            count += 1
    except (zipfile.BadZipFile, ElementTree.ParseError) as error:
        archive.unlink()
        raise DataError(
            f"{url} did not send a whole MedQuAD archive ({error}); it was removed, run the same again"
        ) from error
    if not count:
        raise DataError(f"{archive} holds no answered MedQuAD pairs; expected XML files with QAPair elements")
    write_atomic(target, text.getvalue())
    archive.unlink()
    return count


def download(url: str, target: Path) -> None:
    """Download a file, resuming where an earlier attempt broke off.

    Raises:
        DataError: the server cannot be reached, refuses, or ends early; what has come is kept for the next attempt.
    """
    partial = target.with_name(f"{target.name}.partial")
    have = partial.stat().st_size if partial.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:  # noqa: S310
            resumed = reply.status == 206
            if resumed:
                log.info(f"going on after {have:,} bytes of {url}")
            length = reply.headers.get("Content-Length")
            total = int(length) + (have if resumed else 0) if length else None
            done = have if resumed else 0
            with partial.open("ab" if resumed else "wb") as file, bar("downloading", total, "B", done=done) as progress:
                while chunk := reply.read(CHUNK):
                    file.write(chunk)
                    progress.update(len(chunk))
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is missing, or the file has changed: begin again
            partial.unlink()
            return download(url, target)
        raise DataError(f"{url} answered {error.code} {error.reason}; check the address and try again") from error
    except OSError as error:
        raise DataError(
            f"cannot download {url}: {error}; what has come is kept; run the same command again to resume"
        ) from error
    size = partial.stat().st_size
    if total is not None and size != total:
        raise DataError(f"{url} broke off after {size:,} of {total:,} bytes; run the same command again to resume")
    os.replace(partial, target)
    return None


def _pairs(archive: Path) -> Iterator[dict[str, str]]:
    """The answered pairs of the archive, with the columns of the CSV, in order of file name."""
    with zipfile.ZipFile(archive) as files:
        names = sorted(name for name in files.namelist() if name.endswith(".xml"))
        for name in names:
            data = files.read(name)
            if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
                continue  # MedQuAD declares neither; entity expansion is an attack on XML readers
            document = ElementTree.fromstring(data)  # noqa: S314
            for pair in document.iter("QAPair"):
                question, answer = pair.find("Question"), pair.findtext("Answer", "")
                if question is None or not answer.strip():
                    continue
                yield {
                    "question": (question.text or "").strip(),
                    "answer": answer.strip(),
                    "source": document.get("source", ""),
                    "url": document.get("url", ""),
                    "focus": document.findtext("Focus", "").strip(),
                    "question_type": question.get("qtype", ""),
                }


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("index.fetch", __doc__)
    parser.add_argument("collection", choices=["medquad"], help="what to download")
    parser.add_argument("--to", metavar="F", type=Path, required=True, help="the CSV to write")
    parser.add_argument("--url", default=MEDQUAD_URL, help="another place to get the archive from")
    arguments = parser.parse_args(argv)
    count = fetch_medquad(arguments.to, arguments.url)
    print(f"wrote {count:,} questions with answers to {arguments.to}")
    print(f"next: citewell build --csv {arguments.to}")
    return 0


if __name__ == "__main__":
    run_command(main)
