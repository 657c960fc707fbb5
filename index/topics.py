"""The topic and the aspect of a question: what it is about, and what it asks about that, by the words of asking.

Both are read from the question alone, so that any CSV has them; where the file names a record's topic (column `focus`
or `topic`) or its type (`question_type`), that is taken.
"""

from core.text.aspects import aspect, topic
from index.corpus import Record

TOPIC_COLUMNS = ("focus", "topic")


def question_topic(record: Record, question: str) -> str:
    """The topic of one of a record's questions: the record's own, unless it answers several ("Is … inherited?")."""
    return record_topic(record) if len(record.questions) == 1 else topic(question).casefold()


def question_aspect(record: Record, question: str) -> str:
    """The aspect of one of a record's questions, likewise."""
    return record_aspect(record) if len(record.questions) == 1 else aspect(question)


def record_topic(record: Record) -> str:
    """The topic of a record, in lower case: its column's if the file has one, else that of its question."""
    named = next((record.metadata[column] for column in TOPIC_COLUMNS if record.metadata.get(column)), "")
    return (named or topic(record.question)).casefold()


def record_aspect(record: Record) -> str:
    """The aspect of a record: its `question_type` if the file has one, else that of its question."""
    return record.metadata.get("question_type") or aspect(record.question)
