from collections.abc import Sequence

import pytest

from generator.llm import QwenChat
from generator.prompt import REFUSAL, REST, Source
from rag.checks.citations import read_markers
from rag.writing import Written, write
from tests.fakes import QueueEngine

SOURCES = (
    Source("How is gout treated?", "Colchicine is taken as 1.2 mg. It calms the joint."),
    Source("What is pseudogout?", "Pseudogout hits the knee. It comes from calcium."),
)
DOSE = "Colchicine is taken as 1.2 mg [1]."


def written(
    reply: str,
    max_tokens: int = 100,
    engine: QueueEngine | None = None,
    question: str = "what is gout",
    sources: Sequence[Source] = (),
) -> Written:
    engine = engine or QueueEngine(reply)
    *_, last = write(QwenChat(engine=engine, max_tokens=max_tokens), question, sources)
    return last


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("Gout hurts [1]. It is common [2][3].", "Gout hurts. [1] It is common. [2] [3]"),
        ("Gout hurts. [1]\nIt is common [1, 2].", "Gout hurts. [1]\nIt is common. [1] [2]"),
        ("Gout hurts.", "Gout hurts."),
        ("", ""),
    ],
)
def test_the_text_says_what_was_written_with_the_same_markers(reply: str, text: str) -> None:
    result = written(reply)
    assert result.text == text
    again = [(draft.text, draft.marked) for draft in read_markers(result.text)]
    assert again == [(draft.text, draft.marked) for draft in result.drafts]


def test_a_model_that_repeats_itself_is_stopped_and_said_once() -> None:
    engine = QueueEngine("Gout hurts [1]. " * 50)
    result = written("", engine=engine)
    assert result.text == "Gout hurts. [1]"
    assert engine.closed == 1
    assert len(engine.sent) < 100


def test_an_end_in_mid_sentence_is_dropped() -> None:
    result = written("Gout hurts the joints [1]. It is caused by crystals of uric acid [1].", max_tokens=9)
    assert result.text == "Gout hurts the joints. [1]"
    assert result.generated.endswith("It is caused by ")


def test_one_torn_sentence_is_seen_to_be_torn() -> None:
    assert written("Gout hurts the joints very much indeed [1].", max_tokens=4).text == "Gout hurts the …"


def test_tokens_are_counted_and_the_queue_is_told() -> None:
    engine = QueueEngine("Gout hurts [1].", ahead=(2, 1))
    steps = list(write(QwenChat(engine=engine, max_tokens=100), "what is gout", ()))
    assert [step.ahead for step in steps[:2]] == [2, 1]
    assert [step.done for step in steps] == [False] * (len(steps) - 1) + [True]
    assert steps[-1].answer_tokens == 3
    assert steps[-1].prompt_tokens > 50


def test_an_answer_to_a_part_keeps_its_last_word() -> None:
    assert written(f"Gout hurts [1]. {REST} why.").text == f"Gout hurts. [1] {REST} why."


@pytest.mark.parametrize(
    ("question", "reply", "text"),
    [
        ("dose of colchicine for gout", DOSE, "Colchicine is taken as 1.2 mg. [1]"),
        ("dose of colchicine for pseudogout", DOSE, REFUSAL),
        ("dose of colchicine for pseudogout", f"Pseudogout hits the knee [2]. {DOSE}", "Pseudogout hits the knee. [2]"),
        ("dose of colchicine for pseudogout", f"{DOSE} {REST} more.", REFUSAL),
        ("gout and pseudogout", f"{DOSE} Pseudogout hits the knee [2].", None),
        ("dose of colchicine", DOSE, "Colchicine is taken as 1.2 mg. [1]"),
        ("dose for pseudogout", REFUSAL, REFUSAL),
        ("dose for pseudogout", "Colchicine is taken as 1.2 mg.", "Colchicine is taken as 1.2 mg."),
        ("dose for pseudogout", "Colchicine is taken as 1.2 mg [9].", "Colchicine is taken as 1.2 mg. [9]"),
    ],
)
def test_what_a_passage_says_of_something_else_is_dropped(question: str, reply: str, text: str | None) -> None:
    result = written(reply, question=question, sources=SOURCES)
    assert result.text == (text or "Colchicine is taken as 1.2 mg. [1] Pseudogout hits the knee. [2]")
