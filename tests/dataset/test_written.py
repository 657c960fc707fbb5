"""Answers written over passages: read, checked, and made into rows on the side of their topics."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from core.errors import DataError
from dataset.build_rows import split_topics
from dataset.by_hand import Excerpt
from dataset.evidence_sets import EvidenceMaker
from dataset.written import ANSWERS, FORM, WrittenAnswer, in_passages_words, read_written, rows_written
from generator.prompt import REFUSAL, REST, Source
from index.topics import record_topic
from rag.search.retriever import IndexRetriever
from tests.conftest import WordEmbedder, index_rows

LINE = {
    "id": "one",
    "question": "is gout forever",
    "shown": [["p", 0, 1]],
    "state": "all",
    "answer": "No, it comes and goes [1].",
}


def written(tmp_path: Path, *lines: dict[str, Any]) -> Path:
    file = tmp_path / "answers.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def test_an_answer_names_the_passages_that_it_rests_on(tmp_path: Path) -> None:
    shown = [["p", 0, 1], ["q", 2, 2]]
    line = {**LINE, "shown": shown, "answer": f"No [2]. It comes and goes [1][2]. {REST} why.", "state": "part"}
    (answer,) = read_written(written(tmp_path, line))
    assert answer.cited == (1, 2)
    assert (answer.shown[1].passage, answer.shown[1].first) == ("q", 2)


def test_a_question_of_people_is_read_where_its_words_are(tmp_path: Path) -> None:
    of_people = {key: value for key, value in LINE.items() if key != "question"}
    file = written(tmp_path, of_people)
    assert [answer.question for answer in read_written(file)] == [""]
    questions = tmp_path / "questions.jsonl"
    questions.write_text(json.dumps({"id": "one", "question": "does gout last"}) + "\n")
    assert [answer.question for answer in read_written(file, questions)] == ["does gout last"]


def test_a_line_without_an_answer_is_the_refusal(tmp_path: Path) -> None:
    (answer,) = read_written(written(tmp_path, {"id": "a", "question": "x", "shown": [["p", 0, 0]], "state": "none"}))
    assert (answer.answer, answer.cited) == (REFUSAL, ())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answer": "No, it comes and goes."}, "no passage is named for 'No, it comes and goes.'"),
        ({"answer": "No, it comes and goes [2]."}, r"\[2\] is none of the 1 passages"),
        ({"state": "none"}, "state 'none' and the answer do not go together"),
        ({"state": "much"}, "state is 'much'"),
        ({"shown": [["p", 0]]}, "row 2 is no answer over passages"),
    ],
)
def test_a_line_that_is_none_is_named(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        read_written(written(tmp_path, LINE, {**LINE, **change}))


def test_the_shipped_answers_are_whole() -> None:
    answers = read_written(ANSWERS)
    assert len(answers) >= 1500
    assert len({answer.id for answer in answers}) == len(answers)
    words = [len(answer.answer.split()) for answer in answers if answer.state != "none"]
    assert 20 < sum(words) / len(words) < 60
    assert all(answer.more and answer.wrong for answer in answers if answer.state != "none")


def test_rows_are_on_the_side_of_their_topics(tmp_path: Path, word_embedder: WordEmbedder) -> None:
    named = [f"Illness {letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    index = index_rows(tmp_path, [(f"What is {name}?", f"{name} is rare. The pain is in the knee.") for name in named])
    sides = split_topics(index, None)
    maker = EvidenceMaker(IndexRetriever(index=index, embedder=word_embedder), lambda _: 0, 200, sides)
    answers = [_in_the_knee(passage) for passage in (*index.by_id, "gone")]
    left_out: Counter[str] = Counter()
    made = list(rows_written(answers, maker, random.Random(0), left_out))
    assert len(made) == len(named)
    assert left_out == {"written: passages that the file does not hold": 1}
    assert {side for side, _ in made} >= {"train", "test"}
    for side, row in made:
        assert side == sides[record_topic(index.records[index.by_id[row.group].record_id])]
        assert (row.form, row.sources[0].text, row.right) == (FORM, "The pain is in the knee.", (1,))


def _in_the_knee(passage: str) -> WrittenAnswer:
    return WrittenAnswer(passage, "where does it hurt", (Excerpt(passage, 1, 1),), "all", "In the knee [1].")


SOURCES = [
    Source(
        "What is gout?",
        "Gout is a form of arthritis. It comes in attacks at night. However, some have just one.",
    ),
    Source("How is gout treated?", "Rest the joint. Ice lessens the pain of an attack. Where can I read more?"),
]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(
            "The pain of an attack is less with ice [2]. Gout is arthritis [1].",
            "Ice lessens the pain of an attack [2]. Gout is a form of arthritis [1].",
            id="in the order of the answer",
        ),
        pytest.param(
            "It comes in attacks at night [1].",
            "Gout is a form of arthritis [1]. It comes in attacks at night [1]. However, some have just one [1].",
            id="with what a sentence leans on, and its caveat",
        ),
        pytest.param(
            f"Ice lessens the pain [2]. {REST} for how long.",
            f"Ice lessens the pain of an attack [2]. {REST} for how long.",
            id="what is left out is named",
        ),
        pytest.param("Kings drank wine [1]. Gout is arthritis [1].", "", id="nothing is near the first sentence"),
        pytest.param(
            "Gout is arthritis [1]. Kings drank wine [1].",
            "Gout is a form of arthritis [1].",
            id="nothing is near another sentence",
        ),
        pytest.param(REFUSAL, REFUSAL, id="a refusal"),
    ],
)
def test_an_answer_is_put_in_the_words_of_the_passages_it_cites(
    answer: str, expected: str, word_embedder: WordEmbedder
) -> None:
    assert in_passages_words(answer, SOURCES, word_embedder) == expected


def test_the_writers_own_words_are_kept_where_they_are_wanted(tmp_path: Path, word_embedder: WordEmbedder) -> None:
    index = index_rows(tmp_path, [("What is gout?", "Gout is rare. The pain is in the knee.")])
    maker = EvidenceMaker(
        IndexRetriever(index=index, embedder=word_embedder), lambda _: 0, 200, split_topics(index, None)
    )
    answers = [_in_the_knee(passage) for passage in index.by_id]
    ((_, row),) = rows_written(answers, maker, random.Random(0), Counter(), reworded=True)
    assert row.completion == "In the knee [1]."
