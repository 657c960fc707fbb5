"""What is asked of damaged files, each time by a process of its own: what it gives must be what it gave before."""

from pathlib import Path

import numpy as np

from core.errors import HistoryError
from core.settings import GeneratorSettings, IndexSettings, Settings
from faults.clock import step
from faults.operations import ONE
from faults.stand_ins import stand_in
from generator.adapters import prepare_tuned
from generator.engines import load_engine
from index.build import build
from index.builds import check_build
from index.embedders import load_embedder
from index.job import read_job
from index.opening import open_index
from index.published import published_build
from index.status import read_status
from rag.admin import overview
from rag.answer import Answer
from rag.database import EARLIER
from rag.exports import to_json
from rag.feedback import given
from rag.history import History
from rag.opening import open_answerer
from rag.reader.folder import read_folder
from rag.uploads import JOB

ASKED = ("how is gout treated", "what causes acne", "how long does a cold last", "what is measles")
Said = tuple[str, str, tuple[str, ...], dict[str, str]]


def said(answer: Answer) -> Said:
    """What of an answer must not change: the question, the text, the quoted words, and the file that it names."""
    quotes = tuple(citation.quote for sentence in answer.sentences for citation in sentence.citations)
    return answer.question, answer.text, quotes, dict(answer.index)


def answers(settings: Settings, real: bool = False) -> list[Said]:
    """Ask a few questions, and read what the Data page shows beside them."""
    if not real:
        stand_in()
    answerer = open_answerer(settings)
    found = [said(list(answerer.answer(answerer.search(question)))[-1]) for question in ASKED]
    overview(answerer.retriever.index)
    folder = Path(settings.index.dir)
    read_status(folder)
    read_job(folder / JOB)
    return found


def answers_alone(settings: Settings) -> list[tuple[str, str, tuple[str, ...]]]:
    """The answers without the names of build and file, which a build that was published changes."""
    return [each[:3] for each in answers(settings)]


def records_at(seconds: float, settings: Settings) -> str:
    """All that the published index holds, with the clock so many seconds off."""
    step(seconds)
    return " ".join(record.answer for record in open_index(Path(settings.index.dir)).records.values())


def rebuilt(settings: Settings) -> list[tuple[str, str, tuple[str, ...]]]:
    """Build over what is there, as the next command of a person would, and ask."""
    stand_in()
    build(settings.index)
    check_build(published_build(Path(settings.index.dir)))
    return answers_alone(settings)


def written(settings: GeneratorSettings) -> str:
    """Let a model write a few tokens."""
    engine = load_engine(settings)
    chat = [{"role": "user", "content": "what is gout"}]
    return "".join(chunk.text for chunk in engine.stream(chat, max_new_tokens=24, temperature=0))


def merged(settings: GeneratorSettings) -> str:
    """The hash of an adapter's merged weights."""
    return prepare_tuned(settings)[0].sha256


def vectors(settings: IndexSettings) -> list[list[float]]:
    """Embed a few texts, rounded as the index keeps them."""
    embedder = load_embedder(settings)
    return [[round(float(value), 2) for value in row] for row in np.asarray(embedder.embed(ASKED))]


def reader_of(folder: Path) -> tuple[str, str]:
    """What a reader's folder says that it is, and how it decides."""
    found = read_folder(folder)
    return found.identity, repr(found.decision)


def kept(file: Path, conversation: str, owner: str) -> list[tuple[str, str]]:
    """Everything that can be read of the one conversation; a turn that says what is wrong with it is a refusal."""
    history = History(file, owner)
    history.conversations()
    history.conversations("gout")
    given(file)
    to_json(file, conversation, owner)
    turns = history.turns(conversation)
    if wrong := [turn.error for turn in turns if turn.error]:
        raise HistoryError(wrong[0])
    return [(turn.question, turn.answer.text if turn.answer else "") for turn in turns]


def first_kept(file: Path, count: int) -> tuple[list[tuple[str, str]], int]:
    """The first turns of the one conversation, and how many of the first judgements there are."""
    judged = min(len(given(file)), count)
    return kept(file, ONE, EARLIER)[:count], judged
