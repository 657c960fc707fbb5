"""What callers send, and what an answer is in OpenAI's form."""

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rag.answer import Answer, Evidence, Hit
from rag.answerer import Request

MODEL = "citewell"
"""The name under which OpenAI's clients find CiteWell."""
_PARAGRAPH = "\n\n"
MOST_CHARS = 20_000
"""Characters of one text beyond which a request is refused unread; `rag.max_question_chars` is the finer limit."""

MOST_HISTORY = 50
"""Earlier questions that a request may name."""


class Strict(BaseModel):
    """A body in which an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


class SearchBody(Strict):
    """A question to find passages for."""

    question: str = Field(max_length=MOST_CHARS, examples=["What are the signs of a stroke?"])
    history: list[str] = Field(
        default=[], max_length=MOST_HISTORY, description="questions asked before it, the oldest first"
    )
    filters: dict[str, str] = Field(default={}, description="column -> value that the records must have")

    def request(self) -> Request:
        """The question as the answerer takes it."""
        return Request(self.question, tuple(self.history), self.filters)


class AnswerBody(SearchBody):
    """A question to answer."""

    stream: bool = Field(default=False, description="send events as the answer grows")
    snapshots: bool = Field(default=False, description="with `stream`, send whatever changes of the answer")


class FollowUpsBody(Strict):
    """An answer to follow: what was asked, and the record that it cites first."""

    question: str = Field(max_length=MOST_CHARS, examples=["What is gout?"])
    searched: str = Field(max_length=MOST_CHARS, description="the question as it was searched (`search_query`)")
    record_id: str = Field(max_length=40, description="of the passage that is cited first")
    cited: str = Field(max_length=MOST_CHARS, description="the question of the file that this passage answers")

    def answer(self) -> Answer:
        """As much of the answer as its follow-ups depend on."""
        cited = Evidence(Hit("", self.record_id, self.cited, ""), 1, "", 0)
        return Answer(self.question, self.searched, evidence=(cited,))


class Part(BaseModel):
    """A part of a message's content; only texts are read."""

    type: str
    text: str = Field(default="", max_length=MOST_CHARS)


class ChatMessage(BaseModel):
    """A message of a chat. What is no user's is not followed: instructions to CiteWell come from its settings alone."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """The words of the message."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class ChatBody(BaseModel):
    """A request for a chat completion. Fields that steer how a model samples are accepted and change nothing."""

    model_config = ConfigDict(extra="ignore")
    messages: list[ChatMessage] = Field(min_length=1, max_length=200)
    model: str = MODEL
    stream: bool = False
    n: int = 1
    response_format: dict[str, Any] | None = None

    def refusal(self) -> str:
        """Why this cannot be answered; empty where it can."""
        if self.messages[-1].role != "user":
            return f"the last message is of the role {self.messages[-1].role!r}; expected 'user'"
        if self.n != 1:
            return f"n is {self.n}; expected 1: CiteWell gives one answer"
        if (self.response_format or {}).get("type", "text") != "text":
            return "response_format asks for something else than text; leave it out"
        return ""

    def request(self) -> Request:
        """The last user's message with those before it as its history."""
        asked = [message.text for message in self.messages if message.role == "user"]
        return Request(asked[-1], tuple(asked[:-1]))


def in_words(answer: Answer) -> str:
    """An answer as one text: its notice, its sentences with markers, notes, and its sources or closest questions."""
    parts = [answer.notice.text] if answer.notice else []
    parts.append(answer.text)
    parts += [f"({note.text})" for note in answer.notes]
    if answer.cited:
        parts.append("Sources:\n" + "\n".join(_source(item) for item in answer.cited))
    elif answer.closest:
        parts.append(
            "The closest questions that the file answers:\n" + "\n".join(f"- {each}" for each in answer.closest)
        )
    return _PARAGRAPH.join(part for part in parts if part)


def _source(item: Evidence) -> str:
    return f"[{item.n}] " + ", ".join(part for part in (item.question, item.source, item.link) if part)


def annotations(answer: Answer, text: str) -> list[dict[str, Any]]:
    """Every marker of the text as a citation of OpenAI's form, with the passage that it stands for.

    Source of the form: https://platform.openai.com/docs/api-reference/chat/object (message.annotations).
    """
    found = []
    for item in answer.cited:
        marker, start = f"[{item.n}]", 0
        while (start := text.find(marker, start)) >= 0:
            end = start + len(marker)
            about = {"url": item.link, "title": item.question, "text": item.text}
            found.append({"type": "url_citation", "url_citation": {"start_index": start, "end_index": end, **about}})
            start = end
    return sorted(found, key=lambda each: each["url_citation"]["start_index"])


def completion(answer: Answer) -> dict[str, Any]:
    """An answer as a chat completion."""
    text = in_words(answer)
    message = {"role": "assistant", "content": text, "annotations": annotations(answer, text)}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {**_about("chat.completion"), "choices": [choice], "usage": _usage(answer)}


def chunks(answer: Answer) -> Sequence[Mapping[str, Any]]:
    """An answer as the chunks of a streamed chat completion: paragraph by paragraph, then its citations."""
    text = in_words(answer)
    about = _about("chat.completion.chunk")
    pieces = text.split(_PARAGRAPH)
    texts = [*(f"{piece}{_PARAGRAPH}" for piece in pieces[:-1]), pieces[-1]]
    if answer.notice:  # it came before (`notice_chunk`)
        texts = [text.removeprefix(f"{answer.notice.text}{_PARAGRAPH}")]
    deltas: list[dict[str, Any]] = [{"content": piece} for piece in texts]
    deltas.append({"annotations": annotations(answer, text)})
    made = [_chunk(about, delta) for delta in deltas]
    return [*made, {**_chunk(about, {}, "stop"), "usage": _usage(answer)}]


def opening_chunk() -> Mapping[str, Any]:
    """The first chunk of a streamed completion: the role."""
    return _chunk(_about("chat.completion.chunk"), {"role": "assistant", "content": ""})


def notice_chunk(notice: str) -> Mapping[str, Any]:
    """The chunk with the notice of an emergency."""
    return _chunk(_about("chat.completion.chunk"), {"content": f"{notice}{_PARAGRAPH}"})


def _chunk(about: Mapping[str, Any], delta: Mapping[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {**about, "choices": [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}]}


def _about(kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": MODEL}


def _usage(answer: Answer) -> dict[str, int]:
    prompt, written = answer.timings.prompt_tokens, answer.timings.answer_tokens
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}
