"""Stand-ins for models, so that every path is tested in seconds: an embedder of words, an engine with a queue."""

import json
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from core.text.sentences import Span, sentence_spans
from core.text.words import terms
from generator.engines.base import Chat, Chunk
from index.embedders.base import Done
from rag.answer import Hit
from rag.reader.base import Reading

WORD = re.compile(r"\w+|[^\w\s]")


class WordEmbedder:
    """Bag of words hashed into 256 dimensions: texts that share words are near each other."""

    identity = "words@1"
    dimension = 256

    def token_spans(self, texts: Sequence[str]) -> list[list[Span]]:
        return [[match.span() for match in WORD.finditer(text)] for text in texts]

    def embed(self, texts: Sequence[str], done: Done | None = None) -> np.ndarray:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in WORD.findall(text.casefold()):
                vectors[row, zlib.crc32(word.encode()) % self.dimension] += 1
            vectors[row] /= max(float(np.linalg.norm(vectors[row])), 1e-9)
            if done is not None:
                done([row], vectors[[row]])
        return vectors


class WordReader:
    """Reads by shared words: a passage answers by as many as it shares with the question, beyond two; a sentence if it
    shares one.
    """

    identity = "shared-words"

    def __init__(self, logit: float | None = None) -> None:
        self.logit = logit
        """What every passage gets, whatever its words."""
        self.read_at_once: list[int] = []

    def read(self, question: str, hits: Sequence[Hit]) -> list[Reading]:
        self.read_at_once.append(len(hits))
        asked = set(terms(question))
        found = []
        for hit in hits:
            logit = len(asked & set(terms(f"{hit.question} {hit.text}"))) - 2.0 if self.logit is None else self.logit
            sentences = [hit.text[start:end] for start, end in sentence_spans(hit.text)]
            shared = tuple(float(bool(asked & set(terms(each)))) for each in sentences)
            found.append(Reading(min(max(logit, 0.0), 3.0), logit, shared))
        return found


class QueueEngine:
    """Gives the queued replies one after another, a few characters at a time, and remembers what it was asked."""

    identity = {"engine": "queue", "model": "queue-of-replies", "device": "none"}  # noqa: RUF012

    def __init__(self, *replies: str, step: int = 4, ahead: Sequence[int] = ()) -> None:
        self.replies = list(replies)
        self.step = step
        self.ahead = ahead
        self.asked: list[Chat] = []
        self.closed = 0
        self.sent = ""

    def render(self, chat: Chat) -> str:
        return "\n".join(f"<{message['role']}> {message['content']}" for message in chat)

    def warm(self, chat: Chat) -> None:
        self.warmed = chat

    def count_tokens(self, chat: Chat) -> int:
        return sum(len(WORD.findall(message["content"])) for message in chat)

    def stream(self, chat: Chat, *, max_new_tokens: int, temperature: float) -> Iterator[Chunk]:
        self.asked.append(chat)
        for ahead in self.ahead:
            yield Chunk("", ahead=ahead)
        words = re.findall(r"\S+\s*|\s+", self.replies.pop(0))
        reply = "".join(words[:max_new_tokens])
        tokens = min(len(words), max_new_tokens)
        prompt = self.count_tokens(chat)
        self.sent = ""
        try:
            for begin in range(0, len(reply), self.step):
                piece = reply[begin : begin + self.step]
                self.sent += piece
                yield Chunk(piece, prompt, tokens)
            yield Chunk("", prompt, tokens)
        finally:
            self.closed += 1


def write_csv(path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = ("question", "answer")) -> Path:
    """A small CSV, quoted throughout."""
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [header, *rows]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


ROWS = [
    ("What is gout?", "Gout is a form of arthritis. It is caused by crystals of uric acid in a joint.", "joints"),
    ("What causes acne?", "Acne forms when follicles are clogged with oil. Dirt does not cause acne.", "skin"),
    ("How long does a cold last?", "Most colds clear up within 10 days. A cough can last for 3 weeks.", "lungs"),
    (
        "What is measles?",
        "Measles is a very contagious disease. A vaccine prevents it in 97 percent of people.",
        "fever",
    ),
]


def without_hashes(adapter: Path) -> None:
    """Let an adapter's record say nothing of its files, as records of before: another matrix is no damage then."""
    run = json.loads((adapter / "run.json").read_text())
    run.pop("files", None)
    (adapter / "run.json").write_text(json.dumps(run))
