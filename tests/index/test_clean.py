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
        ("<style>p {}</style >shown<!-- never closed", "shown<!-- never closed"),
        ("4 to 11 × 10<sup>9</sup> per litre", "4 to 11 × 10⁹ per litre"),
        ("kg/m<sup>2</sup>, 10<sup>-6</sup>, H<sub>2</sub>O, B<sub>12</sub>", "kg/m², 10⁻⁶, H₂O, B₁₂"),
        ("5 mg<sup>1</sup> and<sup>[2]</sup>", "5 mg¹ and⁽²⁾"),
        ("the 2<sup>nd</sup> day, V<sub>max</sub>", "the 2nd day, Vmax"),
        ("x<sup>2a,b</sup>", "x^(2a,b)"),
        ("<ol><li>Call.</li><li>Push <b>down</b>.</li></ol>", "1. Call.\n2. Push down."),
        ("Take:<ul><li>rest<li>- water<li>• tea</ul>", "Take:\n\n- rest\n- water\n• tea"),
        (
            "<table><tr><th>Age</th><th>Vaccine</th></tr><tr><td>2 months</td><td>DTaP, polio</td></tr>"
            "<tr><td>4 months</td><td>DTaP</td></tr></table>",
            "Age: 2 months; Vaccine: DTaP, polio\nAge: 4 months; Vaccine: DTaP",
        ),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a; b"),
        (
            "| Age | Vaccine |\n|---|:--:|\n| 2 months | DTaP |\n| 4 months | |\nThen rest.",
            "Age: 2 months; Vaccine: DTaP\nAge: 4 months\nThen rest.",
        ),
        ("yes | no\n-- maybe", "yes | no\n-- maybe"),
        ("क्‍ष and می‌خواهم", "क्‍ष and می‌خواهم"),
        ("ab\u200dc\u200c", "abc"),
    ],
)
def test_cleaning(dirty: str, clean: str) -> None:
    assert clean_text(dirty) == clean


@pytest.mark.parametrize(
    "unit",
    [" ", "\xa0", "<b", "<!--", "&amp;", "&", "<p ", "<style></style", "<table>", "<ol><li>", "<sup>", "|--", "\n- "],
)
def test_no_cell_holds_the_cleaning_up(unit: str) -> None:
    """Each of these made cleaning read a text once for every part of it; the time of pytest's own run is the alarm."""
    assert len(clean_text(f"a{unit * 100_000}b")) <= len(unit) * 100_000 + 2


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
    assert all(char in "\n\u200c\u200d" or unicodedata.category(char) not in ("Cc", "Cf", "Cs") for char in clean)
    assert "  " not in clean
    assert "\n\n\n" not in clean


@given(st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1, max_size=20))
def test_plain_words_are_untouched(words: list[str]) -> None:
    assert clean_text(" ".join(words)) == " ".join(words)
