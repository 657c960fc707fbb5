"""The Data page without a browser: the columns of an upload, limits, names in lists, and what everybody is told."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.settings import IndexSettings
from index.build import build
from index.job import CANCELLED, DONE, FAILED, Job, write_job
from index.opening import open_index
from rag import opening
from rag.answerer import UNCHECKED
from rag.uploads import JOB
from tests.conftest import queue_llm
from tests.fakes import write_csv
from tests.rag.test_answerer import GOOD, QUESTION
from tests.ui.test_states import APP, unescaped
from ui.editing import may_upload


def _choosing() -> None:
    """A page with the choice alone; Streamlit runs its source."""
    from types import SimpleNamespace

    import streamlit as st

    from ui.uploading import _looked_at

    state = st.session_state
    given = SimpleNamespace(file_id="1", name="mine.csv", getvalue=lambda: state.content)
    upload = _looked_at(given, alone=True)
    state.chosen = (upload.reading.question, upload.reading.answer) if upload else None


def page(content: str | bytes) -> AppTest:
    test = AppTest.from_function(_choosing, default_timeout=30)
    test.session_state["content"] = content.encode() if isinstance(content, str) else content
    return test.run()


def test_the_boxes_are_preset_by_the_guess_and_can_be_changed() -> None:
    test = page("Q,A,note\nWhy?,So it is.,first\nHow?,Thus.,second\n")
    assert [box.value for box in test.selectbox[:2]] == ["Q", "A"]
    assert test.session_state["chosen"] == ("Q", "A")
    assert "Thus" in str(test.table[0].value)
    test.selectbox[1].set_value("note").run()
    assert test.session_state["chosen"] == ("Q", "note")
    assert "second" in str(test.table[0].value)
    test.selectbox[1].set_value("Q").run()
    assert test.session_state["chosen"] is None
    assert "Choose two columns" in test.warning[0].value


def test_where_nothing_can_be_guessed_a_person_sees_rows_and_chooses() -> None:
    test = page("x,y\n1,2\n")
    assert test.session_state["chosen"] is None
    assert "Which columns hold the questions and the answers?" in test.info[0].value
    assert "2" in str(test.table[0].value)
    test.selectbox[0].set_value("x").run()
    test.selectbox[1].set_value("y").run()
    assert test.session_state["chosen"] == ("x", "y")


def test_an_encoding_and_a_delimiter_can_be_chosen_and_the_rows_follow() -> None:
    test = page("question|answer, long\nWas ist Fieber?|Wärme, sagt man.\n".encode("cp1252"))
    encoding, delimiter = test.selectbox[2:4]
    encoding.set_value("cp1251").run()
    assert "Wдrme" in str(test.table[0].value)
    test.selectbox[2].set_value("cp1252").run()
    assert "Wärme" in str(test.table[0].value)
    delimiter = test.selectbox[3]
    delimiter.set_value(",").run()
    assert "question|answer" in str(test.selectbox[0].options)


def test_what_cannot_be_read_is_named_and_its_encoding_can_still_be_chosen() -> None:
    test = page("%PDF-1.7")
    assert "is a PDF" in unescaped(test.error[0].value)
    assert [box.label for box in test.selectbox] == ["Encoding", "Cells are separated by"]


def test_a_name_of_ten_thousand_letters_and_markup_are_cut_and_stay_text() -> None:
    test = page(f"question,answer,{'x' * 10_000}\nWhat is {'y' * 10_000}?,<b>**So** it is.</b>,n\n")
    assert max(len(option) for option in test.selectbox[0].options) <= 61
    shown = test.table[0].value.iloc[0].tolist()
    assert max(len(cell) for cell in shown) < 250
    assert unescaped(shown[1]) == "<b>**So** it is.</b>"
    assert "\\<b\\>\\*\\*So" in shown[1]


def test_an_address_may_upload_so_many_files_in_a_minute_whatever_its_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITEWELL_UI_UPLOADS_PER_MINUTE", "2")
    assert [may_upload("10.0.0.1", now=at) for at in (0.0, 1.0, 2.0, 59.0)] == [True, True, False, False]
    assert may_upload("10.0.0.2", now=59.0)
    assert may_upload("10.0.0.1", now=60.5)
    assert not may_upload("10.0.0.1", now=60.7)


def _data() -> None:
    from ui import data

    data.draw()


@pytest.fixture
def served(small_index: IndexSettings, word_embedder: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of a page over the small index."""
    import streamlit as st

    st.cache_resource.clear()
    monkeypatch.setenv("CITEWELL_INDEX_DIR", small_index.dir)
    monkeypatch.setenv("CITEWELL_HISTORY_FILE", str(Path(small_index.dir).parent / "history.sqlite"))
    monkeypatch.setattr(opening, "open_llm", lambda settings: queue_llm(GOOD))
    monkeypatch.setattr(opening, "open_checks", lambda *_: UNCHECKED)


@pytest.fixture
def shown(served: None) -> AppTest:
    """The Data page alone."""
    return AppTest.from_function(_data, default_timeout=30)


def index_another(settings: IndexSettings) -> None:
    """Index a file of one row in the place of the small one."""
    file = write_csv(Path(settings.dir).parent / "b.csv", [("What is a?", "It is b.")])
    assert build(replace(settings, csv=str(file)))


def labels(test: AppTest) -> list[str]:
    return [unescaped(button.label) for button in test.button]


def test_every_kept_build_is_named_by_file_answers_and_time_and_can_be_gone_back_to(
    shown: AppTest, small_index: IndexSettings
) -> None:
    for number in range(2):
        rows = [(f"What is illness {number}?", f"Illness {number} is bad.")]
        build(replace(small_index, csv=str(write_csv(Path(small_index.dir).parent / f"{number}.csv", rows))))
    shown.run()
    back = [label for label in labels(shown) if label.startswith("Roll back")]
    assert [label.partition(", ")[0] for label in back] == [
        "Roll back to 0.csv (1 answer",
        "Roll back to small.csv (4 answers",
    ]
    listed = next(table.value for table in shown.table if "Indexed" in table.value)
    assert [unescaped(each) for each in listed["File"]] == ["1.csv", "0.csv", "small.csv"]
    next(button for button in shown.button if "small" in button.label).click().run()
    assert unescaped(shown.success[0].value).startswith("Rolled back to small.csv (4 answers, ")
    assert open_index(Path(small_index.dir)).manifest.csv == "small.csv"


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (Job("a.csv", "a", DONE, rows=1310, kept=1300, refused=10), "was indexed: 1,300 answers from 1,310 rows, 10"),
        (
            Job(
                "a.csv",
                "a",
                FAILED,
                error="UPLOADS/0123456789abcdef/a.csv has no columns; name them: --answer-column",
            ),
            "a.csv could not be indexed: a.csv has no columns. Nothing has changed.",
        ),
        (Job("a.csv", "a", CANCELLED), "The indexing of a.csv was cancelled. Questions are answered from small.csv."),
        (Job("a.csv", "a", pid=2**22 + 1), "broke off: its process was ended, or the server was started again."),
    ],
)
def test_the_outcome_of_a_build_is_there_for_whoever_comes_back(
    shown: AppTest, small_index: IndexSettings, job: Job, said: str
) -> None:
    folder = Path(small_index.dir)
    write_job(folder / JOB, replace(job, error=job.error.replace("UPLOADS", str(folder.parent / "uploads"))))
    shown.run()
    told = [*shown.success, *shown.error, *shown.info, *shown.warning]
    assert said in unescaped(told[0].value)
    next(button for button in shown.button if button.label == "Close this message").click().run()
    assert not (folder / JOB).exists()


def test_while_a_file_is_indexed_everybody_sees_it_and_nothing_else_can_begin(
    shown: AppTest, small_index: IndexSettings
) -> None:
    job = Job("theirs.csv", "a", step="embedding", share=0.43, pid=os.getpid())
    write_job(Path(small_index.dir) / JOB, job)
    build(
        replace(small_index, csv=str(write_csv(Path(small_index.dir).parent / "b.csv", [("What is a?", "It is b.")])))
    )
    shown.run()
    bar = shown.get("progress")[0]
    assert "theirs.csv is being indexed" in unescaped(str(bar.proto.text))
    assert "43%" in bar.proto.text
    assert all(button.disabled for button in shown.button if button.label.startswith("Roll back"))


def test_where_the_settings_let_nobody_upload_there_is_nothing_to_press(
    shown: AppTest, small_index: IndexSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITEWELL_UI_UPLOADS", "nobody")
    build(
        replace(small_index, csv=str(write_csv(Path(small_index.dir).parent / "b.csv", [("What is a?", "It is b.")])))
    )
    shown.run()
    assert labels(shown) == []
    assert not shown.get("file_uploader")
    assert any("let nobody index files" in caption.value for caption in shown.caption)


def test_a_conversation_is_told_once_the_file_behind_it_is_another(served: None, small_index: IndexSettings) -> None:
    app = AppTest.from_file(APP, default_timeout=30)

    def told() -> list[str]:
        return [unescaped(each.value) for each in app.caption if "This conversation began over" in each.value]

    app.run()
    app.chat_input[0].set_value(QUESTION).run()
    assert told() == []
    build(
        replace(small_index, csv=str(write_csv(Path(small_index.dir).parent / "b.csv", [("What is a?", "It is b.")])))
    )
    app.run()
    (line,) = told()
    assert "began over small.csv. The next answers come from b.csv (1 answer, " in line
    next(button for button in app.button if button.label == "New conversation").click().run()
    assert told() == []
