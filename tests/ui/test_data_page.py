"""The columns of an uploaded file: preset by a guess, and chosen by a person where nothing can be guessed."""

from streamlit.testing.v1 import AppTest


def _choosing() -> None:
    """A page with the choice alone; Streamlit runs its source."""
    import streamlit as st

    from ui.data import _looked_at

    settings = _looked_at("mine.csv", st.session_state.content)
    index = settings.index if settings else None
    st.session_state.chosen = (index.question_column, index.answer_column) if index else None


def page(content: str) -> AppTest:
    test = AppTest.from_function(_choosing)
    test.session_state["content"] = content.encode()
    return test.run()


def test_the_boxes_are_preset_by_the_guess_and_can_be_changed() -> None:
    test = page("Q,A,note\nWhy?,So it is.,first\nHow?,Thus.,second\n")
    assert [box.value for box in test.selectbox] == ["Q", "A"]
    assert test.session_state["chosen"] == ("Q", "A")
    assert "Thus" in str(test.table[0].value)
    test.selectbox[1].set_value("note").run()
    assert test.session_state["chosen"] == ("Q", "note")
    assert "second" in str(test.table[0].value)
    test.selectbox[1].set_value("Q").run()
    assert test.session_state["chosen"] is None
    assert "Choose two columns" in test.warning[0].value


def test_where_nothing_can_be_guessed_a_person_chooses() -> None:
    test = page("x,y\n1,2\n")
    assert test.session_state["chosen"] is None
    test.selectbox[0].set_value("x").run()
    test.selectbox[1].set_value("y").run()
    assert test.session_state["chosen"] == ("x", "y")


def test_what_cannot_be_read_is_named() -> None:
    test = page("%PDF-1.7")
    assert "is a PDF" in test.error[0].value
    assert not test.selectbox
