import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.clean import clean_text


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("Cafe\u0301", "Café"),
        ("A &amp;amp; B &lt;p&gt;C", "A & B\nC"),
        ("<p>One</p><p>Two<br/>Three</p>", "One\n\nTwo\nThree"),
        ("a <b>bold</b> <a href='x'>word</a>", "a bold word"),
        ("<script>alert(1)</script>safe<!-- gone -->", "safe"),
        ("p < 0.05 and > 5 mg, <5 mg", "p < 0.05 and > 5 mg, <5 mg"),
        ("tab\tand   spaces \u00a0here", "tab and spaces here"),
        ("zero\u200bwidth and \x07bell\x00", "zerowidth and bell"),
        ("para one\r\n\r\n\r\n\r\npara two", "para one\n\npara two"),
        ("Signs are    - fever    - cough", "Signs are\n- fever\n- cough"),
    ],
)
def test_cleaning(dirty: str, clean: str) -> None:
    assert clean_text(dirty) == clean


MARKUP = st.lists(
    st.sampled_from(
        ["<p>", "</p>", "<", ">", "&", "amp;", "lt;", "script", "/", " ", "  ", "\n", "- ", "a", "é", "\x00"]
    )
).map("".join)


@given(st.text(max_size=80) | MARKUP)
def test_cleaning_twice_changes_nothing_and_leaves_no_control_characters(text: str) -> None:
    clean = clean_text(text)
    assert clean_text(clean) == clean
    assert clean == unicodedata.normalize("NFC", clean)
    assert all(char == "\n" or unicodedata.category(char) not in ("Cc", "Cf", "Cs") for char in clean)
    assert "  " not in clean
    assert "\n\n\n" not in clean


@given(st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1, max_size=20))
def test_plain_words_are_untouched(words: list[str]) -> None:
    assert clean_text(" ".join(words)) == " ".join(words)
