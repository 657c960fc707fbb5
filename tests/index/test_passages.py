import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from core.text.condense import HEADING_WORDS
from core.text.sentences import Span, sentence_spans
from index.corpus import Record
from index.passages import Passage, headed_text, split_record
from tests.fakes import WordEmbedder


def spans(text: str) -> list[Span]:
    return WordEmbedder().token_spans([text])[0]


WORDS = st.lists(st.sampled_from(["one", "two", "three.", "Four!", "- five", "\n", "6", "1.", "é😀"]), max_size=60)


def split(text: str, limit: int) -> list[Passage]:
    return split_record(Record("id", ("Q?",), text), spans(text), limit)


def test_whole_sentences_are_packed_up_to_the_limit() -> None:
    passages = split("One two three. Four five. Six seven eight nine.", 8)
    assert [passage.text for passage in passages] == ["One two three. Four five.", "Six seven eight nine."]
    assert [passage.id for passage in passages] == ["id-0", "id-1"]
    assert headed_text("Q?", passages[0]) == "Q?\nOne two three. Four five."


def test_a_long_question_leaves_the_embedder_room_for_the_passage() -> None:
    (passage,) = split("One two three.", 8)
    story = "I have ringing in the ears. " + "I was unwell for weeks and nothing helps. " * 40 + "What can I do?"
    text = headed_text(story, passage)
    assert text.endswith("What can I do?\nOne two three.")
    assert len(text.split()) <= HEADING_WORDS + 3
    at_most = " ".join(["word"] * HEADING_WORDS) + "?"
    assert headed_text(at_most, passage) == f"{at_most}\nOne two three."


def test_a_sentence_over_the_limit_is_cut_between_tokens() -> None:
    passages = split("a b c d e f g h i j.", 4)
    assert [passage.text for passage in passages] == ["a b c d", "e f g h", "i j."]


def test_a_bullet_counts_only_where_it_stands_inside_a_passage() -> None:
    assert [passage.text for passage in split("1. one", 2)] == ["one"]
    assert [passage.text for passage in split("one.\n- two.\n- three.", 5)] == ["one.\n- two.", "three."]


@example("1. one", 2)
@given(WORDS.map(" ".join), st.integers(2, 12))
def test_passages_are_spans_of_the_answer_within_the_limit_and_lose_no_sentence(text: str, limit: int) -> None:
    passages = split(text, limit)
    assert all(passage.text == text[passage.start : passage.end] for passage in passages)
    assert all(one.end <= other.start for one, other in itertools.pairwise(passages))
    assert all(0 < len(spans(passage.text)) <= limit for passage in passages)
    covered = {position for passage in passages for position in range(passage.start, passage.end)}
    for start, end in sentence_spans(text):
        assert all(position in covered for position in range(start, end) if not text[position].isspace())
