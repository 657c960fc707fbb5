import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.sentences import ends_whole, sentence_spans


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One here. Two there! Three?", ["One here.", "Two there!", "Three?"]),
        ("Dr. Smith saw 3.5 percent, e.g. in May. Then not.", ["Dr. Smith saw 3.5 percent, e.g. in May.", "Then not."]),
        ("It helps:\n- rest\n- 2 drinks\n1. sleep", ["It helps:", "rest", "2 drinks", "sleep"]),
        ("", []),
        (" \n .. \n", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(alphabet=st.sampled_from("ab .!?\n-1)é😀\t"), max_size=80) | st.text(max_size=60))
def test_spans_are_in_order_trimmed_and_lose_no_word(text: str) -> None:
    spans = sentence_spans(text)
    assert all(start < end for start, end in spans)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)
    outside = text
    for start, end in reversed(spans):
        outside = outside[:start] + outside[end:]
    assert not any(char.isalpha() for char in outside)


@pytest.mark.parametrize(
    ("text", "whole"), [("Yes.", True), ("Yes. [1]", True), ("Yes [1].", True), ("and the", False)]
)
def test_ends_whole(text: str, whole: bool) -> None:
    assert ends_whole(text) is whole
