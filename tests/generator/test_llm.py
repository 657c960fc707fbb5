from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_tests.unit_tests import ChatModelUnitTests

from generator.engines.base import Chunk
from generator.llm import QwenChat, _until
from tests.conftest import queue_llm, queue_of
from tests.fakes import QueueEngine


class TestStandard(ChatModelUnitTests):
    """LangChain's own tests of a chat model."""

    @property
    def chat_model_class(self) -> type[QwenChat]:
        return QwenChat

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"engine": QueueEngine("hello")}


def test_an_answer_with_usage_and_finish_reason() -> None:
    llm = queue_llm("one two three four", "one two three four", max_tokens=3)
    answer = llm.invoke([SystemMessage("s"), HumanMessage("hi there"), AIMessage("a"), HumanMessage("b")])
    assert answer.content == "one two three "
    assert answer.usage_metadata == {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8}
    assert answer.response_metadata["finish_reason"] == "length"
    assert llm.invoke("hi", max_tokens=10).response_metadata["finish_reason"] == "stop"
    engine = llm.engine
    assert isinstance(engine, QueueEngine)
    assert [message["role"] for message in engine.asked[0]] == ["system", "user", "assistant", "user"]


def test_streams_tell_callbacks_of_each_token() -> None:
    class Listener(BaseCallbackHandler):
        heard = ""

        def on_llm_new_token(self, token: str | list[str | dict[str, Any]], **kwargs: Any) -> None:
            assert isinstance(token, str)
            self.heard += token

    listener = Listener()
    chunks = list(queue_llm("a few words").stream("hi", config={"callbacks": [listener]}))
    assert len(chunks) > 2
    assert "".join(chunk.text for chunk in chunks) == "a few words" == listener.heard


def test_a_stop_text_ends_the_answer_and_closes_the_engine() -> None:
    llm = queue_llm("first. Question: second", "x\ny")
    assert llm.invoke("hi", stop=["Question:"]).content == "first. "
    assert queue_of(llm).closed == 1
    assert llm.model_copy(update={"stop": ["\n"]}).invoke("hi").content == "x"


def test_the_prompt_is_rendered_and_counted_by_the_engine() -> None:
    llm = queue_llm()
    assert llm.render([HumanMessage("hi")]) == "<user> hi"
    assert llm.get_num_tokens_from_messages([HumanMessage("hi you")]) == 2


@given(
    st.lists(st.text(alphabet="abc", max_size=4), max_size=12),
    st.lists(st.text(alphabet="abc", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_stopping_does_not_depend_on_how_the_text_is_cut_into_chunks(pieces: list[str], stop: list[str]) -> None:
    text = "".join(pieces)
    ends = [position for sequence in stop if (position := text.find(sequence)) >= 0]
    got = "".join(chunk.text for chunk in _until((Chunk(piece) for piece in pieces), stop))
    if not ends:
        assert got == text
    else:  # a stop text that is complete earlier may hide a longer one that began before it
        assert text.startswith(got)
        assert not any(sequence in got for sequence in stop)
        assert any(text.startswith(sequence, len(got)) for sequence in stop)


def test_settings_choose_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.settings import GeneratorSettings

    monkeypatch.setattr("generator.llm.load_engine", lambda settings: QueueEngine("from settings"))
    llm = QwenChat.from_settings(GeneratorSettings(max_new_tokens=7, temperature=0.5))
    assert (llm.max_tokens, llm.temperature) == (7, 0.5)
    assert isinstance(llm.engine, QueueEngine)
    assert "health librarian" in llm.engine.warmed[0]["content"]  # the beginning that all prompts share
    assert llm.invoke("hi").content == "from settings"


def test_the_places_in_the_queue_come_before_the_text() -> None:
    llm = QwenChat(engine=QueueEngine("At last.", "Again.", ahead=(2, 2, 1)))
    pieces = list(llm.stream("hi", stop=["nothing of it"]))
    places = [piece.response_metadata.get("ahead") for piece in pieces]
    assert [place for place in places if place] == [[2], [2], [1]]
    assert "".join(str(piece.content) for piece in pieces) == "At last."
    assert llm.invoke("hi").content == "Again."
