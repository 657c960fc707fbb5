"""Ask a CSV's questions again in the words that people use, with the generator: material for `index.tune`.

citewell paraphrase --csv my.csv --to artifacts/asked.jsonl
citewell paraphrase --csv my.csv --to artifacts/asked.jsonl --limit 500

A small model strays often; `index.tune` keeps only questions that lead back to their record. Running the command again
continues where the last run ended.
"""

import json
import random
from pathlib import Path

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from core.command import command_parser
from core.errors import run_command
from core.files import read_jsonl
from core.progress import bar
from core.settings import load
from generator.llm import QwenChat
from index.corpus import Record, read_corpus
from index.topics import record_topic

SYSTEM = (
    "You rephrase questions the way ordinary people type them into a search box: short, plain, everyday words, "
    "no capitals. Keep the name of the disease and what is asked about it."
)
EXAMPLES = (
    ("What are the symptoms of Migraine ?", "my head throbs and light hurts, is that how a migraine feels"),
    ("How to prevent Foodborne Illnesses ?", "how do i keep from getting foodborne illness"),
    ("What are the treatments for Hearing Loss ?", "can anything be done about my hearing loss"),
    ("Is Color Blindness inherited ?", "will my kids get color blindness from me"),
    ("What is (are) Whiplash ?", "doctor says i have whiplash what does that mean"),
)
MAX_TOKENS = 40
TEMPERATURE = 0.7
"""High enough for other words, low enough to stay with the disease (read on 50 questions)."""


def rewritten(llm: QwenChat, question: str) -> str:
    """The question in other words: the first line of what the model writes."""
    chat: list[BaseMessage] = [SystemMessage(SYSTEM)]
    for asked, answer in EXAMPLES:
        chat += [HumanMessage(asked), AIMessage(answer)]
    reply = llm.invoke([*chat, HumanMessage(question)], max_tokens=MAX_TOKENS, temperature=TEMPERATURE)
    return str(reply.text).strip().partition("\n")[0].strip(" \"'")


def sample(records: tuple[Record, ...], limit: int, seed: int = 0) -> list[Record]:
    """Records to be asked about, at random: one of every topic first, then a second of each, and so on."""
    shuffled = list(records)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - a sample, no secret
    turns: dict[str, int] = {}
    ordered = []
    for record in shuffled:
        turn = turns[record_topic(record)] = turns.get(record_topic(record), 0) + 1
        ordered.append((turn, record))
    return [record for _, record in sorted(ordered, key=lambda pair: pair[0])[:limit]]


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = command_parser("dataset.rewrite", __doc__)
    parser.add_argument("--csv", metavar="F", help="the CSV to read (default: data/health_qa.csv)")
    parser.add_argument("--to", metavar="F", type=Path, required=True, help="the JSONL file to write or to continue")
    parser.add_argument("--limit", metavar="N", type=int, default=4000, help="questions in all (default: 4000)")
    arguments = parser.parse_args(argv)
    settings = load({"index.csv": arguments.csv})
    index = settings.index
    corpus = read_corpus(Path(index.csv), index.question_column, index.answer_column, index.encoding)
    begun = arguments.to.is_file() and arguments.to.stat().st_size
    done = {row["record_id"] for row in read_jsonl(arguments.to, "record_id", "question")} if begun else set()
    todo = [record for record in sample(corpus.records, arguments.limit) if record.id not in done]
    if todo:
        llm = QwenChat.from_settings(settings.generator)
        arguments.to.parent.mkdir(parents=True, exist_ok=True)
        with arguments.to.open("a", encoding="utf-8") as file, bar("asking", len(todo), " questions") as progress:
            for record in todo:
                row = {"record_id": record.id, "question": rewritten(llm, record.question)}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                file.flush()  # Ctrl-C loses none
                progress.update()
    print(f"{arguments.to} holds {len(done) + len(todo):,} questions; next: citewell tune --asked {arguments.to}")
    return 0


if __name__ == "__main__":
    run_command(main)
