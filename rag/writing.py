"""What a model writes, sentence by sentence, and the draft that results: whole sentences, none repeated, none about
another subject than was asked about.

Answering and evaluating write alike.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from langchain_core.messages import AIMessageChunk

from core.text.sentences import ends_whole
from core.text.words import key
from generator.llm import QwenChat
from generator.prompt import REFUSAL, Source, messages
from rag.checks.citations import Draft, is_aside, read_markers
from rag.checks.subject import Subject

RULES = "2"
"""Version of the rules of `write`. Raise it when they change: answers that an evaluation kept are then written
again."""


@dataclass(frozen=True)
class Written:
    """The text that has been written so far, and its sentences."""

    generated: str = ""
    """The text as the model wrote it."""
    drafts: tuple[Draft, ...] = ()
    """Its sentences, the last one perhaps unfinished; once it is `done`, what the answer comes to."""
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


def write(llm: QwenChat, question: str, sources: Sequence[Source]) -> Iterator[Written]:
    """Let a model answer; yields what it has written with every piece of text, last what it comes to.

    A model that begins to repeat its sentences is stopped: it writes nothing new from there on. A sentence that was not
    finished is dropped; if there is no other, it is marked as cut. A sentence about something else than was asked is
    dropped too, and if nothing is left, the answer is the refusal. Closing the iterator stops the model.

    Raises:
        EngineError: the model broke off.
    """
    written = Written()
    subject = Subject(question, sources)
    last = AIMessageChunk(content="")
    repeats = False
    with contextlib.closing(llm.stream(messages(question, sources))) as chunks:  # type: ignore[type-var]
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
        drafts=_asked_for(subject, _each_once(_without_cut(written.drafts) if cut else written.drafts)),
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


def _asked_for(subject: Subject, drafts: tuple[Draft, ...]) -> tuple[Draft, ...]:
    """The sentences about what was asked; the refusal if none is."""
    kept = tuple(draft for draft in drafts if not subject.strays(draft))
    if kept == drafts or any(not is_aside(draft.text) for draft in kept):
        return kept
    return (Draft("", REFUSAL, ()),)


def _each_once(drafts: tuple[Draft, ...]) -> tuple[Draft, ...]:
    """The sentences that do not repeat the words of an earlier one."""
    first: dict[str, Draft] = {}
    for draft in drafts:
        first.setdefault(key(draft.text), draft)
    return tuple(first.values())
