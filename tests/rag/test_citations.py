import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.words import content_words
from rag.answer import NumberedSource, Sentence
from rag.checks.citations import SUPPORTED, WEAK, Verifier, read_markers


def sources(*texts: str, heading: str = "Heading") -> list[NumberedSource]:
    return [NumberedSource(n, heading, text, f"p{n}") for n, text in enumerate(texts, start=1)]


GOUT = "Gout is a form of arthritis. Crystals of uric acid collect in a joint. Attacks pass within 2 weeks."
ACNE = "Acne forms in clogged follicles. Dirt does not cause acne."


def verify(generated: str, *texts: str, heading: str = "Heading") -> tuple[str, tuple[Sentence, ...]]:
    return Verifier(sources(*(texts or (GOUT, ACNE)), heading=heading)).verify(read_markers(generated))


@pytest.mark.parametrize(
    ("generated", "expected"),
    [
        ("One thing [1]. Two thing [2].", [("One thing.", (1,)), ("Two thing.", (2,))]),
        ("One thing. [1] Two thing. [2]", [("One thing.", (1,)), ("Two thing.", (2,))]),
        ("Both here [1, 2]. Also [1][3].", [("Both here.", (1, 2)), ("Also.", (1, 3))]),
        ("A range [1-3]. And [1; 2 & 4].", [("A range.", (1, 2, 3)), ("And.", (1, 2, 4))]),
        ("Wide brackets 【2】. Dagger【1†source】.", [("Wide brackets.", (2,)), ("Dagger.", (1,))]),
        ("[1] Opening marker.\n[2] Another line.", [("Opening marker.", (1,)), ("Another line.", (2,))]),
        ("Named [Passage 2].", [("Named.", (2,))]),
        ("- one item [1]\n- two items [2]", [("one item", (1,)), ("two items", (2,))]),
        ("Twice [1] said [1].", [("Twice said.", (1,))]),
        ("No marker here.", [("No marker here.", ())]),
        ("Not a marker [see 1] or (1).", [("Not a marker [see 1] or (1).", ())]),
        ("[1] [2] [3]", []),
        ("", []),
    ],
)
def test_markers_as_small_models_write_them(generated: str, expected: list[tuple[str, tuple[int, ...]]]) -> None:
    assert [(draft.text, draft.marked) for draft in read_markers(generated)] == expected


def test_a_marked_sentence_gets_the_span_that_supports_it() -> None:
    text, (first, second) = verify("Crystals of uric acid collect [1]. Dirt does not cause acne [2].")
    assert text == "Crystals of uric acid collect. [1] Dirt does not cause acne. [2]"
    assert first.verdict == second.verdict == "supported"
    assert first.citations[0].quote == "Crystals of uric acid collect in a joint."
    assert second.citations[0].quote == "Dirt does not cause acne."


def test_markers_that_point_at_nothing_are_dropped() -> None:
    text, (sentence,) = verify("Bananas grow on tall plants [99].")
    assert text == "Bananas grow on tall plants."
    assert sentence.citations == ()
    assert sentence.verdict == "unsupported"


def test_a_wrong_marker_gives_way_to_the_passage_that_says_it() -> None:
    _, (sentence,) = verify("Dirt does not cause acne [1].")
    assert [citation.n for citation in sentence.citations] == [2]


def test_an_unmarked_sentence_is_attributed_only_at_the_bar() -> None:
    _, (clear,) = verify("Uric acid crystals collect in the joint.")
    assert [citation.n for citation in clear.citations] == [1]
    assert clear.support >= SUPPORTED
    _, (half,) = verify("Uric acid crystals damage kidneys quickly.")
    assert WEAK <= half.support < SUPPORTED
    assert half.verdict == "weak"
    assert half.citations == ()
    _, (marked,) = verify("Uric acid crystals damage kidneys quickly [1].")
    assert marked.verdict == "weak"
    assert [citation.n for citation in marked.citations] == [1]


def test_two_sentences_of_evidence_can_support_one_of_the_answer() -> None:
    _, (sentence,) = verify("Gout is arthritis in which crystals of uric acid collect in a joint [1].")
    assert sentence.verdict == "supported"
    assert sentence.citations[0].quote == "Gout is a form of arthritis. Crystals of uric acid collect in a joint."


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        ("Attacks pass within 2 weeks [1].", "supported"),
        ("Attacks pass within 3 weeks [1].", "unsupported"),
        ("Dirt does not cause acne [2].", "supported"),
        ("Dirt causes acne [2].", "weak"),
        ("Gout is not a form of arthritis [1].", "weak"),
        ("Attacks of gout pass [1].", "supported"),
    ],
)
def test_changed_numbers_and_negations_are_not_supported(claim: str, verdict: str) -> None:
    assert verify(claim)[1][0].verdict == verdict


def test_repeating_the_heading_proves_nothing() -> None:
    _, (sentence,) = verify("Noonan syndrome is a syndrome [1].", "It is rare.", heading="What is Noonan syndrome?")
    assert sentence.verdict == "unsupported"
    _, (sentence,) = verify("Noonan syndrome is rare [1].", "It is rare.", heading="What is Noonan syndrome?")
    assert sentence.verdict == "supported"


def test_content_words_are_stems_without_function_words() -> None:
    assert content_words("The patient's joints are swollen by 1,000 crystals") == [
        "patient", "joint", "swollen", "1000", "crystal",
    ]  # fmt: skip


PIECES = st.sampled_from(
    [
        "[1]",
        "[2]",
        " [1, 2]",
        "【1】",
        "[99]",
        "[",
        "]",
        ". ",
        "\n",
        "- ",
        "Gout is arthritis",
        "acne",
        " 2 weeks",
        "é😀",
        "not ",
    ]
)


@given(st.lists(PIECES, max_size=20).map("".join), st.lists(PIECES, max_size=12).map("".join))
def test_whatever_is_written_every_offset_holds(generated: str, passage: str) -> None:
    items = sources(GOUT, passage)
    text, sentences = Verifier(items).verify(read_markers(generated))
    last = 0
    for sentence in sentences:
        assert sentence.start >= last
        assert text[sentence.start : sentence.end] == sentence.text
        assert 0 <= sentence.support <= 1
        for citation in sentence.citations:
            source = items[citation.n - 1]
            assert source.passage_id == citation.passage_id
            assert source.text[citation.start : citation.end] == citation.quote != ""
            assert sentence.support >= WEAK
        markers = "".join(f"[{citation.n}]" for citation in sentence.citations)
        assert text.startswith(f" {markers}" if markers else "", sentence.end)
        last = sentence.end
