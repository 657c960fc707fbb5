"""The one object that an answer is: the page, the command line and the evaluation all read it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from generator.prompt import Source

Verdict = Literal["supported", "weak", "unsupported"]
Urgency = Literal["emergency", "poisoning", "suicide", "limit"]
NoteKind = Literal[
    "follow-up",
    "condensed",
    "corrected",
    "by-words",
    "quoted",
    "caveat",
    "restated",
    "partly",
    "list",
    "orders",
    "otherwise",
    "missing",
    "language",
    "shards",
    "other",
]
"""What a note is about: a follow-up was completed; a long message was cut to the sentences that ask; a word was
corrected; the index has no vectors yet; the answer is quoted because the model's own was none; a limiting sentence was
added; a sentence that the passages do not clearly support was left out or put in their own words; only a part of the
question is answered; items of a list are left out; orders to a machine were left out; another passage says otherwise;
the passages lack a name that was asked about; it is in another language than the file; a
shard of the index did not answer; or, in receipts of an earlier
version, something else."""
Outcome = Literal["", "answered", "quoted", "not-in-file", "declined", "no-room", "broke-off", "reply"]
"""How an answer ended: the model wrote it; it is quoted; the search found none; the model declined, or nothing that it
wrote may be said; no passage fits into the context; the model stopped before it had written a sentence; the message was
no question. It is empty while an answer is written, and in receipts from before it was kept."""


@dataclass(frozen=True)
class Notice:
    """A notice above an answer: where to get help now, or that no file can give a diagnosis or a dose."""

    kind: Urgency
    text: str


@dataclass(frozen=True)
class Note:
    """A note for the user on how an answer was made: `kind` is for code, `text` for people."""

    kind: NoteKind
    text: str


@dataclass(frozen=True)
class Hit:
    """A passage found for a query, with every score and rank it got on the way.

    `scores` and `ranks` are by stage: `headed`, `question`, `lexical`, `reader`; a stage that did not find it has no
    rank. `score` is the fused one, between 0 and 1: 1 is first in every stage.
    """

    passage_id: str
    record_id: str
    question: str
    """The question that the passage's record answers."""
    text: str
    source: str = ""
    url: str = ""
    score: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)
    start: int = 0
    """Where `text` begins in the record's answer: `record.answer[start : start + len(text)] == text`."""
    columns: dict[str, str] = field(default_factory=dict)
    """The further columns of the file's row, without source and url."""


@dataclass(frozen=True)
class NumberedSource:
    """A source as a sentence is checked against it: `n` is the number that a marker [n] names."""

    n: int
    heading: str
    text: str
    passage_id: str = ""


@dataclass(frozen=True)
class Evidence:
    """A hit that was put in front of the model as number `n`."""

    hit: Hit
    n: int
    text: str
    """The part of the hit that the model was shown: one run of whole sentences of `hit.text`."""
    start: int
    """Where `text` begins in the record's answer: `record.answer[start : start + len(text)] == text`."""

    @property
    def passage_id(self) -> str:
        return self.hit.passage_id

    @property
    def record_id(self) -> str:
        return self.hit.record_id

    @property
    def question(self) -> str:
        """The question that the passage's record answers."""
        return self.hit.question

    @property
    def source(self) -> str:
        return self.hit.source

    @property
    def url(self) -> str:
        return self.hit.url

    @property
    def link(self) -> str:
        """The address where it may be followed: one of the web, and of no other scheme; else empty."""
        return self.url if self.url.startswith(("https://", "http://")) else ""

    @property
    def score(self) -> float:
        return self.hit.score

    def as_source(self) -> Source:
        """The evidence in the form that the prompt holds."""
        return Source(self.question, self.text)

    def numbered(self) -> NumberedSource:
        """The evidence in the form that the sentences of the answer are checked against."""
        return NumberedSource(self.n, self.question, self.text, self.passage_id)


@dataclass(frozen=True)
class Lead:
    """The sentence of a hit's passage that shares most with the question; `record.answer[start:][: len(text)] == text`.

    It is of the whole passage, and known before that is trimmed to what the model is shown.
    """

    passage_id: str
    start: int
    text: str


@dataclass(frozen=True)
class Dropped:
    """A hit that the model was not shown, and why."""

    hit: Hit
    reason: str


@dataclass(frozen=True)
class Citation:
    """A marker [n]: the words of evidence n that a sentence rests on; `evidence.text[start:end] == quote`."""

    n: int
    passage_id: str
    start: int
    end: int
    quote: str


@dataclass(frozen=True)
class Sentence:
    """A sentence of the answer; `answer.text[start:end] == text`. `support` is between 0 and 1."""

    text: str
    start: int
    end: int
    verdict: Verdict
    support: float
    citations: tuple[Citation, ...]


@dataclass(frozen=True)
class Timings:
    """Seconds, and tokens. `first_token_s` counts from the question, `generate_s` from the end of the search."""

    search_s: float = 0.0
    first_token_s: float = 0.0
    generate_s: float = 0.0
    total_s: float = 0.0
    prompt_tokens: int = 0
    answer_tokens: int = 0


@dataclass(frozen=True)
class Answer:
    """An answer with everything it rests on.

    While it is being written, a stream yields one snapshot after another; `finished` is true of the last one.
    `text` carries the markers of the verified citations; `generated` is what the model wrote.
    """

    question: str
    search_query: str
    notes: tuple[Note, ...] = ()
    """Notes on how the answer was made: a word corrected, a sentence added, a quotation in place of an answer."""
    notice: Notice | None = None
    """The notice above the answer, decided before anything is written, whatever the file holds."""
    text: str = ""
    abstained: bool = False
    """Whether no sentence answers the question; `outcome` holds the reason."""
    outcome: Outcome = ""
    answerable: float = 1.0
    """Probability, before anything was generated, that the file holds an answer."""
    closest: tuple[str, ...] = ()
    """Questions that the file does hold, where it holds no answer to this one."""
    finished: bool = False
    ahead: int = 0
    """Questions that the model answers before this one, as long as it waits for its turn."""
    sentences: tuple[Sentence, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    leads: tuple[Lead, ...] = ()
    """The sentence to read first in each passage that was found, while the model still reads."""
    dropped: tuple[Dropped, ...] = ()
    generated: str = ""
    prompt: str = ""
    model: dict[str, str] = field(default_factory=dict)
    index: dict[str, str] = field(default_factory=dict)
    timings: Timings = field(default_factory=Timings)

    def __add__(self, later: "Answer") -> "Answer":
        """A later snapshot takes the place of an earlier one: so LangChain's `invoke` of a stream gives the last."""
        return later

    @property
    def cited(self) -> tuple[Evidence, ...]:
        """The evidence that at least one sentence cites, in order of number."""
        numbers = {citation.n for sentence in self.sentences for citation in sentence.citations}
        return tuple(evidence for evidence in self.evidence if evidence.n in numbers)

    def noted(self, kind: NoteKind) -> bool:
        """Whether it has a note of this kind."""
        return any(note.kind == kind for note in self.notes)

    def spans(self, n: int) -> list[tuple[int, int]]:
        """The parts of evidence n that are cited, in order, overlapping ones joined."""
        joined: list[tuple[int, int]] = []
        cited = [citation for sentence in self.sentences for citation in sentence.citations if citation.n == n]
        for start, end in sorted((citation.start, citation.end) for citation in cited):
            if joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        return joined

    def pieces(self, item: Evidence) -> Iterator[tuple[str, bool]]:
        """The text of a piece of evidence, cut where citations begin and end: each piece, and whether it is cited."""
        at = 0
        for start, end in self.spans(item.n):
            yield item.text[at:start], False
            yield item.text[start:end], True
            at = end
        yield item.text[at:], False
