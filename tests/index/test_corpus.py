from pathlib import Path

import pytest

from core.errors import DataError
from index.corpus import Corpus, read_corpus
from index.files.delimited import DELIMITERS

TEXT = "question,answer\nWas ist Grippe – kurz?,Fièvre is fever. It “passes”.\nSecond?,Another answer.\n"


def read(tmp_path: Path, content: str | bytes, **columns: str) -> Corpus:
    file = tmp_path / "file.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_corpus(file, **columns)


@pytest.mark.parametrize(
    ("encoding", "bom"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("cp1252", b""),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
    ],
)
def test_encodings_are_recognised(tmp_path: Path, encoding: str, bom: bytes) -> None:
    corpus = read(tmp_path, bom + TEXT.encode(encoding))
    assert [record.answer for record in corpus.records] == ["Fièvre is fever. It “passes”.", "Another answer."]
    assert corpus.records[0].question == "Was ist Grippe – kurz?"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_delimiters_and_line_ends(tmp_path: Path, delimiter: str, newline: str) -> None:
    rows = [["question", "answer"], ["Q one?", '"First, with; marks\nand a line"'], ["Q two?", "Second"]]
    corpus = read(tmp_path, newline.join(delimiter.join(row) for row in rows))
    assert corpus.kind == f"CSV with {DELIMITERS[delimiter]}, utf-8"
    assert [record.answer for record in corpus.records] == ["First, with; marks\nand a line", "Second"]


def test_unusable_rows_are_refused_with_their_lines_and_the_rest_is_kept(tmp_path: Path) -> None:
    text = (
        "question,answer\n"
        'A?,"two\nlines"\n'  # lines 2 and 3
        "B?,\n"  # 4
        "C?,<p> </p>\n"  # 5
        ",An answer\n"  # 6
        "D?,x,extra\n"  # 7
        "E?\n"  # 8: cells that are missing at the end are empty
        "\n"  # 9: blank lines are no rows
        "F?,good\n"
    )
    corpus = read(tmp_path, text)
    assert [(refusal.line, refusal.reason) for refusal in corpus.refused] == [
        (4, "no answer"),
        (5, "no answer"),
        (6, "no question"),
        (7, "3 cells where the header has 2"),
        (8, "no answer"),
    ]
    assert corpus.rows == 7
    assert [record.question for record in corpus.records] == ["A?", "F?"]
    assert corpus.refused_by_reason["no answer"] == 3


def test_rows_of_the_same_answer_become_one_record_with_all_questions(tmp_path: Path) -> None:
    corpus = read(tmp_path, "question,answer\nA?,Same.\nB?,<p>Same.</p>\nA?,Same.\nC?,Other.\n")
    assert [record.questions for record in corpus.records] == [("A?", "B?"), ("C?",)]
    assert corpus.merged == 2


def test_each_row_of_an_answer_keeps_its_own_columns(tmp_path: Path) -> None:
    text = "question,answer,source\nA?,Same.,Clinic A\nB?,Same.,Clinic B\nA?,Same.,Clinic C\nC?,Other.,\n"
    same, other = read(tmp_path, text).records
    assert same.of("A?") == {"source": "Clinic A; Clinic C"}
    assert same.of("B?") == {"source": "Clinic B"}
    assert other.of("C?") == {}


def test_many_rows_of_one_answer_are_merged(tmp_path: Path) -> None:
    corpus = read(tmp_path, "question,answer\n" + "".join(f"Is it {n}?,The same.\n" for n in range(20_000)))
    assert (corpus.rows, len(corpus.records), corpus.merged) == (20_000, 1, 19_999)


def test_further_columns_are_metadata(tmp_path: Path) -> None:
    corpus = read(tmp_path, "Question,SOURCE,answer,url,grade\nA?,NIH &amp; co,One.,https://x,7\nB?,,Two.,,\n")
    assert corpus.records[0].metadata == {"source": "NIH & co", "url": "https://x", "grade": "7"}
    assert corpus.records[1].metadata == {}


def test_columns_can_be_named(tmp_path: Path) -> None:
    corpus = read(tmp_path, "frage,antwort\nA?,Eins.\n", question_column="frage", answer_column="antwort")
    assert corpus.records[0].answer == "Eins."


def test_nul_bytes_and_a_field_of_5_mb(tmp_path: Path) -> None:
    big = "word " * (1 << 20)
    corpus = read(tmp_path, f"question,answer\nA\0?,o\0ne\nBig?,{big}\n".encode())
    assert corpus.records[0].answer == "one"
    assert len(corpus.records[1].answer) == len(big.strip())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"file\.csv is empty; expected a header line that names a question and an answer column"),
        (b" \n\n", r"file\.csv is empty"),
        (
            b"x,y\n1,2\n",
            r"no columns that are known to hold .* its columns are: x, y; name them with --question-column",
        ),
        (b"question,answer\n", r"has no row with a question and an answer \(0 rows read\)"),
        (
            b"question,answer\nA?,\n",
            r"no row with a question and an answer \(1 rows read; the first: line 2, no answer\)",
        ),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, content)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file at .*nowhere\.csv; expected one with a question and an answer"):
        read_corpus(tmp_path / "nowhere.csv")
