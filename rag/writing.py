"""What a model writes, sentence by sentence, and where it ends: in a whole sentence, with nothing said twice.

Answering and evaluating write alike.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from langchain_core.messages import AIMessageChunk, BaseMessage

from core.sentences import ends_whole
from generator.llm import QwenChat
from rag.citations import Draft, key, read_markers


@dataclass(frozen=True)
class Written:
    """What has been written so far."""

    generated: str = ""
    """As the model wrote it."""
    drafts: tuple[Draft, ...] = ()
    """Its sentences, the last one perhaps unfinished; once it is `done`, the whole ones, each once."""
    ahead: int = 0
    """Questions that the model answers before this one."""
    done: bool = False
    prompt_tokens: int = 0
    answer_tokens: int = 0

    @property
    def text(self) -> str:
        """The drafts with their markers."""
        return "".join(
            f"{draft.lead}{draft.text}{''.join(f' [{number}]' for number in draft.marked)}" for draft in self.drafts
        ).strip()


def write(llm: QwenChat, prompt: list[BaseMessage]) -> Iterator[Written]:
    """Let a model answer; yields what it has written with every piece of text, last what it comes to.

    A model that begins to repeat its sentences is stopped: it says nothing new from there on. A sentence that was not
    finished is dropped; if there is no other, it is seen to be cut. Closing the iterator stops the model.

    Raises:
        EngineError: the model broke off.
    """
    written = Written()
    last = AIMessageChunk(content="")
    repeats = False
    with contextlib.closing(llm.stream(prompt)) as chunks:  # type: ignore[type-var]
        for last in chunks:
            if places := last.response_metadata.get("ahead"):
                yield replace(written, ahead=places[-1])
            if not last.text:
                continue
            generated = written.generated + last.text
            written = Written(generated, tuple(read_markers(generated)))
            whole = written.drafts[:-1]
            if repeats := len(_each_once(whole)) < len(whole):
                break
            yield written
    cut = repeats or last.response_metadata.get("finish_reason") == "length"
    usage = last.usage_metadata
    yield replace(
        written,
        drafts=_each_once(_without_cut(written.drafts) if cut else written.drafts),
        done=True,
        prompt_tokens=usage["input_tokens"] if usage else 0,
        answer_tokens=usage["output_tokens"] if usage else 0,
    )


def _without_cut(drafts: tuple[Draft, ...]) -> tuple[Draft, ...]:
    if not drafts or ends_whole(drafts[-1].text):
        return drafts
    return drafts[:-1] or (_ellipsis(drafts[0]),)


def _ellipsis(draft: Draft) -> Draft:
    """A sentence too long for the answer: cut back to its last whole word, and seen to be cut."""
    return replace(draft, text=draft.text.rpartition(" ")[0].rstrip(",;: ") + " …")


def _each_once(drafts: tuple[Draft, ...]) -> tuple[Draft, ...]:
    """The sentences that say something no earlier one said in the same words."""
    first: dict[str, Draft] = {}
    for draft in drafts:
        first.setdefault(key(draft.text), draft)
    return tuple(first.values())
