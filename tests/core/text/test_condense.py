from core.text.condense import HEADING_WORDS, heading

STORY = (
    "Hello doctor, I am 44 and I have ringing in the ears. "
    + "I have been feeling unwell for several weeks and nothing helps. " * 22
    + "What can I do?"
)


def test_a_short_question_stays_as_it_is() -> None:
    question = " ".join(["word"] * HEADING_WORDS) + "  with  spaces"
    assert heading("What is  gout?") == "What is  gout?"
    assert heading(question) != question


def test_a_story_is_cut_to_what_it_asks_and_tells_most() -> None:
    short = heading(STORY)
    assert len(short.split()) <= HEADING_WORDS
    assert short.endswith("What can I do?")
    assert "ringing in the ears" in short
    assert short.count("feeling unwell") == 1


def test_one_endless_sentence_is_cut() -> None:
    assert len(heading("ringing " * 500).split()) == HEADING_WORDS
